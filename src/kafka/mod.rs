//! Everything that talks to Kafka. No other module names rdkafka.

mod catalog;
mod client;
mod consumer;
pub mod embedded;
mod native;
pub mod producer;

pub use catalog::{Catalog, CatalogError, LogEnds, TopicInfo};
pub use client::{Client, ClientError, ClientHealth, KafkaConfig, is_final};
pub use consumer::{
    Consumer, Fetched, GroupProtocol, Member, MemberConfig, Membership, RawRecord, Reader, StartAt, share_out,
};
