//! Topics and the offsets of their logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::Reason;
use kreplay_monitor::look::{Answer, PartitionLook, RecordAt, TimeAnswer, TopicId, TopicLook};
use kreplay_wire::types::{ConfigResource, ConfigValue, IsolationLevel, ListedOffset, OffsetSpec, TopicSelection};
use kreplay_wire::{WireClient, WireError};

use crate::reason::{Subject, reason};

/// Time between two requests for the partitions of a topic.
const METADATA_EVERY: Duration = Duration::from_secs(30);
/// Time between two requests for the settings of a topic or of the brokers.
const SETTINGS_EVERY: Duration = Duration::from_secs(300);

/// The broker setting for how long the offsets of an empty group are kept, in minutes.
const OFFSETS_RETENTION: &str = "offsets.retention.minutes";

/// Offsets by partition, or why there is none.
type Listed = BTreeMap<TopicPartition, Result<ListedOffset, WireError>>;
/// The settings of a resource by name, or why they are not known.
type Settings = Result<BTreeMap<String, ConfigValue>, WireError>;

/// What is kept of a topic.
#[derive(Clone, Debug, Default)]
struct Topic {
    partitions: Option<u32>,
    id: Option<TopicId>,
    asked_at: Option<DateTime<Utc>>,
    settings_at: Option<DateTime<Utc>>,
}

/// The topics and logs of a cluster.
pub(crate) struct Logs {
    client: WireClient,
    topics: BTreeMap<Arc<str>, Topic>,
    retention_asked_at: Option<DateTime<Utc>>,
}

fn is_due(last: Option<DateTime<Utc>>, every: Duration, now: DateTime<Utc>) -> bool {
    last.is_none_or(|last| (now - last).to_std().is_ok_and(|age| age >= every))
}

impl Logs {
    pub(crate) fn new(client: WireClient) -> Self {
        Self { client, topics: BTreeMap::new(), retention_asked_at: None }
    }

    /// The number of partitions of a topic, if known.
    pub(crate) fn partition_count(&self, topic: &str) -> Option<u32> {
        self.topics.get(topic).and_then(|topic| topic.partitions)
    }

    /// Requests partitions, ids and settings of topics, where they are due.
    pub(crate) async fn topics(&mut self, names: &BTreeSet<Arc<str>>) -> BTreeMap<Arc<str>, TopicLook> {
        let now = Utc::now();
        let due = |every, last: fn(&Topic) -> Option<DateTime<Utc>>| {
            let is_due = |name: &&Arc<str>| is_due(self.topics.get(&**name).and_then(last), every, now);
            names.iter().filter(is_due).cloned().collect::<Vec<Arc<str>>>()
        };
        let metadata_due = due(METADATA_EVERY, |topic| topic.asked_at);
        let settings_due = due(SETTINGS_EVERY, |topic| topic.settings_at);
        let text = |name: &Arc<str>| name.to_string();
        let selection = TopicSelection::Named(metadata_due.iter().map(text).collect());
        let resources = settings_due.iter().map(|name| ConfigResource::Topic(name.to_string()));
        let metadata =
            async { if metadata_due.is_empty() { None } else { Some(self.client.metadata(&selection).await) } };
        let settings = async {
            if settings_due.is_empty() {
                return BTreeMap::new();
            }
            self.client.describe_configs(resources.collect::<Vec<_>>(), &["cleanup.policy", "retention.ms"]).await
        };
        let (metadata, mut settings) = tokio::join!(metadata, settings);
        let at = Utc::now();
        let mut looks: BTreeMap<Arc<str>, TopicLook> = BTreeMap::new();
        if let Some(metadata) = metadata {
            for name in metadata_due {
                let found = match &metadata {
                    Ok(metadata) => metadata.topics.get(&*name).cloned(),
                    Err(error) => Some(Err(error.clone())),
                };
                let look = looks.entry(name.clone()).or_default();
                self.take_metadata(&name, found, at, look);
            }
        }
        for name in settings_due {
            let Some(found) = settings.remove(&ConfigResource::Topic(name.to_string())) else { continue };
            self.topics.entry(name.clone()).or_default().settings_at = Some(at);
            let look = looks.entry(name.clone()).or_default();
            (look.compacted, look.retention_ms) = topic_settings(&name, &found, at);
        }
        looks
    }

    fn take_metadata(
        &mut self,
        name: &Arc<str>,
        found: Option<Result<kreplay_wire::types::TopicMetadata, WireError>>,
        at: DateTime<Utc>,
        look: &mut TopicLook,
    ) {
        let topic = self.topics.entry(name.clone()).or_default();
        match found {
            Some(Ok(found)) => {
                topic.asked_at = Some(at);
                let count = u32::try_from(found.partitions.len()).unwrap_or(u32::MAX);
                topic.partitions = Some(count);
                topic.id = Some(u128::from_be_bytes(found.id.0)).filter(|id| *id != 0).map(TopicId);
                look.partitions = Answer::Known(at, count);
                look.topic_id = topic.id;
            }
            Some(Err(error)) => {
                let why = reason(&error, Subject::Topic(name));
                if why == Reason::TopicGone {
                    *topic = Topic::default();
                }
                look.partitions = Answer::Failed(why);
            }
            None => {}
        }
    }

    /// Forgets all topics but these.
    pub(crate) fn retain(&mut self, used: &BTreeSet<&str>) {
        self.topics.retain(|name, _| used.contains(&**name));
    }

    /// Requests the log start, the last stable offset and the end of partitions.
    pub(crate) async fn offsets(
        &self,
        partitions: BTreeSet<TopicPartition>,
    ) -> BTreeMap<TopicPartition, PartitionLook> {
        let all = |spec| partitions.iter().map(|partition| (partition.clone(), spec)).collect::<BTreeMap<_, _>>();
        let (earliest, latest) = (all(OffsetSpec::Earliest), all(OffsetSpec::Latest));
        let (start, stable, end) = tokio::join!(
            self.client.list_offsets(&earliest, IsolationLevel::ReadUncommitted),
            self.client.list_offsets(&latest, IsolationLevel::ReadCommitted),
            self.client.list_offsets(&latest, IsolationLevel::ReadUncommitted),
        );
        let at = Utc::now();
        let answer = |listed: &Listed, partition: &TopicPartition| match listed.get(partition) {
            Some(Ok(ListedOffset { offset: Some(offset), .. })) => Answer::Known(at, *offset),
            Some(Ok(ListedOffset { offset: None, .. })) | None => Answer::NotAsked,
            Some(Err(error)) => Answer::Failed(reason(error, Subject::Topic(&partition.topic))),
        };
        let look = |partition: TopicPartition| {
            let leader_epoch = end.get(&partition).and_then(|found| found.as_ref().ok()?.leader_epoch);
            let look = PartitionLook {
                log_start: answer(&start, &partition),
                stable_end: answer(&stable, &partition),
                end: answer(&end, &partition),
                leader_epoch: leader_epoch.map(|epoch| epoch.0),
                ..PartitionLook::default()
            };
            (partition, look)
        };
        partitions.into_iter().map(look).collect()
    }

    /// Requests the newest record of partitions.
    pub(crate) async fn newest(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BTreeMap<TopicPartition, Answer<Option<RecordAt>>> {
        let asked = partitions.into_iter().map(|partition| (partition, OffsetSpec::MaxTimestamp)).collect();
        let found = self.client.list_offsets(&asked, IsolationLevel::ReadUncommitted).await;
        let at = Utc::now();
        let answer = |(partition, found): (TopicPartition, Result<ListedOffset, WireError>)| {
            let answer = match found {
                Ok(found) => Answer::Known(at, record_at(&found)),
                Err(error) => Answer::Failed(reason(&error, Subject::Topic(&partition.topic))),
            };
            (partition, answer)
        };
        found.into_iter().map(answer).collect()
    }

    /// Requests the first record at or after a time, for each partition. Partitions without an answer are left out:
    /// they are requested again.
    pub(crate) async fn times(&self, queries: Vec<(TopicPartition, i64)>) -> Vec<(TopicPartition, TimeAnswer)> {
        let asked: BTreeMap<TopicPartition, OffsetSpec> = queries
            .iter()
            .map(|(partition, time)| (partition.clone(), OffsetSpec::AtTime { timestamp_ms: *time }))
            .collect();
        let found = self.client.list_offsets(&asked, IsolationLevel::ReadUncommitted).await;
        let answer = |(partition, query_ms): (TopicPartition, i64)| {
            let first = record_at(found.get(&partition)?.as_ref().ok()?);
            let topic_id = self.topics.get(&partition.topic).and_then(|topic| topic.id);
            Some((partition, TimeAnswer { query_ms, first, topic_id }))
        };
        queries.into_iter().filter_map(answer).collect()
    }

    /// Requests `offsets.retention.minutes`, where it is due.
    pub(crate) async fn offsets_retention(&mut self) -> Answer<u64> {
        if !is_due(self.retention_asked_at, SETTINGS_EVERY, Utc::now()) {
            return Answer::NotAsked;
        }
        let Ok(metadata) = self.client.metadata(&TopicSelection::Named(Vec::new())).await else {
            return Answer::NotAsked;
        };
        let Some(broker) = metadata.brokers.first() else { return Answer::NotAsked };
        let resource = ConfigResource::Broker(broker.id);
        let found = self.client.describe_configs([resource.clone()], &[OFFSETS_RETENTION]).await.remove(&resource);
        let at = Utc::now();
        self.retention_asked_at = Some(at);
        match found {
            Some(Ok(settings)) => {
                number(settings.get(OFFSETS_RETENTION)).map_or(Answer::NotAsked, |minutes| Answer::Known(at, minutes))
            }
            Some(Err(error)) => Answer::Failed(reason(&error, Subject::BrokerSettings)),
            None => Answer::NotAsked,
        }
    }

    /// The cluster's id.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(crate) async fn cluster_id(&self) -> Result<Option<String>, WireError> {
        Ok(self.client.metadata(&TopicSelection::Named(Vec::new())).await?.cluster_id)
    }
}

fn record_at(found: &ListedOffset) -> Option<RecordAt> {
    Some(RecordAt { offset: found.offset?, timestamp_ms: found.timestamp_ms? })
}

fn number(setting: Option<&ConfigValue>) -> Option<u64> {
    setting?.value.as_ref()?.parse().ok()
}

/// Whether a topic is compacted, and its retention by time if it deletes records.
fn topic_settings(name: &str, found: &Settings, at: DateTime<Utc>) -> (Answer<bool>, Answer<Option<u64>>) {
    let settings = match found {
        Ok(settings) => settings,
        Err(error) => {
            let why = reason(error, Subject::TopicSettings(name));
            return (Answer::Failed(why.clone()), Answer::Failed(why));
        }
    };
    let Some(policy) = settings.get("cleanup.policy").and_then(|setting| setting.value.as_deref()) else {
        return (Answer::NotAsked, Answer::NotAsked);
    };
    let has = |word| policy.split(',').any(|part| part.trim() == word);
    // Retention is -1 where records are kept for ever; that is no number here.
    let retention_ms = number(settings.get("retention.ms")).filter(|_| has("delete"));
    (Answer::Known(at, has("compact")), Answer::Known(at, retention_ms))
}

/// The partitions of a look whose end is below a committed offset.
pub(crate) fn ends_below<'a>(
    logs: &BTreeMap<TopicPartition, PartitionLook>,
    commits: impl Iterator<Item = (&'a TopicPartition, Offset)>,
) -> BTreeSet<TopicPartition> {
    let is_below = |(partition, offset): &(&TopicPartition, Offset)| {
        logs.get(*partition).and_then(|log| log.end.value()).is_some_and(|end| end < offset)
    };
    commits.filter(is_below).map(|(partition, _)| partition.clone()).collect()
}

#[cfg(test)]
mod tests {
    use kreplay_wire::types::ConfigSource;

    use super::*;

    #[test]
    fn retention_counts_where_records_are_deleted_by_time() {
        let value = |text: &str| ConfigValue {
            value: Some(text.to_owned()),
            source: ConfigSource::Default,
            is_sensitive: false,
        };
        let at = DateTime::UNIX_EPOCH;
        let read = |policy: &str, retention: &str| {
            let pairs = [("cleanup.policy", policy), ("retention.ms", retention)];
            let settings = pairs.map(|(name, text)| (name.to_owned(), value(text))).into_iter().collect();
            let (compacted, retention) = topic_settings("t", &Ok(settings), at);
            (compacted.value().copied().unwrap(), retention.value().copied().unwrap())
        };
        assert_eq!(read("delete", "1000"), (false, Some(1000)));
        assert_eq!(read("compact,delete", "1000"), (true, Some(1000)));
        assert_eq!(read("compact", "1000"), (true, None));
        assert_eq!(read("delete", "-1"), (false, None));
    }

    #[test]
    fn an_end_below_a_committed_offset_is_found() {
        let (low, high) = (Offset::new(5).unwrap(), Offset::new(9).unwrap());
        let partition = TopicPartition::new("t", 0);
        let look = PartitionLook { end: Answer::Known(DateTime::UNIX_EPOCH, low), ..PartitionLook::default() };
        let logs = BTreeMap::from([(partition.clone(), look)]);
        assert_eq!(ends_below(&logs, [(&partition, high)].into_iter()).len(), 1);
        assert!(ends_below(&logs, [(&partition, low)].into_iter()).is_empty());
    }
}
