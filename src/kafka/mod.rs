//! Everything that talks to Kafka. No other module names rdkafka.

mod admin;
mod catalog;
mod client;
mod committed;
mod consumer;
mod create;
pub mod embedded;
mod group_offsets;
mod native;
pub mod producer;

pub use admin::{Admin, AdminError};
pub use catalog::{Catalog, CatalogError, LogEnds, TopicInfo};
pub use client::{Client, ClientError, ClientHealth, KafkaConfig, is_final, is_out_of_range};
pub use consumer::{
    Consumer, Fetched, GroupProtocol, Member, MemberConfig, Membership, RawRecord, Reader, StartAt, share_out,
};
pub use create::create_topic;
pub use group_offsets::{Commit, GroupOffsets};
