//! Writes records with rdkafka directly, not with the code under test.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::broker::{Broker, REQUEST_TIMEOUT, unique_name};
use super::{timeouts::OPERATION_TIMEOUT, wait};

/// How long a transaction may stay open: as long as brokers allow by default, so that it outlasts the test.
const OPEN_TRANSACTION_TIMEOUT_MS: &str = "900000";
/// Bound of the delivery of all records of one call.
const DELIVERY_TIMEOUT: Duration = OPERATION_TIMEOUT;
/// How long a topic may be unknown to a producer. A topic that was just created may be, for a while on a busy machine.
const UNKNOWN_TOPIC_TIMEOUT_MS: &str = "180000";

/// A record to write. Without a partition the producer's partitioner chooses one: `murmur2_random`, like Java's
/// default.
#[derive(Clone, Debug, Default)]
pub struct NewRecord {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub partition: Option<i32>,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
}

impl NewRecord {
    pub fn keyed(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), value: Some(value.into()), ..Self::default() }
    }

    pub fn unkeyed(value: impl Into<Vec<u8>>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// A record with a key and a null value.
    pub fn tombstone(key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), ..Self::default() }
    }

    pub fn in_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Adds a header; `None` is a null value.
    pub fn header(mut self, name: &str, value: Option<&[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.map(<[u8]>::to_vec)));
        self
    }

    /// Sets the timestamp.
    pub fn at(mut self, timestamp_ms: i64) -> Self {
        self.timestamp = Some(timestamp_ms);
        self
    }
}

/// Where a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub partition: i32,
    pub offset: i64,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Commit,
    Abort,
    /// It stays open. Its records are in the log, and readers of committed records wait for its end.
    Open,
}

impl Broker {
    /// Writes records and waits until all are acknowledged. The result is in the order of `records`.
    pub fn produce(&self, topic: &str, records: &[NewRecord]) -> Vec<Placed> {
        self.produce_with(topic, &[], records)
    }

    /// The same with producer settings, such as `("compression.codec", "zstd")`.
    pub fn produce_with(&self, topic: &str, settings: &[(&str, &str)], records: &[NewRecord]) -> Vec<Placed> {
        let producer = Writer::new(self.client(), settings);
        producer.write(topic, records)
    }

    /// Writes records to many topics with one producer and waits until all are acknowledged.
    pub fn produce_all(&self, records: &[(String, NewRecord)]) {
        let writer = Writer::new(self.client(), &[]);
        *writer.reports.0.lock().unwrap() = vec![None; records.len()];
        for (index, (topic, record)) in records.iter().enumerate() {
            writer.send(record.to_base(topic, index));
        }
        writer.producer.flush(DELIVERY_TIMEOUT).expect("all records are delivered in time");
        for outcome in std::mem::take(&mut *writer.reports.0.lock().unwrap()) {
            outcome.expect("each record is reported").unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// Writes records in one transaction of a new producer. Readers see its end when this returns.
    pub fn transaction(&self, topic: &str, ending: Ending, records: &[NewRecord]) -> Vec<Placed> {
        let open = self.open_transaction();
        let placed = open.write(topic, records);
        match ending {
            Ending::Commit => open.commit(),
            Ending::Abort => open.abort(),
            Ending::Open => {}
        }
        placed
    }

    /// Begins a transaction of a new producer. It stays open if the result is dropped.
    pub fn open_transaction(&self) -> OpenTransaction<'_> {
        let id = unique_name("transaction");
        let settings = [("transactional.id", id.as_str()), ("transaction.timeout.ms", OPEN_TRANSACTION_TIMEOUT_MS)];
        let writer = Writer::new(self.client(), &settings);
        writer.producer.init_transactions(DELIVERY_TIMEOUT).expect("transactions can be used");
        writer.producer.begin_transaction().expect("a transaction begins");
        OpenTransaction { broker: self, writer, written: Mutex::default() }
    }
}

/// A transaction that has begun.
pub struct OpenTransaction<'a> {
    broker: &'a Broker,
    writer: Writer,
    /// The partitions with its records.
    written: Mutex<BTreeSet<(String, i32)>>,
}

impl OpenTransaction<'_> {
    /// Writes records and waits until all are acknowledged.
    pub fn write(&self, topic: &str, records: &[NewRecord]) -> Vec<Placed> {
        let placed = self.writer.write(topic, records);
        self.written.lock().unwrap().extend(placed.iter().map(|one| (topic.to_owned(), one.partition)));
        placed
    }

    pub fn commit(self) {
        self.end(|producer| producer.commit_transaction(DELIVERY_TIMEOUT).expect("the transaction commits"));
    }

    pub fn abort(self) {
        self.end(|producer| producer.abort_transaction(DELIVERY_TIMEOUT).expect("the transaction aborts"));
    }

    /// The broker answers before it has written the markers that end the transaction in each partition. Readers see the
    /// end of the transaction only then.
    fn end(self, end: impl FnOnce(&ThreadedProducer<DeliveryReports>)) {
        let written = self.written.lock().unwrap();
        let end_of = |(topic, partition): &(String, i32)| self.broker.high_watermark(topic, *partition);
        let before: Vec<_> = written.iter().map(|one| (one, end_of(one))).collect();
        end(&self.writer.producer);
        for (partition, before) in before {
            wait::until(&format!("marker in {partition:?}"), OPERATION_TIMEOUT, || {
                (end_of(partition) > before).then_some(())
            });
        }
    }
}

struct Writer {
    producer: ThreadedProducer<DeliveryReports>,
    reports: DeliveryReports,
}

impl Writer {
    fn new(mut config: ClientConfig, settings: &[(&str, &str)]) -> Self {
        config.set("partitioner", "murmur2_random").set("linger.ms", "5").set("enable.idempotence", "true");
        config.set("topic.metadata.propagation.max.ms", UNKNOWN_TOPIC_TIMEOUT_MS);
        for (name, value) in settings {
            config.set(*name, *value);
        }
        let reports = DeliveryReports::default();
        let producer = config.create_with_context(reports.clone()).expect("a producer");
        Self { producer, reports }
    }

    fn write(&self, topic: &str, records: &[NewRecord]) -> Vec<Placed> {
        *self.reports.0.lock().unwrap() = vec![None; records.len()];
        for (index, record) in records.iter().enumerate() {
            self.send(record.to_base(topic, index));
        }
        self.producer.flush(DELIVERY_TIMEOUT).expect("all records are delivered in time");
        let outcomes = std::mem::take(&mut *self.reports.0.lock().unwrap());
        outcomes
            .into_iter()
            .map(|outcome| outcome.expect("each record is reported").unwrap_or_else(|error| panic!("{topic}: {error}")))
            .collect()
    }

    /// Puts a record into the producer's queue. A full queue is flushed first.
    fn send(&self, mut record: BaseRecord<'_, Vec<u8>, Vec<u8>, usize>) {
        while let Err((error, refused)) = self.producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
            self.producer.flush(REQUEST_TIMEOUT).expect("the queue empties");
            record = refused;
        }
    }
}

impl NewRecord {
    fn to_base<'a>(&'a self, topic: &'a str, index: usize) -> BaseRecord<'a, Vec<u8>, Vec<u8>, usize> {
        let mut base = BaseRecord::with_opaque_to(topic, index);
        base.key = self.key.as_ref();
        base.payload = self.value.as_ref();
        base.partition = self.partition;
        base.timestamp = self.timestamp;
        if !self.headers.is_empty() {
            let mut headers = OwnedHeaders::new_with_capacity(self.headers.len());
            for (key, value) in &self.headers {
                headers = headers.insert(Header { key, value: value.as_ref() });
            }
            base.headers = Some(headers);
        }
        base
    }
}

/// Collects the delivery reports by the index of the record.
#[derive(Clone, Default)]
struct DeliveryReports(Arc<Mutex<Vec<Option<Delivery>>>>);

type Delivery = Result<Placed, String>;

impl ClientContext for DeliveryReports {}

impl ProducerContext for DeliveryReports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let outcome = match result {
            Ok(message) => Ok(Placed { partition: message.partition(), offset: message.offset() }),
            Err((error, _)) => Err(error.to_string()),
        };
        self.0.lock().unwrap()[index] = Some(outcome);
    }
}
