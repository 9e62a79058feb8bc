//! The Kafka layer. No other module uses rdkafka.

mod catalog;
mod client;
mod committed;
mod committed_groups;
mod consumer;
mod create;
pub mod embedded;
mod group_admin;
mod group_client;
mod group_lag;
mod group_member;
mod group_offsets;
mod group_viewer;
mod held_back;
mod native;
pub mod producer;
mod record_lookup;
mod topic_limits;

pub use catalog::{Catalog, CatalogError, GroupInfo, LogEnds, TopicInfo};
pub use client::{
    Client, ClientError, ClientHealth, Gone, KafkaConfig, Presence, is_final, is_not_authorized, is_out_of_range,
};
pub use consumer::{
    AssignedPartition, CommittedError, Consumer, Fetched, GroupProtocol, Member, MemberConfig, Membership, RawRecord,
    Reader, StartAt, share_out,
};
pub use create::{NewTopicSpec, create_topic, create_topics, delete_groups, delete_topics};
pub use group_admin::{
    ChangeFailure, ChangeResults, DescribedGroup, DescribedMember, GroupAdmin, GroupAdminError, StoredOffset,
};
pub use group_lag::{GroupLag, GroupLagError, ObservedLag};
pub use group_member::{GroupMember, GroupMetadata};
pub use group_offsets::{Commit, GroupOffsets};
pub use group_viewer::{
    GroupViewer, LogPlace, Patience, SeenCommit, SeenCommits, SeenError, SeenGroup, SeenListed, SeenListing,
    SeenMember, SeenOffset, SeenProtocol, SeenTopic, Settings,
};
pub use record_lookup::{FoundRecord, RecordLookup, RecordLookupError};
pub use topic_limits::{TimestampRefusal, TopicLimits, default_limits, span, topic_limits};
