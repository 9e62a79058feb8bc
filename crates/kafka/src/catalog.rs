//! Read-only queries about a cluster: topics, partitions, log ends, and groups.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Classified, ErrorClass, Offset, TopicPartition};
use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    consumer::Consumer,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    client::{Client, ClientError, is_outage},
    native::groups::NativeListed,
};

/// The time between two requests for a partition whose leader does not answer yet.
pub(super) const LEADER_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// The number of partitions.
    pub partitions: i32,
    /// Whether it is an internal topic of Kafka.
    pub internal: bool,
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupInfo {
    /// Its id.
    pub id: String,
    /// Whether the group is known to have no members. Brokers before Kafka 2.6 do not report the state, so this is
    /// `false` there.
    pub empty: bool,
}

/// Where a partition's log begins and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnds {
    /// The partition.
    pub id: TopicPartition,
    /// The low watermark.
    pub low: Offset,
    /// The offset of the next readable record: with `read_committed`, the last stable offset.
    pub end: Offset,
}

/// A query failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The client could not be used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The topic does not exist.
    #[error("there is no topic `{0}` on this cluster; check its name")]
    UnknownTopic(String),
    /// The credentials do not permit reading the topic.
    #[error("not authorized to read topic `{0}`; READ and DESCRIBE on it are required")]
    NotAuthorized(String),
    /// The topic cannot be described at the moment.
    #[error("topic `{topic}` cannot be read: {reason}")]
    Topic {
        /// Its name.
        topic: String,
        /// The broker's message.
        reason: String,
    },
    /// The topic's creation was requested, but no broker shows it.
    #[error(
        "no broker shows topic `{topic}` within {seconds} s after its creation was requested; check that all brokers are \
         running and that DESCRIBE on it is granted, and run the same command again"
    )]
    NotVisible {
        /// Its name.
        topic: String,
        /// The time waited.
        seconds: u64,
    },
    /// The group's offsets cannot be read.
    #[error("the offsets of group `{group}` cannot be read: {reason}")]
    Group {
        /// Its id.
        group: String,
        /// The broker's message.
        reason: String,
    },
}

impl Classified for CatalogError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::UnknownTopic(_) => ErrorClass::Usage,
            Self::Client(_)
            | Self::NotAuthorized(_)
            | Self::Topic { .. }
            | Self::NotVisible { .. }
            | Self::Group { .. } => ErrorClass::Failed,
        }
    }
}

/// Prefix of the cluster id of librdkafka's mock clusters (`rd_kafka_mock_cluster_new` in its `rdkafka_mock.c`).
const MOCK_CLUSTER_ID_PREFIX: &str = "mockCluster";

/// Queries about a cluster. Every call waits at most for the timeout given to [`Catalog::new`].
#[derive(Clone, Copy)]
pub struct Catalog<'a> {
    pub(super) client: &'a Client,
    pub(super) timeout: Duration,
}

impl<'a> Catalog<'a> {
    /// Queries through `client`, each within `timeout`.
    #[must_use]
    pub fn new(client: &'a Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// All visible topics, sorted by name.
    ///
    /// # Errors
    /// [`CatalogError::Client`] if no broker answers.
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

    /// One topic by name. The query never creates the topic.
    ///
    /// # Errors
    /// Why the topic cannot be read, or a connection error. A missing topic is reported only after retrying for up to a
    /// second, because a new topic may not have reached every broker yet.
    pub fn topic(&self, name: &str) -> Result<TopicInfo, CatalogError> {
        let deadline = Instant::now() + self.timeout.min(Duration::from_secs(1));
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
                _ if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(100)),
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

    /// The cluster id, if the cluster reports one.
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.client.consumer.client().fetch_cluster_id(self.timeout).filter(|id| !id.is_empty())
    }

    /// Whether this is librdkafka's mock cluster, on which unsupported requests run into their timeout.
    pub(super) fn is_embedded(&self) -> bool {
        self.cluster_id().is_some_and(|id| id.starts_with(MOCK_CLUSTER_ID_PREFIX))
    }

    /// Topic ids by topic name. They distinguish a topic from a later one of the same name. Topics without a known id
    /// are left out; old brokers have none.
    ///
    /// # Errors
    /// [`CatalogError::Client`] if no broker answers.
    pub fn topic_ids(&self, names: &[String]) -> Result<BTreeMap<String, String>, CatalogError> {
        if self.is_embedded() {
            return Ok(BTreeMap::new());
        }
        match super::native::topics::topic_ids(self.client.consumer.client(), names, self.timeout) {
            Ok(ids) => Ok(ids),
            Err(code) if is_outage(code) => Err(self.failure(&KafkaError::Global(code))),
            // The broker answered with an error: it does not support topic ids.
            Err(_) => Ok(BTreeMap::new()),
        }
    }

    /// All visible consumer groups, sorted by id.
    ///
    /// # Errors
    /// The broker's message, or [`CatalogError::Client`] if one of the brokers does not answer.
    pub fn groups(&self) -> Result<Vec<GroupInfo>, CatalogError> {
        let deadline = Instant::now() + self.timeout;
        let found = loop {
            let answer = super::native::groups::list_groups(self.client.consumer.client(), self.timeout, None);
            // Without the groups of one broker, the list would be wrong.
            match answer.and_then(|listing| listing.error.map_or(Ok(listing.groups), Err)) {
                // A coordinator that is still loading returns an error.
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(200)),
                answer => break answer.map_err(|code| self.failure(&KafkaError::Global(code)))?,
            }
        };
        let info = |listed: NativeListed| GroupInfo { id: listed.id, empty: listed.is_empty };
        let mut groups: Vec<GroupInfo> = found.into_iter().map(info).collect();
        groups.sort();
        Ok(groups)
    }

    /// The log ends of some partitions, in the order given.
    ///
    /// # Errors
    /// The error of the first partition without an answer.
    pub fn log_ends(&self, partitions: &[TopicPartition]) -> Result<Vec<LogEnds>, CatalogError> {
        // The ends are queried after the beginnings, so that a beginning is never above its end.
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

    /// The offset of the first record of each partition whose timestamp is at or after the given time, in milliseconds
    /// since 1970; `None` if there is none below the end of the log (with `read_committed`, below the last stable
    /// offset).
    ///
    /// # Errors
    /// The error of the first partition without an answer.
    pub fn offsets_at(&self, wanted: &[(TopicPartition, u64)]) -> Result<Vec<Option<Offset>>, CatalogError> {
        let ids: Vec<TopicPartition> = wanted.iter().map(|(id, _)| id.clone()).collect();
        self.list_offsets(&ids, |index| {
            // Kafka gives negative times a special meaning, so the type rules them out.
            NativeOffset::Offset(i64::try_from(wanted[index].1).unwrap_or(i64::MAX))
        })
    }

    /// The current log ends of some partitions, in the order given; `None` for partitions without an answer.
    ///
    /// # Errors
    /// No broker answers.
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

    /// Queries one offset per partition; `which` returns the query for the partition at an index of the list. A
    /// partition of a new topic, or one whose leader has just changed, briefly has no leader that answers; this retries
    /// until the catalog's timeout.
    fn list_offsets(
        &self,
        partitions: &[TopicPartition],
        which: impl Fn(usize) -> NativeOffset,
    ) -> Result<Vec<Option<Offset>>, CatalogError> {
        if partitions.is_empty() {
            // librdkafka rejects an empty list.
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.list_offsets_once(partitions, &which) {
                Err(query_failure) if query_failure.is_retriable && Instant::now() < deadline => {
                    std::thread::sleep(LEADER_RETRY_INTERVAL);
                    // Refreshes the leaders. If this fails, the next attempt reports it.
                    drop(self.client.consumer.fetch_metadata(None, self.timeout));
                }
                Err(query_failure) => return Err(query_failure.error),
                Ok(offsets) => return Ok(offsets),
            }
        }
    }

    /// Sends one request for all partitions: for times, or for Kafka's special times "beginning" and "end".
    fn list_offsets_once(
        &self,
        partitions: &[TopicPartition],
        which: impl Fn(usize) -> NativeOffset,
    ) -> Result<Vec<Option<Offset>>, QueryFailure> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (index, id) in partitions.iter().enumerate() {
            list.add_partition_offset(&id.topic, id.partition.0, which(index))
                .map_err(|error| self.query_failure(&error))?;
        }
        let answer =
            self.client.consumer.offsets_for_times(list, self.timeout).map_err(|error| self.query_failure(&error))?;
        partitions
            .iter()
            .map(|id| {
                let Some(element) = answer.find_partition(&id.topic, id.partition.0) else {
                    return Err(QueryFailure { is_retriable: false, error: no_answer(id) });
                };
                // Check the error first: a partition without an answer still has the queried time in its offset.
                match (element.error(), element.offset()) {
                    (Err(KafkaError::OffsetFetch(RDKafkaErrorCode::TopicAuthorizationFailed)), _) => {
                        Err(QueryFailure {
                            is_retriable: false,
                            error: CatalogError::NotAuthorized(id.topic.to_string()),
                        })
                    }
                    (Err(error), _) => Err(QueryFailure {
                        is_retriable: error.rdkafka_error_code().is_some_and(lacks_leader),
                        error: CatalogError::Topic { topic: id.topic.to_string(), reason: error.to_string() },
                    }),
                    (Ok(()), NativeOffset::Offset(raw)) if raw >= 0 => Ok(Offset::new(raw)),
                    // No record has a timestamp that late.
                    (Ok(()), NativeOffset::End) => Ok(None),
                    (Ok(()), _) => Err(QueryFailure { is_retriable: false, error: no_answer(id) }),
                }
            })
            .collect()
    }

    fn query_failure(&self, error: &KafkaError) -> QueryFailure {
        QueryFailure { is_retriable: error.rdkafka_error_code().is_some_and(lacks_leader), error: self.failure(error) }
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
    CatalogError::Topic { topic: id.topic.to_string(), reason: "no broker returned its offsets".into() }
}

/// A failed query, and whether a retry may succeed.
struct QueryFailure {
    is_retriable: bool,
    error: CatalogError,
}

/// Whether a partition briefly has no leader that answers: it is new, or its leader has just changed.
pub(super) fn lacks_leader(code: RDKafkaErrorCode) -> bool {
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
