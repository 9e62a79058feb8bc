//! Brokers and topics.

use std::collections::BTreeMap;
use std::time::Instant;

use kreplay_model::domain::PartitionId;

use super::deadline::Deadline;
use super::{Shared, WireClient};
use crate::address::BrokerAddress;
use crate::api::Api;
use crate::error::WireError;
use crate::message::metadata::{MetadataRequest, MetadataResponse, Partition, TopicRequest};
use crate::types::{
    BrokerId, BrokerNode, ClusterMetadata, LeaderEpoch, PartitionMetadata, TopicId, TopicMetadata, TopicSelection,
};

impl WireClient {
    /// The brokers, and the topics that are selected. No topic is created.
    ///
    /// # Errors
    /// No broker answers in time, or the user may not connect.
    pub async fn metadata(&self, topics: &TopicSelection) -> Result<ClusterMetadata, WireError> {
        self.shared.metadata(topics, self.begin()).await
    }

    /// Checks that the brokers support each of these requests in a version that this client has.
    ///
    /// # Errors
    /// [`WireError::Unsupported`] names the first request without one. Or no broker answers in time, or the user may
    /// not connect.
    pub async fn require(&self, apis: &[Api]) -> Result<(), WireError> {
        let deadline = self.begin();
        self.shared.metadata(&TopicSelection::Named(Vec::new()), deadline).await?;
        self.shared.brokers.require(apis, deadline).await
    }
}

impl Shared {
    pub(super) async fn metadata(
        &self,
        topics: &TopicSelection,
        deadline: Deadline,
    ) -> Result<ClusterMetadata, WireError> {
        let response = self.brokers.ask_any(&request(topics), deadline).await?;
        let metadata = WireError::check(response.error_code, None, || ()).map(|()| cluster_metadata(response))?;
        let address = |node: &BrokerNode| BrokerAddress { host: node.host.as_str().into(), port: node.port };
        self.brokers.replace(metadata.brokers.iter().map(|node| (node.id, address(node))).collect());
        self.leaders.learn(&metadata, Instant::now());
        Ok(metadata)
    }
}

fn request(topics: &TopicSelection) -> MetadataRequest {
    let by_name = |name: &String| TopicRequest { topic_id: TopicId::ZERO, name: Some(name.clone()) };
    let by_id = |id: &TopicId| TopicRequest { topic_id: *id, name: None };
    MetadataRequest {
        topics: match topics {
            TopicSelection::All => None,
            TopicSelection::Named(names) => Some(names.iter().map(by_name).collect()),
            TopicSelection::WithIds(ids) => Some(ids.iter().map(by_id).collect()),
        },
        allow_auto_topic_creation: false,
        include_topic_authorized_operations: false,
    }
}

fn cluster_metadata(response: MetadataResponse) -> ClusterMetadata {
    let brokers = response.brokers.into_iter().filter_map(|broker| {
        let port = u16::try_from(broker.port).ok()?;
        Some(BrokerNode { id: BrokerId(broker.node_id), host: broker.host, port, rack: broker.rack })
    });
    let mut metadata = ClusterMetadata {
        cluster_id: response.cluster_id,
        brokers: brokers.collect(),
        topics: BTreeMap::new(),
        unknown_ids: BTreeMap::new(),
    };
    for topic in response.topics {
        let error = WireError::of(topic.error_code, None);
        match (topic.name, error) {
            (Some(name), Some(error)) => drop(metadata.topics.insert(name, Err(error))),
            (Some(name), None) => {
                let mut partitions: Vec<_> = topic.partitions.into_iter().map(partition_metadata).collect();
                partitions.sort_by_key(|partition| partition.partition);
                let found = TopicMetadata { id: topic.topic_id, is_internal: topic.is_internal, partitions };
                metadata.topics.insert(name, Ok(found));
            }
            (None, Some(error)) => drop(metadata.unknown_ids.insert(topic.topic_id, error)),
            // Either the name or an error is always present.
            (None, None) => {}
        }
    }
    metadata
}

fn partition_metadata(partition: Partition) -> PartitionMetadata {
    let ids = |nodes: Vec<i32>| nodes.into_iter().map(BrokerId).collect();
    PartitionMetadata {
        partition: PartitionId(partition.partition_index),
        leader: (partition.leader_id >= 0).then_some(BrokerId(partition.leader_id)),
        leader_epoch: LeaderEpoch::known(partition.leader_epoch),
        replicas: ids(partition.replica_nodes),
        in_sync_replicas: ids(partition.isr_nodes),
    }
}
