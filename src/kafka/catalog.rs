//! What a cluster holds: its topics, their partitions, and where their logs begin and end.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    consumer::Consumer,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::client::{Client, ClientError, is_outage};
use crate::domain::{Offset, TopicPartition};

/// A topic as the cluster describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// Whether it is one of Kafka's own.
    pub internal: bool,
}

/// A consumer group as the cluster lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupInfo {
    /// Its id.
    pub id: String,
    /// Nobody is a member of it. Brokers before Kafka 2.6 do not say so of any group.
    pub empty: bool,
}

/// The two ends of a partition's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnds {
    /// Which partition.
    pub id: TopicPartition,
    /// The first offset that is still there.
    pub low: Offset,
    /// The offset that the next readable record will have: with `read_committed`, the last stable offset.
    pub end: Offset,
}

/// Something that could not be found out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The client could not be used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A topic is not there.
    #[error("there is no topic `{0}` on this cluster; check its name")]
    UnknownTopic(String),
    /// A topic must not be read.
    #[error("no permission to read topic `{0}`; ask for READ and DESCRIBE on it")]
    NotAuthorized(String),
    /// A topic cannot be described just now.
    #[error("topic `{topic}` cannot be read: {reason}")]
    Topic {
        /// Its name.
        topic: String,
        /// The broker's words.
        reason: String,
    },
    /// A group's offsets cannot be read.
    #[error("the offsets of group `{group}` cannot be read: {reason}")]
    Group {
        /// Its id.
        group: String,
        /// The broker's words.
        reason: String,
    },
}

/// How the ids of librdkafka's mock clusters begin (`rd_kafka_mock_cluster_new` in its `rdkafka_mock.c`).
const MOCK_CLUSTER_ID_PREFIX: &str = "mockCluster";

/// Looks things up on a cluster. Every call waits at most for the time it is given.
#[derive(Clone, Copy)]
pub struct Catalog<'a> {
    pub(super) client: &'a Client,
    pub(super) timeout: Duration,
}

impl<'a> Catalog<'a> {
    /// Looks things up through a client.
    #[must_use]
    pub fn new(client: &'a Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// Every topic that may be seen, sorted by name.
    ///
    /// # Errors
    /// [`CatalogError::Client`] when no broker answers.
    pub fn topics(&self) -> Result<Vec<TopicInfo>, CatalogError> {
        let metadata = self.client.consumer.fetch_metadata(None, self.timeout).map_err(|error| self.failure(&error))?;
        let mut topics: Vec<TopicInfo> = metadata
            .topics()
            .iter()
            .filter(|topic| topic.error().is_none())
            .map(|topic| TopicInfo {
                name: topic.name().to_owned(),
                partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
                internal: topic.name().starts_with("__"),
            })
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// One topic by name. It is never created by asking.
    ///
    /// # Errors
    /// What is wrong with it, or with the connection. A topic that does not exist is only reported after a short second
    /// look, because a new one may not have reached every broker.
    pub fn topic(&self, name: &str) -> Result<TopicInfo, CatalogError> {
        let patience = Instant::now() + self.timeout.min(Duration::from_secs(1));
        loop {
            let metadata =
                self.client.consumer.fetch_metadata(Some(name), self.timeout).map_err(|error| self.failure(&error))?;
            let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
                return Err(CatalogError::UnknownTopic(name.into()));
            };
            let problem = topic.error().map(RDKafkaErrorCode::from);
            match problem {
                None if !topic.partitions().is_empty() => {
                    return Ok(TopicInfo {
                        name: name.into(),
                        partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
                        internal: name.starts_with("__"),
                    });
                }
                Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                    return Err(CatalogError::NotAuthorized(name.into()));
                }
                _ if Instant::now() < patience => std::thread::sleep(Duration::from_millis(100)),
                Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                    return Err(CatalogError::UnknownTopic(name.into()));
                }
                other => {
                    let reason = other.map_or_else(|| "it has no partitions".to_owned(), |code| code.to_string());
                    return Err(CatalogError::Topic { topic: name.into(), reason });
                }
            }
        }
    }

    /// What the cluster calls itself, where it says so.
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.client.consumer.client().fetch_cluster_id(self.timeout).filter(|id| !id.is_empty())
    }

    /// Whether this is librdkafka's mock cluster, which lets requests that it does not know run into their timeout.
    pub(super) fn is_embedded(&self) -> bool {
        self.cluster_id().is_some_and(|id| id.starts_with(MOCK_CLUSTER_ID_PREFIX))
    }

    /// What tells topics apart from others of the same name, by name. Topics that no id is known of are left out: old
    /// brokers have none.
    ///
    /// # Errors
    /// [`CatalogError::Client`] when no broker answers.
    pub fn topic_ids(&self, names: &[String]) -> Result<BTreeMap<String, String>, CatalogError> {
        if self.is_embedded() {
            return Ok(BTreeMap::new());
        }
        match super::native::topics::topic_ids(self.client.consumer.client(), names, self.timeout) {
            Ok(ids) => Ok(ids),
            Err(code) if is_outage(code) => Err(self.failure(&KafkaError::Global(code))),
            // A broker that answers and does not say is one that does not tell topics apart.
            Err(_) => Ok(BTreeMap::new()),
        }
    }

    /// The consumer groups that may be seen, sorted by id, each with whether it is known to be without members.
    ///
    /// # Errors
    /// The broker's words, or [`CatalogError::Client`] when one of them does not answer.
    pub fn groups(&self) -> Result<Vec<GroupInfo>, CatalogError> {
        let patience = Instant::now() + self.timeout;
        let found = loop {
            match super::native::groups::list_groups(self.client.consumer.client(), self.timeout) {
                // A coordinator that is still loading says so.
                Err(_) if Instant::now() < patience => std::thread::sleep(Duration::from_millis(200)),
                answer => break answer.map_err(|code| self.failure(&KafkaError::Global(code)))?,
            }
        };
        let mut groups: Vec<GroupInfo> = found.into_iter().map(|(id, empty)| GroupInfo { id, empty }).collect();
        groups.sort();
        Ok(groups)
    }

    /// Where the logs of some partitions begin and end, in the order asked for.
    ///
    /// # Errors
    /// The first partition that gives no answer.
    pub fn log_ends(&self, partitions: &[TopicPartition]) -> Result<Vec<LogEnds>, CatalogError> {
        // The ends are asked for after the beginnings, so that a beginning is never above its end.
        let lows = self.list_offsets(partitions, |_| NativeOffset::Beginning)?;
        let ends = self.list_offsets(partitions, |_| NativeOffset::End)?;
        partitions
            .iter()
            .zip(lows.into_iter().zip(ends))
            .map(|(id, answers)| match answers {
                (Some(low), Some(end)) => Ok(LogEnds { id: id.clone(), low, end: end.max(low) }),
                _ => Err(no_answer(id)),
            })
            .collect()
    }

    /// The first record of each partition whose timestamp is not before a time, in milliseconds since 1970; `None` where there
    /// is none below the end of the log (with `read_committed`, below its last stable offset).
    ///
    /// # Errors
    /// The first partition that gives no answer.
    pub fn offsets_at(&self, wanted: &[(TopicPartition, u64)]) -> Result<Vec<Option<Offset>>, CatalogError> {
        let ids: Vec<TopicPartition> = wanted.iter().map(|(id, _)| id.clone()).collect();
        self.list_offsets(&ids, |index| {
            // Negative times have meanings of their own, so the type rules them out.
            NativeOffset::Offset(i64::try_from(wanted[index].1).unwrap_or(i64::MAX))
        })
    }

    /// Where the logs of some partitions end now, in the order asked for; `None` where nobody answers for a partition.
    ///
    /// # Errors
    /// No answer at all.
    pub fn ends_now(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Offset>>, CatalogError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for id in partitions {
            list.add_partition_offset(&id.topic, id.partition.0, NativeOffset::End)
                .map_err(|error| self.failure(&error))?;
        }
        let answer =
            self.client.consumer.offsets_for_times(list, self.timeout).map_err(|error| self.failure(&error))?;
        let end = |id: &TopicPartition| {
            let element = answer.find_partition(&id.topic, id.partition.0)?;
            element.error().ok()?;
            match element.offset() {
                NativeOffset::Offset(raw) => Offset::new(raw),
                _ => None,
            }
        };
        Ok(partitions.iter().map(end).collect())
    }

    /// A new topic, or one whose leader has just changed, has no leader that answers for a moment: that is waited for, within
    /// the catalog's time. `which` says what is asked of each partition, by its place in the list.
    fn list_offsets(
        &self,
        partitions: &[TopicPartition],
        which: impl Fn(usize) -> NativeOffset,
    ) -> Result<Vec<Option<Offset>>, CatalogError> {
        if partitions.is_empty() {
            // librdkafka refuses a question about nothing.
            return Ok(Vec::new());
        }
        let patience = Instant::now() + self.timeout;
        loop {
            match self.list_offsets_once(partitions, &which) {
                Err(refusal) if refusal.passes && Instant::now() < patience => {
                    std::thread::sleep(Duration::from_millis(100));
                    // Looks where the leaders are now; an answer that does not come is found out by the next try.
                    drop(self.client.consumer.fetch_metadata(None, self.timeout));
                }
                Err(refusal) => return Err(refusal.error),
                Ok(offsets) => return Ok(offsets),
            }
        }
    }

    /// Kafka answers for many partitions at once: for times, and for its two special ones, the beginning and the end.
    fn list_offsets_once(
        &self,
        partitions: &[TopicPartition],
        which: impl Fn(usize) -> NativeOffset,
    ) -> Result<Vec<Option<Offset>>, Refusal> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (index, id) in partitions.iter().enumerate() {
            list.add_partition_offset(&id.topic, id.partition.0, which(index)).map_err(|error| self.refusal(&error))?;
        }
        let answer =
            self.client.consumer.offsets_for_times(list, self.timeout).map_err(|error| self.refusal(&error))?;
        partitions
            .iter()
            .map(|id| {
                let Some(element) = answer.find_partition(&id.topic, id.partition.0) else {
                    return Err(Refusal { passes: false, error: no_answer(id) });
                };
                // The error comes first: a partition that nobody answered for still has the time that was asked in its offset.
                match (element.error(), element.offset()) {
                    (Err(KafkaError::OffsetFetch(RDKafkaErrorCode::TopicAuthorizationFailed)), _) => {
                        Err(Refusal { passes: false, error: CatalogError::NotAuthorized(id.topic.to_string()) })
                    }
                    (Err(error), _) => Err(Refusal {
                        passes: error.rdkafka_error_code().is_some_and(lacks_leader),
                        error: CatalogError::Topic { topic: id.topic.to_string(), reason: error.to_string() },
                    }),
                    (Ok(()), NativeOffset::Offset(raw)) if raw >= 0 => Ok(Offset::new(raw)),
                    // No record is as young as that.
                    (Ok(()), NativeOffset::End) => Ok(None),
                    (Ok(()), _) => Err(Refusal { passes: false, error: no_answer(id) }),
                }
            })
            .collect()
    }

    fn refusal(&self, error: &KafkaError) -> Refusal {
        Refusal { passes: error.rdkafka_error_code().is_some_and(lacks_leader), error: self.failure(error) }
    }

    pub(super) fn failure(&self, error: &KafkaError) -> CatalogError {
        match error.rdkafka_error_code() {
            Some(code) if is_outage(code) => self.client.unreachable(self.timeout).into(),
            Some(code) => ClientError::Refused(code.to_string()).into(),
            None => ClientError::Refused(error.to_string()).into(),
        }
    }
}

fn no_answer(id: &TopicPartition) -> CatalogError {
    CatalogError::Topic { topic: id.topic.to_string(), reason: "no broker told where its log begins and ends".into() }
}

/// An answer that is none, and whether another try may bring one.
struct Refusal {
    passes: bool,
    error: CatalogError,
}

fn lacks_leader(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::FencedLeaderEpoch
            | RDKafkaErrorCode::UnknownLeaderEpoch
            | RDKafkaErrorCode::ReplicaNotAvailable
            | RDKafkaErrorCode::KafkaStorageError
    )
}
