//! The ends of the new topics' logs, with the records whose transaction the broker is still completing.
//!
//! A broker confirms a commit when it is stored, and writes the transaction's markers later (KIP-98). Until then, the
//! last stable offset, where reading committed records ends, is below the records that were just committed. An open
//! transaction of any other client has the same effect. The high watermark has passed each acknowledged record, so it
//! separates the records that were copied before it was looked up from those that are copied later.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use kreplay_kafka::{Catalog, Client, KafkaConfig, LogEnds};
use kreplay_model::domain::TopicPartition;

use super::error::MigrateError;

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Looks up high watermarks.
pub(super) struct WrittenEnds {
    /// A client that reads uncommitted records, for which a log ends at the high watermark.
    client: Client,
    timeout: Duration,
}

impl WrittenEnds {
    /// Creates the client. `timeout` is that of each request and of each wait.
    ///
    /// # Errors
    /// librdkafka rejects the configuration.
    pub(super) fn new(config: &KafkaConfig, timeout: Duration) -> Result<Self, MigrateError> {
        let mut config = config.clone();
        config.properties.insert("isolation.level".into(), "read_uncommitted".into());
        Ok(Self { client: Client::new(&config, &std::sync::Arc::default())?, timeout })
    }

    /// The high watermark of each partition, in order. All records that were acknowledged before the call are below it;
    /// all records that are written after the call are at or above it.
    ///
    /// # Errors
    /// Brokers do not answer.
    pub(super) fn now(&self, partitions: &[TopicPartition]) -> Result<Vec<i64>, MigrateError> {
        let ends = Catalog::new(&self.client, self.timeout).log_ends(partitions)?;
        Ok(ends.iter().map(|log| log.end.get()).collect())
    }

    /// Waits until a reader of committed records can read everything that was written before the call. `committed`
    /// answers for such a reader. Returns without an error at the end of the timeout, because a transaction of another
    /// client may be open for much longer, and when `cancel` is set.
    ///
    /// # Errors
    /// Brokers do not answer.
    pub(super) fn wait_until_readable(
        &self,
        committed: &Catalog<'_>,
        partitions: &[TopicPartition],
        cancel: &AtomicBool,
    ) -> Result<(), MigrateError> {
        let (written, deadline) = (self.now(partitions)?, Instant::now() + self.timeout);
        while !are_readable(&written, &committed.log_ends(partitions)?)
            && Instant::now() < deadline
            && !cancel.load(Relaxed)
        {
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

/// Whether the readable part of each log extends to the end of what was written.
fn are_readable(written: &[i64], readable: &[LogEnds]) -> bool {
    written.iter().zip(readable).all(|(written, log)| *written <= log.end.get())
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Offset;

    use super::*;

    #[test]
    fn all_logs_must_be_readable_to_their_ends() {
        let readable = |ends: &[i64]| -> Vec<LogEnds> {
            let log = |(at, end): (i32, &i64)| LogEnds {
                id: TopicPartition::new("new", at),
                low: Offset::default(),
                end: Offset::new(*end).unwrap(),
            };
            (0..).zip(ends).map(log).collect()
        };
        assert!(are_readable(&[0, 7], &readable(&[0, 7])));
        // The marker of the transaction is above its last record.
        assert!(are_readable(&[0, 7], &readable(&[0, 8])));
        assert!(!are_readable(&[0, 7], &readable(&[0, 6])));
        assert!(!are_readable(&[1, 7], &readable(&[0, 9])));
    }
}
