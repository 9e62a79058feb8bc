//! Counts delivery reports.

use std::{
    collections::BTreeMap,
    mem,
    sync::atomic::{AtomicU32, Ordering},
};

use kreplay_model::domain::TopicPartition;
use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Message as _,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext},
};

use super::{ProducerError, error_text};

/// Delivery reports arrive in batches, so they need not be served after each record.
const RECORDS_PER_SERVE: u32 = 1024;

/// The acknowledged records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The number of records by partition.
    pub partitions: BTreeMap<TopicPartition, u64>,
}

impl Delivered {
    /// The number of records over all partitions.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.partitions.values().sum()
    }
}

/// librdkafka callbacks of one producer.
#[derive(Default)]
pub(super) struct Deliveries {
    tally: Mutex<Tally>,
    sent: AtomicU32,
}

#[derive(Default)]
struct Tally {
    delivered: Delivered,
    /// The partition of the last report and its count: reports of one batch follow each other, and comparing is cheaper
    /// than a map lookup.
    current: Option<(TopicPartition, u64)>,
    failed: u64,
    first_failure: Option<(TopicPartition, String)>,
    last_error: Option<String>,
}

impl Tally {
    fn acknowledge(&mut self, topic: &str, partition: i32) {
        self.last_error = None;
        match &mut self.current {
            Some((at, count)) if at.partition.0 == partition && &*at.topic == topic => *count += 1,
            _ => {
                self.settle();
                self.current = Some((TopicPartition::new(topic, partition), 1));
            }
        }
    }

    fn settle(&mut self) {
        if let Some((partition, count)) = self.current.take() {
            *self.delivered.partitions.entry(partition).or_default() += count;
        }
    }

    fn fail(&mut self, topic: &str, partition: i32, error: &KafkaError) {
        self.failed += 1;
        self.first_failure.get_or_insert_with(|| (TopicPartition::new(topic, partition), error_text(error)));
    }
}

impl Deliveries {
    /// Counts a sent record. Returns whether delivery reports should be served now.
    pub(super) fn is_time_to_serve(&self) -> bool {
        self.sent.fetch_add(1, Ordering::Relaxed) % RECORDS_PER_SERVE == RECORDS_PER_SERVE - 1
    }

    /// Takes the counts since the last call.
    pub(super) fn take(&self) -> Result<Delivered, ProducerError> {
        let mut tally = mem::take(&mut *self.tally.lock());
        tally.settle();
        match tally.first_failure {
            None => Ok(tally.delivered),
            Some((partition, reason)) => Err(ProducerError::Failed {
                failed: tally.failed,
                acknowledged: tally.delivered.records(),
                partition,
                reason,
            }),
        }
    }

    /// The last error since the last acknowledgement that concerns the whole client, such as a rejected connection.
    pub(super) fn last_error(&self) -> Option<String> {
        self.tally.lock().last_error.clone()
    }
}

impl ClientContext for Deliveries {
    /// The console owns the terminal; relevant messages also arrive as errors.
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let mut tally = self.tally.lock();
        // "1/1 brokers are down" follows the more specific error that caused it.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            tally.last_error.get_or_insert_with(|| "no broker can be reached".into());
        } else {
            tally.last_error = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, _number: usize) {
        let mut tally = self.tally.lock();
        match result {
            Ok(message) => tally.acknowledge(message.topic(), message.partition()),
            Err((error, message)) => tally.fail(message.topic(), message.partition(), error),
        }
    }
}
