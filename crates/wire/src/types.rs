//! What the client returns: ids, epochs, groups, offsets, transactions and settings as plain values.

mod cluster;
mod config;
mod group;
mod id;
mod offset;
mod share;
mod streams;
mod transaction;

pub use crate::topic_id::TopicId;
pub use cluster::{BrokerNode, ClusterMetadata, PartitionMetadata, TopicMetadata, TopicSelection};
pub use config::{ConfigResource, ConfigSource, ConfigValue};
pub use group::{
    AssignedTopic, ClassicGroup, ClassicMember, ConsumerGroup, ConsumerMember, GroupFilter, GroupListing, GroupState,
    GroupType, ListedGroup, MemberData, MemberProtocol, Subscription,
};
pub use id::{
    AssignmentEpoch, BrokerId, GroupEpoch, GroupId, LeaderEpoch, MemberEpoch, ProducerId, TopologyEpoch,
    TransactionalId,
};
pub use offset::{CommittedOffset, IsolationLevel, ListedOffset, OffsetSpec};
pub use share::{ShareGroup, ShareMember, ShareOffset};
pub use streams::{StreamsGroup, StreamsMember, StreamsTask, Subtopology, TaskAssignment, TaskOffset, Topology};
pub use transaction::{
    ActiveProducer, ListedTransaction, Transaction, TransactionFilter, TransactionListing, TransactionState,
};
