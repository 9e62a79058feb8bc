//! Asks the leaders of partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures_util::future::join_all;
use kreplay_model::domain::TopicPartition;
use parking_lot::Mutex;

use super::Shared;
use super::backoff::Backoff;
use super::deadline::Deadline;
use super::found::Found;
use crate::api::Api;
use crate::error::WireError;
use crate::error_code::ErrorCode;
use crate::message::Request;
use crate::types::{BrokerId, ClusterMetadata, TopicSelection};

/// The largest number of partitions in one request.
const MAX_PARTITIONS_PER_REQUEST: usize = 1000;

/// A request about partitions.
pub(super) trait LeaderQuery: Sync {
    type Request: Request + Send + Sync;
    type Item: Send;

    /// The request for some of the partitions.
    fn request(&self, partitions: &[TopicPartition]) -> Self::Request;

    /// What the response says about each partition.
    fn items(response: <Self::Request as Request>::Response) -> Vec<(TopicPartition, Result<Self::Item, WireError>)>;
}

/// The leaders that have been found.
#[derive(Default)]
pub(super) struct Leaders(Mutex<Found<TopicPartition>>);

impl Leaders {
    fn cached(&self, partition: &TopicPartition, now: Instant) -> Option<BrokerId> {
        self.0.lock().get(partition, now)
    }

    fn forget(&self, partition: &TopicPartition) {
        self.0.lock().remove(partition);
    }

    /// Takes the leaders of the topics of a metadata response, and forgets those that are not used any more.
    pub(super) fn learn(&self, metadata: &ClusterMetadata, now: Instant) {
        let mut leaders = self.0.lock();
        for (name, topic) in &metadata.topics {
            let Ok(topic) = topic else { continue };
            for partition in &topic.partitions {
                let key = TopicPartition::new(name.as_str(), partition.partition.0);
                match partition.leader {
                    Some(leader) => leaders.insert(key, leader, now),
                    None => leaders.remove(&key),
                }
            }
        }
        leaders.forget_unused(now);
    }
}

/// Where a partition's leader comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Cache,
    Metadata,
}

impl Shared {
    /// Asks about all partitions. Partitions whose leader has moved or is not ready are asked about again until the
    /// deadline.
    pub(super) async fn ask_leaders<Q: LeaderQuery>(
        &self,
        query: &Q,
        partitions: impl IntoIterator<Item = TopicPartition>,
        deadline: Deadline,
    ) -> BTreeMap<TopicPartition, Result<Q::Item, WireError>> {
        let mut pending: BTreeMap<TopicPartition, Option<WireError>> =
            partitions.into_iter().map(|partition| (partition, None)).collect();
        let mut done = BTreeMap::new();
        let mut backoff = Backoff::new();
        while !pending.is_empty() {
            let round = self.leader_round(query, pending.keys().cloned().collect(), deadline).await;
            for (partition, source, result) in round {
                // A broker that has lost a partition may not know its topic any more.
                let may_be_stale = source == Source::Cache
                    && matches!(&result, Err(error) if error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
                match result {
                    Err(error) if error.is_retriable() || may_be_stale => {
                        self.leaders.forget(&partition);
                        pending.entry(partition).and_modify(|last| *last = Some(error));
                    }
                    result => {
                        if pending.remove(&partition).is_some() {
                            done.insert(partition, result);
                        }
                    }
                }
            }
            if !pending.is_empty() && !deadline.pause(backoff.next()).await {
                done.extend(pending.into_iter().map(|(partition, last)| (partition, Err(deadline.timeout(last)))));
                break;
            }
        }
        done
    }

    /// Asks about each partition once. Each partition has a result.
    async fn leader_round<Q: LeaderQuery>(
        &self,
        query: &Q,
        partitions: Vec<TopicPartition>,
        deadline: Deadline,
    ) -> Vec<(TopicPartition, Source, Result<Q::Item, WireError>)> {
        let mut results = Vec::with_capacity(partitions.len());
        let mut by_leader: BTreeMap<BrokerId, Vec<(TopicPartition, Source)>> = BTreeMap::new();
        for (partition, source, leader) in self.find_leaders(partitions, deadline).await {
            match leader {
                Ok(leader) => by_leader.entry(leader).or_default().push((partition, source)),
                Err(error) => results.push((partition, source, Err(error))),
            }
        }
        let chunks = by_leader.iter().flat_map(|(leader, partitions)| {
            partitions.chunks(MAX_PARTITIONS_PER_REQUEST).map(move |chunk| (*leader, chunk))
        });
        let requests = chunks.map(|(leader, chunk)| async move {
            let partitions: Vec<_> = chunk.iter().map(|(partition, _)| partition.clone()).collect();
            let answers = self.brokers.ask(leader, &query.request(&partitions), deadline).await.map(Q::items);
            (chunk, answers)
        });
        for (chunk, answers) in join_all(requests).await {
            let mut answers = match answers {
                Ok(answers) => answers.into_iter().collect::<BTreeMap<_, _>>(),
                Err(error) => {
                    let failed =
                        chunk.iter().cloned().map(|(partition, source)| (partition, source, Err(error.clone())));
                    results.extend(failed);
                    continue;
                }
            };
            for (partition, source) in chunk {
                let silent = || Err(WireError::NoAnswer(<Q::Request as Request>::API));
                let answer = answers.remove(partition).unwrap_or_else(silent);
                results.push((partition.clone(), *source, answer));
            }
        }
        results
    }

    /// The leader of each partition, from the cache or from the metadata of its topic.
    async fn find_leaders(
        &self,
        partitions: Vec<TopicPartition>,
        deadline: Deadline,
    ) -> Vec<(TopicPartition, Source, Result<BrokerId, WireError>)> {
        let (mut found, mut missing) = (Vec::with_capacity(partitions.len()), Vec::new());
        for partition in partitions {
            match self.leaders.cached(&partition, Instant::now()) {
                Some(leader) => found.push((partition, Source::Cache, Ok(leader))),
                None => missing.push(partition),
            }
        }
        if missing.is_empty() {
            return found;
        }
        let topics: BTreeSet<String> = missing.iter().map(|partition| partition.topic.to_string()).collect();
        let metadata = self.metadata(&TopicSelection::Named(topics.into_iter().collect()), deadline).await;
        for partition in missing {
            let leader = metadata.as_ref().map_err(Clone::clone).and_then(|metadata| leader(metadata, &partition));
            found.push((partition, Source::Metadata, leader));
        }
        found
    }
}

fn leader(metadata: &ClusterMetadata, partition: &TopicPartition) -> Result<BrokerId, WireError> {
    let kafka = |code| WireError::Kafka { code, message: None };
    let topic = metadata.topics.get(partition.topic.as_ref()).ok_or(WireError::NoAnswer(Api::Metadata))?;
    let topic = topic.as_ref().map_err(Clone::clone)?;
    let found = topic.partitions.iter().find(|found| found.partition == partition.partition);
    let found = found.ok_or_else(|| kafka(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
    found.leader.ok_or_else(|| kafka(ErrorCode::LEADER_NOT_AVAILABLE))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kreplay_model::domain::PartitionId;

    use super::*;
    use crate::types::{PartitionMetadata, TopicId, TopicMetadata};

    /// A topic with one partition.
    fn metadata(topic: &str) -> ClusterMetadata {
        let partition = PartitionMetadata {
            partition: PartitionId(0),
            leader: Some(BrokerId(1)),
            leader_epoch: None,
            replicas: Vec::new(),
            in_sync_replicas: Vec::new(),
        };
        let found = TopicMetadata { id: TopicId::ZERO, is_internal: false, partitions: vec![partition] };
        ClusterMetadata {
            cluster_id: None,
            brokers: Vec::new(),
            topics: BTreeMap::from([(topic.to_owned(), Ok(found))]),
            unknown_ids: BTreeMap::new(),
        }
    }

    #[test]
    fn leaders_of_topics_that_are_gone_are_forgotten() {
        let leaders = Leaders::default();
        let (began, later) = (Instant::now(), Instant::now() + Duration::from_secs(3_600));
        leaders.learn(&metadata("old"), began);
        assert_eq!(leaders.cached(&TopicPartition::new("old", 0), began), Some(BrokerId(1)));
        leaders.learn(&metadata("new"), later);
        let left = ["old", "new"].map(|topic| leaders.cached(&TopicPartition::new(topic, 0), later));
        assert_eq!(left, [None, Some(BrokerId(1))]);
    }
}
