//! Looks up times on a cluster.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use kreplay_kafka::{Catalog, CatalogError, Client, ClientError, ClientHealth, KafkaConfig, LogEnds};
use kreplay_model::{domain::TopicPartition, time_counts::TimeCounts};

use super::count;

/// The longest time of one lookup: a user waits for the answer.
const MAX_LOOKUP_TIME: Duration = Duration::from_secs(10);
/// The longest time of a count.
const MAX_COUNT_TIME: Duration = Duration::from_secs(30);
/// The most partitions: each lookup asks for all of them.
const MAX_PARTITIONS: usize = 2_000;

/// Why records cannot be counted by time.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// The client could not be created.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A request to the cluster failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// There are too many partitions.
    #[error("records can be counted by time for at most {MAX_PARTITIONS} partitions; these topics have {0}")]
    TooManyPartitions(usize),
    /// The brokers are too slow.
    #[error("only {lookups} lookups completed within {} seconds", MAX_COUNT_TIME.as_secs())]
    TooSlow {
        /// The number of lookups.
        lookups: u32,
    },
    /// It was stopped.
    #[error("counting was stopped")]
    Stopped,
}

/// Counts records of a cluster by time. It is in no group, and reads no records.
#[derive(Clone, Debug)]
pub struct ClusterCounter {
    kafka: KafkaConfig,
    timeout: Duration,
}

impl ClusterCounter {
    /// A counter that waits at most `timeout`, and at most 10 seconds, for each answer.
    #[must_use]
    pub fn new(kafka: KafkaConfig, timeout: Duration) -> Self {
        Self { kafka, timeout: timeout.min(MAX_LOOKUP_TIME) }
    }

    /// Counts the records of topics by time. `progress` gets the number of lookups so far.
    ///
    /// # Errors
    /// Why there are no counts.
    pub fn count(
        &self,
        topics: &[String],
        cancel: &AtomicBool,
        progress: &mut dyn FnMut(u32),
    ) -> Result<TimeCounts, CountError> {
        let health: Arc<ClientHealth> = Arc::default();
        let client = Client::new(&self.kafka, &health)?;
        let counts = look_up(&Catalog::new(&client, self.timeout), topics, cancel, progress);
        client.close();
        counts
    }
}

fn look_up(
    catalog: &Catalog<'_>,
    topics: &[String],
    cancel: &AtomicBool,
    progress: &mut dyn FnMut(u32),
) -> Result<TimeCounts, CountError> {
    let began = Instant::now();
    let mut lookups = 0;
    let logs = logs(catalog, topics, cancel)?;
    let total = logs.iter().map(|log| log.end.since(log.low)).sum();
    count(total, Utc::now().timestamp_millis(), |at| {
        if cancel.load(Relaxed) {
            return Err(CountError::Stopped);
        }
        if began.elapsed() >= MAX_COUNT_TIME {
            return Err(CountError::TooSlow { lookups });
        }
        let before = records_before(catalog, &logs, at)?;
        lookups += 1;
        progress(lookups);
        Ok(before)
    })
}

/// The logs of the topics' partitions that have records.
fn logs(catalog: &Catalog<'_>, topics: &[String], cancel: &AtomicBool) -> Result<Vec<LogEnds>, CountError> {
    let mut ids: Vec<TopicPartition> = Vec::new();
    for name in topics {
        if cancel.load(Relaxed) {
            return Err(CountError::Stopped);
        }
        let topic = catalog.topic(name)?;
        let name: Arc<str> = topic.name.as_str().into();
        ids.extend((0..topic.partitions).map(|number| TopicPartition::new(Arc::clone(&name), number)));
    }
    if ids.len() > MAX_PARTITIONS {
        return Err(CountError::TooManyPartitions(ids.len()));
    }
    let mut logs = catalog.log_ends(&ids)?;
    logs.retain(|log| log.end > log.low);
    Ok(logs)
}

/// The number of records below the first one of each log that is not before a time.
fn records_before(catalog: &Catalog<'_>, logs: &[LogEnds], at_ms: i64) -> Result<u64, CatalogError> {
    let at = u64::try_from(at_ms).unwrap_or(0);
    let wanted: Vec<(TopicPartition, u64)> = logs.iter().map(|log| (log.id.clone(), at)).collect();
    let found = catalog.offsets_at(&wanted)?;
    let before = |(log, found): (&LogEnds, Option<kreplay_model::domain::Offset>)| {
        found.map_or(log.end, |offset| offset.clamp(log.low, log.end)).since(log.low)
    };
    Ok(logs.iter().zip(found).map(before).sum())
}
