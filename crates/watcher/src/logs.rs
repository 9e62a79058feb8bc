//! Topics and the offsets of their logs.
//!
//! What is due follows from the monotonic clock: after the wall clock is set back, nothing may wait for it to catch up.

mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::Reason;
use kreplay_monitor::look::{Answer, PartitionLook, RecordAt, TimeAnswer, TopicId, TopicLook};

use self::settings::SettingsRequests;
use crate::source::{Settings, TopicFound, WatchClient};

/// Time between two requests for the partitions of a topic.
const METADATA_EVERY: Duration = Duration::from_secs(30);

/// The broker setting for how long the offsets of an empty group are kept, in minutes.
const OFFSETS_RETENTION: &str = "offsets.retention.minutes";

/// What is kept of a topic.
#[derive(Clone, Debug, Default)]
struct Topic {
    partitions: Option<u32>,
    id: Option<TopicId>,
    /// When its partitions are requested again; at once if `None`.
    metadata_due: Option<Instant>,
    settings: SettingsRequests,
}

impl Topic {
    fn is_metadata_due(&self, now: Instant) -> bool {
        self.metadata_due.is_none_or(|due| now >= due)
    }

    /// Takes an answer that arrived `at` this time, which is `now`, and adds it to a look.
    fn take_metadata(
        &mut self,
        found: Result<TopicFound, Reason>,
        at: DateTime<Utc>,
        now: Instant,
        look: &mut TopicLook,
    ) {
        match found {
            Ok(found) => {
                self.metadata_due = Some(now + METADATA_EVERY);
                self.partitions = Some(found.partitions);
                self.id = found.id;
                look.partitions = Answer::Known(at, found.partitions);
                look.topic_id = self.id;
            }
            Err(why) => {
                if why == Reason::TopicGone {
                    *self = Self::default();
                }
                look.partitions = Answer::Failed(why);
            }
        }
    }
}

/// The topics and logs of a cluster.
pub(crate) struct Logs {
    client: WatchClient,
    topics: BTreeMap<Arc<str>, Topic>,
    /// The requests for `offsets.retention.minutes`.
    retention: SettingsRequests,
}

impl Logs {
    pub(crate) fn new(client: WatchClient) -> Self {
        Self { client, topics: BTreeMap::new(), retention: SettingsRequests::default() }
    }

    /// Asks through another client from now on.
    pub(crate) fn ask_through(&mut self, client: WatchClient) {
        self.client = client;
    }

    /// The number of partitions of a topic, if known.
    pub(crate) fn partition_count(&self, topic: &str) -> Option<u32> {
        self.topics.get(topic).and_then(|topic| topic.partitions)
    }

    /// Requests partitions, ids and settings of topics, where they are due.
    pub(crate) async fn topics(&mut self, names: &BTreeSet<Arc<str>>) -> BTreeMap<Arc<str>, TopicLook> {
        let now = Instant::now();
        let due = |is_due: fn(&Topic, Instant) -> bool| {
            let is_new_or_due = |name: &&Arc<str>| self.topics.get(&**name).is_none_or(|topic| is_due(topic, now));
            names.iter().filter(is_new_or_due).cloned().collect::<Vec<Arc<str>>>()
        };
        let metadata_due = due(Topic::is_metadata_due);
        let settings_due = due(|topic, now| topic.settings.is_due(now));
        let metadata =
            async { if metadata_due.is_empty() { BTreeMap::new() } else { self.client.topics(&metadata_due).await } };
        let settings = async {
            if settings_due.is_empty() { BTreeMap::new() } else { self.client.topic_settings(&settings_due).await }
        };
        let (metadata, settings) = tokio::join!(metadata, settings);
        let (at, now) = (Utc::now(), Instant::now());
        let mut looks: BTreeMap<Arc<str>, TopicLook> = BTreeMap::new();
        for (name, found) in metadata {
            let topic = self.topics.entry(name.clone()).or_default();
            topic.take_metadata(found, at, now, looks.entry(name).or_default());
        }
        for (name, found) in settings {
            let requests = &mut self.topics.entry(name.clone()).or_default().settings;
            let look = looks.entry(name).or_default();
            if let Some(found) = requests.take(found, now) {
                (look.compacted, look.retention_ms) = topic_settings(found, at);
            }
        }
        looks
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
        self.client.offsets(partitions).await
    }

    /// Requests the newest record of partitions.
    pub(crate) async fn newest(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BTreeMap<TopicPartition, Answer<Option<RecordAt>>> {
        self.client.newest(partitions).await
    }

    /// Requests the first record at or after a time, for each partition. Partitions without an answer are left out:
    /// they are requested again.
    pub(crate) async fn times(&self, queries: Vec<(TopicPartition, i64)>) -> Vec<(TopicPartition, TimeAnswer)> {
        let found = self.client.first_since(&queries).await;
        let answer = |(partition, query_ms): (TopicPartition, i64)| {
            let first = *found.get(&partition)?;
            let topic_id = self.topics.get(&partition.topic).and_then(|topic| topic.id);
            Some((partition, TimeAnswer { query_ms, first, topic_id }))
        };
        queries.into_iter().filter_map(answer).collect()
    }

    /// Requests `offsets.retention.minutes`, where it is due.
    pub(crate) async fn offsets_retention(&mut self) -> Answer<u64> {
        if !self.retention.is_due(Instant::now()) {
            return Answer::NotAsked;
        }
        let Some(found) = self.client.broker_setting(OFFSETS_RETENTION).await else { return Answer::NotAsked };
        match self.retention.take(found, Instant::now()) {
            Some(Ok(setting)) => {
                let minutes = setting.and_then(|minutes| minutes.parse().ok());
                minutes.map_or(Answer::NotAsked, |minutes| Answer::Known(Utc::now(), minutes))
            }
            Some(Err(why)) => Answer::Failed(why),
            None => Answer::NotAsked,
        }
    }
}

/// Whether a topic is compacted, and its retention by time if it deletes records.
fn topic_settings(found: Result<Settings, Reason>, at: DateTime<Utc>) -> (Answer<bool>, Answer<Option<u64>>) {
    let settings = match found {
        Ok(settings) => settings,
        Err(why) => return (Answer::Failed(why.clone()), Answer::Failed(why)),
    };
    let Some(policy) = settings.get("cleanup.policy") else {
        return (Answer::NotAsked, Answer::NotAsked);
    };
    let has = |word| policy.split(',').any(|part| part.trim() == word);
    // Retention is -1 where records are kept for ever; that is no number here.
    let retention_ms = settings.get("retention.ms").and_then(|text| text.parse().ok()).filter(|_| has("delete"));
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
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn partitions_are_requested_again_in_time_after_the_wall_clock_was_set_back() {
        let now = Instant::now();
        let (mut topic, mut look) = (Topic::default(), TopicLook::default());
        assert!(topic.is_metadata_due(now));
        // The answer arrived an hour later than the wall clock says now.
        let at = Utc::now() + TimeDelta::hours(1);
        topic.take_metadata(Ok(TopicFound { partitions: 3, id: None }), at, now, &mut look);
        assert_eq!(look.partitions, Answer::Known(at, 3));
        assert!(!topic.is_metadata_due(now) && topic.is_metadata_due(now + METADATA_EVERY));
        topic.take_metadata(Err(Reason::TopicGone), at, now, &mut look);
        assert!(topic.is_metadata_due(now) && topic.partitions.is_none());
    }

    #[test]
    fn retention_counts_where_records_are_deleted_by_time() {
        let at = DateTime::UNIX_EPOCH;
        let read = |policy: &str, retention: &str| {
            let pairs = [("cleanup.policy", policy), ("retention.ms", retention)];
            let settings = pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).into_iter().collect();
            let (compacted, retention) = topic_settings(Ok(settings), at);
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
