//! Counts delivery reports.

use std::{
    collections::BTreeMap,
    mem,
    sync::atomic::{AtomicU32, Ordering},
};

use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Message as _,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext},
};

use super::{ProducerError, plain};
use crate::domain::TopicPartition;

/// Delivery reports come in batches, so they need not be asked for after each record.
const SERVE_EVERY: u32 = 1024;

/// What the broker acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Records by partition.
    pub partitions: BTreeMap<TopicPartition, u64>,
}

impl Delivered {
    /// Records in all partitions together.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.partitions.values().sum()
    }
}

/// librdkafka's callbacks of one producer.
#[derive(Default)]
pub(super) struct Deliveries {
    tally: Mutex<Tally>,
    sent: AtomicU32,
}

#[derive(Default)]
struct Tally {
    delivered: Delivered,
    /// The partition of the last report: reports of one batch follow each other, and comparing is cheaper than a look-up.
    current: Option<(TopicPartition, u64)>,
    failed: u64,
    first_failure: Option<(TopicPartition, String)>,
    trouble: Option<String>,
}

impl Tally {
    fn acknowledge(&mut self, topic: &str, partition: i32) {
        self.trouble = None;
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
        self.first_failure.get_or_insert_with(|| (TopicPartition::new(topic, partition), plain(error)));
    }
}

impl Deliveries {
    /// Counts a sent record; now and then it is time to serve the delivery reports.
    pub(super) fn is_time_to_serve(&self) -> bool {
        self.sent.fetch_add(1, Ordering::Relaxed) % SERVE_EVERY == SERVE_EVERY - 1
    }

    /// Takes the counts since the last time.
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

    /// The last error since the last acknowledgement that concerns the client as a whole, such as a refused connection.
    pub(super) fn last_trouble(&self) -> Option<String> {
        self.tally.lock().trouble.clone()
    }
}

impl ClientContext for Deliveries {
    /// The console owns the terminal, and what matters arrives as an error too.
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let mut tally = self.tally.lock();
        // "1/1 brokers are down" follows the error that says why, and says less.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            tally.trouble.get_or_insert_with(|| "no broker can be reached".into());
        } else {
            tally.trouble = Some(reason.to_owned());
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
