//! Brokers and topics.

use std::collections::BTreeMap;

use kreplay_model::domain::PartitionId;

use super::{BrokerId, LeaderEpoch, TopicId};
use crate::error::WireError;

/// Which topics to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicSelection {
    /// All topics that the user may describe.
    All,
    /// The topics with these names.
    Named(Vec<String>),
    /// The topics with these ids.
    WithIds(Vec<TopicId>),
}

/// Brokers and topics at one time, as one broker knows them.
#[derive(Clone, Debug)]
pub struct ClusterMetadata {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The brokers.
    pub brokers: Vec<BrokerNode>,
    /// The topics by name. A topic that does not exist, or that the user may not describe, is an error.
    pub topics: BTreeMap<String, Result<TopicMetadata, WireError>>,
    /// The ids that were asked for and that no topic has.
    pub unknown_ids: BTreeMap<TopicId, WireError>,
}

/// A broker and its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerNode {
    /// The broker's number.
    pub id: BrokerId,
    /// The host that the broker advertises.
    pub host: String,
    /// The port that the broker advertises.
    pub port: u16,
    /// The broker's rack.
    pub rack: Option<String>,
}

/// A topic and its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// The topic's id.
    pub id: TopicId,
    /// Whether the topic is one of Kafka's own.
    pub is_internal: bool,
    /// The partitions in ascending order.
    pub partitions: Vec<PartitionMetadata>,
}

/// A partition and its leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// The partition's number.
    pub partition: PartitionId,
    /// The leader; `None` if the partition has none at present.
    pub leader: Option<BrokerId>,
    /// The leader's epoch.
    pub leader_epoch: Option<LeaderEpoch>,
    /// All replicas.
    pub replicas: Vec<BrokerId>,
    /// The replicas that are in sync with the leader.
    pub in_sync_replicas: Vec<BrokerId>,
}
