//! Reads the record at an offset, or says why there is none.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::{Classified, ErrorClass, Offset, Record, RecordBufferBuilder, Route, Tier},
    inspect::{Placement, RecordId, no_record},
};

use super::{
    Consumer as _, Fetched, Reader,
    catalog::{Catalog, CatalogError},
    client::{Client, ClientError, KafkaConfig, is_final, is_not_authorized, is_out_of_range},
    topic_limits::topic_limits,
};

const READ_TIMEOUT: Duration = Duration::from_millis(50);
/// Maximum time for the cleanup policy of a topic, which only explains a gap.
const POLICY_TIMEOUT: Duration = Duration::from_secs(2);
/// Records that the client fetches ahead. One is read.
const PREFETCHED_RECORDS: &str = "1";

/// Why there is no record to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordLookupError {
    /// The cluster or the topic cannot be asked.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// No client can be created.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The topic has fewer partitions.
    #[error("topic `{topic}` has no partition {partition}; its partitions are 0 to {last}")]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition that was asked for.
        partition: i32,
        /// The topic's last partition.
        last: i32,
    },
    /// The offset is below the beginning of the log.
    #[error("{id} was deleted, by retention or on request; the log begins at {first}")]
    Deleted {
        /// The record that was asked for.
        id: RecordId,
        /// The first offset of the log.
        first: Offset,
    },
    /// The offset is at or above the end of the log.
    #[error("{id} does not exist yet; the log ends at {end}")]
    BeyondEnd {
        /// The record that was asked for.
        id: RecordId,
        /// The end of the log: the offset of the next record.
        end: Offset,
    },
    /// There is no record at the offset, and none after it that can be read.
    #[error("{}, and no record follows it", no_record(*.asked, *.compacts))]
    NothingFollows {
        /// The offset that was asked for.
        asked: Offset,
        /// Whether the topic is compacted; `None` if that is not known.
        compacts: Option<bool>,
    },
    /// The partition cannot be read: librdkafka's message.
    #[error("{id} cannot be read: {reason}")]
    Unreadable {
        /// The record that was asked for.
        id: RecordId,
        /// The message.
        reason: String,
    },
    /// The record did not arrive in time.
    #[error("{id} did not arrive within {} s", .timeout.as_secs())]
    TimedOut {
        /// The record that was asked for.
        id: RecordId,
        /// The time.
        timeout: Duration,
    },
    /// The caller has stopped the lookup.
    #[error("reading the record was stopped")]
    Stopped,
}

impl Classified for RecordLookupError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Catalog(error) => error.class(),
            Self::NoPartition { .. } => ErrorClass::Usage,
            Self::Stopped => ErrorClass::Stopped,
            Self::Client(_)
            | Self::Deleted { .. }
            | Self::BeyondEnd { .. }
            | Self::NothingFollows { .. }
            | Self::Unreadable { .. }
            | Self::TimedOut { .. } => ErrorClass::Failed,
        }
    }
}

/// A record that was found.
#[derive(Clone, Debug)]
pub struct FoundRecord {
    /// The record. Its `partition` is 0, because there is no plan.
    pub record: Record,
    /// How it relates to the offset that was asked for.
    pub placement: Placement,
}

/// Reads single records through connections of their own, outside any group. Nothing is committed.
pub struct RecordLookup<'a> {
    config: &'a KafkaConfig,
    timeout: Duration,
    is_stopped: &'a dyn Fn() -> bool,
}

impl<'a> RecordLookup<'a> {
    /// Reads from a cluster. Each request, and each of at most two reads, takes at most `timeout`. `is_stopped` is
    /// asked between requests and at least every 50 ms while reading.
    #[must_use]
    pub fn new(config: &'a KafkaConfig, timeout: Duration, is_stopped: &'a dyn Fn() -> bool) -> Self {
        Self { config, timeout, is_stopped }
    }

    /// The record at an offset. A record whose transaction was aborted, or is open, is found, too. Without a record at
    /// the offset, the next one that consumers of committed records read.
    ///
    /// # Errors
    /// Why there is no record to show.
    pub fn find(&self, id: &RecordId) -> Result<FoundRecord, RecordLookupError> {
        let client = self.client("read_committed")?;
        let found = self.find_with(&client, id);
        client.close();
        found
    }

    fn find_with(&self, client: &Client, id: &RecordId) -> Result<FoundRecord, RecordLookupError> {
        let catalog = Catalog::new(client, self.timeout);
        let partition = &id.partition;
        let topic = catalog.topic(&partition.topic)?;
        if partition.partition.0 >= topic.partitions {
            let (topic, last) = (topic.name, topic.partitions - 1);
            return Err(RecordLookupError::NoPartition { topic, partition: partition.partition.0, last });
        }
        self.check_stopped()?;
        let ends = catalog.log_ends(std::slice::from_ref(partition))?;
        let Some(ends) = ends.first() else { return Err(unreadable(id, "no broker returned its offsets")) };
        let high = catalog.high_watermarks(std::slice::from_ref(partition))?.first().copied().flatten();
        let end = high.unwrap_or(ends.end).max(ends.end);
        if id.offset < ends.low {
            return Err(RecordLookupError::Deleted { id: id.clone(), first: ends.low });
        }
        if id.offset >= end {
            return Err(RecordLookupError::BeyondEnd { id: id.clone(), end });
        }
        self.check_stopped()?;
        let is_stable = id.offset < ends.end;
        let committed = if is_stable { self.first_record(client, id)? } else { None };
        if let Some(record) = committed.as_ref().filter(|record| record.offset == id.offset.get()) {
            return Ok(FoundRecord { record: record.clone(), placement: Placement::Exact });
        }
        if let Some(record) = self.uncommitted(id)? {
            let placement = if is_stable { Placement::Aborted } else { Placement::HeldBack };
            return Ok(FoundRecord { record, placement });
        }
        let compacts = self.compacts(&partition.topic);
        let next = || RecordLookupError::NothingFollows { asked: id.offset, compacts };
        let record = committed.ok_or_else(next)?;
        Ok(FoundRecord { record, placement: Placement::Next { asked: id.offset, compacts } })
    }

    /// The record at exactly this offset, whether or not its transaction was committed.
    fn uncommitted(&self, id: &RecordId) -> Result<Option<Record>, RecordLookupError> {
        self.check_stopped()?;
        let client = self.client("read_uncommitted")?;
        // Fetches the metadata up front, so that the partition does not wait for librdkafka's periodic refresh.
        let known = Catalog::new(&client, self.timeout).topic(&id.partition.topic);
        let found = known.map_err(RecordLookupError::from).and_then(|_| self.first_record(&client, id));
        client.close();
        Ok(found?.filter(|record| record.offset == id.offset.get()))
    }

    /// The first record at or above the offset; `None` if the end of the log comes first.
    fn first_record(&self, client: &Client, id: &RecordId) -> Result<Option<Record>, RecordLookupError> {
        let mut reader = Reader::new(client.clone(), Tier::Standard)?;
        reader.start(&id.partition, id.offset)?;
        let found = self.read_one(&mut reader, id);
        reader.close();
        found
    }

    fn read_one(&self, reader: &mut Reader, id: &RecordId) -> Result<Option<Record>, RecordLookupError> {
        let deadline = Instant::now() + self.timeout;
        loop {
            self.check_stopped()?;
            if Instant::now() >= deadline {
                return Err(RecordLookupError::TimedOut { id: id.clone(), timeout: self.timeout });
            }
            let mut builder = RecordBufferBuilder::default();
            let (mut is_at_end, mut failure) = (false, None);
            reader.read(READ_TIMEOUT, 1, &mut |fetched| match fetched {
                Fetched::Record(record) => {
                    let (key, value) = (record.key(), record.value());
                    builder.push(0, 0, record.offset(), record.timestamp_ms(), Route::default(), key, value);
                    record.headers(|name, value| builder.push_header(name, value));
                }
                Fetched::End { .. } => is_at_end = true,
                Fetched::Error { code, text, .. } if is_final(code) || is_out_of_range(code) => {
                    let reason = if text.is_empty() { code.to_string() } else { text.to_owned() };
                    failure = Some(if is_not_authorized(code) {
                        CatalogError::NotAuthorized(id.partition.topic.to_string()).into()
                    } else {
                        unreadable(id, reason)
                    });
                }
                Fetched::Error { .. } => {}
            });
            let mut records = Vec::new();
            builder.finish(&Arc::default(), &mut records);
            match (failure, records.pop()) {
                (_, Some(record)) => return Ok(Some(record)),
                (Some(failure), None) => return Err(failure),
                (None, None) if is_at_end => return Ok(None),
                (None, None) => {}
            }
        }
    }

    /// Whether a topic is compacted; `None` if the broker does not say.
    fn compacts(&self, topic: &str) -> Option<bool> {
        let limits = topic_limits(self.config, &[topic], self.timeout.min(POLICY_TIMEOUT));
        limits.get(topic).map(|limits| limits.compacts)
    }

    fn client(&self, isolation: &str) -> Result<Client, ClientError> {
        let mut config = self.config.clone();
        config.properties.insert("isolation.level".into(), isolation.into());
        config.properties.insert("queued.min.messages".into(), PREFETCHED_RECORDS.into());
        Client::new(&config, &Arc::default())
    }

    fn check_stopped(&self) -> Result<(), RecordLookupError> {
        if (self.is_stopped)() { Err(RecordLookupError::Stopped) } else { Ok(()) }
    }
}

fn unreadable(id: &RecordId, reason: impl Into<String>) -> RecordLookupError {
    RecordLookupError::Unreadable { id: id.clone(), reason: reason.into() }
}
