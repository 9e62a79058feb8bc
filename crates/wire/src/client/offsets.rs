//! Committed offsets of groups, and offsets of logs.

use std::collections::BTreeMap;

use kreplay_model::domain::{Offset, TopicPartition};

use super::WireClient;
use super::coordinators::{CoordinatorQuery, KeyType};
use super::leaders::LeaderQuery;
use crate::error::WireError;
use crate::message::list_offsets::{ListOffsetsRequest, ListOffsetsResponse, PartitionRequest, TopicRequest};
use crate::message::offset_fetch::{GroupRequest, OffsetFetchRequest, OffsetFetchResponse, PartitionResponse};
use crate::types::{CommittedOffset, GroupId, IsolationLevel, LeaderEpoch, ListedOffset, OffsetSpec};

/// For how long a broker may wait for remote storage.
const REMOTE_STORAGE_TIMEOUT_MS: i32 = 10_000;

/// The committed offsets of a group by partition. `None`: the broker lists the partition without an offset.
type CommittedOffsets = BTreeMap<TopicPartition, Result<Option<CommittedOffset>, WireError>>;

impl WireClient {
    /// The committed offsets of groups, for all partitions that have any. A group without any, or one that does not
    /// exist, has an empty map. Share groups have no committed offsets, see [`WireClient::share_group_offsets`].
    ///
    /// With `require_stable`, a partition with a transactional commit that is still open is an error instead of the
    /// offset before it.
    pub async fn committed_offsets(
        &self,
        groups: impl IntoIterator<Item = GroupId>,
        require_stable: bool,
    ) -> BTreeMap<GroupId, Result<CommittedOffsets, WireError>> {
        self.describe(&CommittedQuery { require_stable }, groups).await
    }

    /// One offset of each partition. Only DESCRIBE rights on the topics are needed, and no record is read.
    pub async fn list_offsets(
        &self,
        partitions: &BTreeMap<TopicPartition, OffsetSpec>,
        isolation_level: IsolationLevel,
    ) -> BTreeMap<TopicPartition, Result<ListedOffset, WireError>> {
        let query = ListedQuery { specs: partitions, isolation_level };
        self.shared.ask_leaders(&query, partitions.keys().cloned(), self.begin()).await
    }
}

struct CommittedQuery {
    require_stable: bool,
}

impl CoordinatorQuery for CommittedQuery {
    const KEY_TYPE: KeyType = KeyType::Group;
    type Request = OffsetFetchRequest;
    type Item = CommittedOffsets;

    fn request(&self, groups: Vec<String>) -> OffsetFetchRequest {
        let group = |group_id| GroupRequest { group_id, member_id: None, member_epoch: -1, topics: None };
        OffsetFetchRequest { groups: groups.into_iter().map(group).collect(), require_stable: self.require_stable }
    }

    fn items(response: OffsetFetchResponse) -> Vec<(String, Result<CommittedOffsets, WireError>)> {
        let groups = response.groups.into_iter().map(|group| {
            let offsets = WireError::check(group.error_code, None, || {
                let of_topic = |topic: crate::message::offset_fetch::TopicResponse| {
                    let partition = move |partition: PartitionResponse| {
                        let key = TopicPartition::new(topic.name.as_str(), partition.partition_index);
                        (key, committed(partition))
                    };
                    topic.partitions.into_iter().map(partition)
                };
                group.topics.into_iter().flat_map(of_topic).collect()
            });
            (group.group_id, offsets)
        });
        groups.collect()
    }
}

fn committed(partition: PartitionResponse) -> Result<Option<CommittedOffset>, WireError> {
    WireError::check(partition.error_code, None, || {
        Some(CommittedOffset {
            offset: Offset::new(partition.committed_offset)?,
            leader_epoch: LeaderEpoch::known(partition.committed_leader_epoch),
            metadata: partition.metadata.unwrap_or_default(),
        })
    })
}

struct ListedQuery<'a> {
    specs: &'a BTreeMap<TopicPartition, OffsetSpec>,
    isolation_level: IsolationLevel,
}

impl LeaderQuery for ListedQuery<'_> {
    type Request = ListOffsetsRequest;
    type Item = ListedOffset;

    fn request(&self, partitions: &[TopicPartition]) -> ListOffsetsRequest {
        let mut topics: BTreeMap<&str, Vec<PartitionRequest>> = BTreeMap::new();
        for partition in partitions {
            let Some(spec) = self.specs.get(partition) else { continue };
            topics.entry(&partition.topic).or_default().push(PartitionRequest {
                partition_index: partition.partition.0,
                current_leader_epoch: -1,
                timestamp: spec.timestamp(),
            });
        }
        let topic = |(name, partitions): (&str, _)| TopicRequest { name: name.to_owned(), partitions };
        ListOffsetsRequest {
            replica_id: -1,
            isolation_level: self.isolation_level.number(),
            topics: topics.into_iter().map(topic).collect(),
            timeout_ms: REMOTE_STORAGE_TIMEOUT_MS,
        }
    }

    fn items(response: ListOffsetsResponse) -> Vec<(TopicPartition, Result<ListedOffset, WireError>)> {
        let mut items = Vec::new();
        for topic in response.topics {
            for partition in topic.partitions {
                let listed = WireError::check(partition.error_code, None, || ListedOffset {
                    offset: Offset::new(partition.offset),
                    timestamp_ms: (partition.timestamp >= 0).then_some(partition.timestamp),
                    leader_epoch: LeaderEpoch::known(partition.leader_epoch),
                });
                items.push((TopicPartition::new(topic.name.as_str(), partition.partition_index), listed));
            }
        }
        items
    }
}
