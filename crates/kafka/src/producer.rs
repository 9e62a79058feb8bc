//! Producing records: a thread-safe producer for kreplay's own data (the demo, tests), and the producers for forwarding
//! existing records (dead letters, their retries, migrations, the `topic` handler).
//!
//! || file | holds |
//! || `fault` | what caused a rejection, and how it is explained |
//! || `batches`, `transaction` | a producer that reports which records were not accepted |
//! || `attempt` | which record of a rejected batch caused the rejection |
//! || `lanes` | sends until each record is accepted or rejected, in the order of each lane |
//! || `timestamps` | whether records keep their timestamps |

mod attempt;
mod batches;
mod delivery;
mod error;
mod fault;
mod lanes;
mod timestamps;
mod transaction;

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    message::OwnedHeaders,
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
};

pub use attempt::{Attempt, NotSent, Rejection, attempt};
pub use batches::{BatchProducer, forwarding_properties};
pub use delivery::Delivered;
pub use error::ProducerError;
pub use fault::{Cause, Fault, Refusal, time};
pub use lanes::{DeliveryOutcome, LaneSender, SendError};
pub use timestamps::Timestamps;
pub use transaction::TransactionError;

use delivery::Deliveries;
use kreplay_model::domain::{Header, TopicPartition};

use super::{
    catalog::{LEADER_RETRY_INTERVAL, lacks_leader},
    client::DEFAULT_CLIENT_ID,
    native::add_header,
};

/// Default properties of a producer; `properties` given to [`Producer::new`] override them.
///
/// - `enable.idempotence`: librdkafka's own retries cause no duplicates and no reordering within a partition. Brokers
///   before 0.11, and brokers before 2.8 that do not grant `IDEMPOTENT_WRITE`, need it set to `false`.
/// - `partitioner`: murmur2 of the key, like Java's clients, so that keys go to the same partitions as those of other
///   producers of the cluster; librdkafka's own default is CRC32. Records without a key are distributed randomly.
/// - Batches may grow to librdkafka's default of 1 MB or 10,000 records; the linger time allows them to.
const DEFAULTS: [(&str, &str); 5] = [
    ("client.id", DEFAULT_CLIENT_ID),
    ("enable.idempotence", "true"),
    ("partitioner", "murmur2_random"),
    ("compression.type", "lz4"),
    ("linger.ms", "10"),
];

/// How long [`Producer::send`] waits for space in a full queue.
const QUEUE_FULL_TIMEOUT: Duration = Duration::from_secs(30);

/// Sleep between two checks of a wait.
const SERVE_INTERVAL: Duration = Duration::from_micros(500);

/// Serves pending delivery reports, then sleeps for [`SERVE_INTERVAL`]. rdkafka's own wait has millisecond resolution
/// and spins through the remainder of the last one, which on a machine with few cores takes CPU time that the broker
/// needs.
fn serve_and_sleep<C: ProducerContext>(client: &BaseProducer<C>) {
    loop {
        let before = client.in_flight_count();
        client.poll(Duration::ZERO);
        if client.in_flight_count() >= before {
            break;
        }
    }
    std::thread::sleep(SERVE_INTERVAL);
}

/// A record to produce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewRecord<'a> {
    /// The target topic.
    pub topic: &'a str,
    /// The target partition; `None` lets the partitioner choose by key.
    pub partition: Option<i32>,
    /// The key, if any. An empty key is a key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone, an empty value is not.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [Header<'a>],
    /// Milliseconds since 1970, -1 for a record without a timestamp. `None` is the time of sending, and so is 0:
    /// librdkafka does not distinguish them.
    pub timestamp_ms: Option<i64>,
}

impl NewRecord<'_> {
    /// The uncompressed size in bytes of a batch with only this record, which is compared with `max.message.bytes`.
    #[must_use]
    pub fn batch_bytes(&self) -> u64 {
        let size = |bytes: Option<&[u8]>| field_bytes(bytes.map(<[u8]>::len));
        let header = |header: &Header<'_>| size(Some(header.key)) + size(header.value);
        let fields = size(self.key) + size(self.value) + self.headers.iter().map(header).sum::<u64>();
        batch_bytes(fields, self.headers.len())
    }

    /// The properties of the record for which topics may reject it.
    #[must_use]
    pub fn facts(&self) -> RecordFacts<'_> {
        RecordFacts {
            topic: self.topic,
            batch_bytes: self.batch_bytes(),
            timestamp_ms: self.timestamp_ms,
            has_key: self.key.is_some(),
        }
    }
}

/// The properties of a record for which topics may reject it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordFacts<'a> {
    /// The target topic.
    pub topic: &'a str,
    /// See [`NewRecord::batch_bytes`].
    pub batch_bytes: u64,
    /// See [`NewRecord::timestamp_ms`].
    pub timestamp_ms: Option<i64>,
    /// Whether the record has a key.
    pub has_key: bool,
}

/// The encoded size in bytes of a key, a value, or the name or value of a header, by its length; `None` is null.
#[must_use]
pub fn field_bytes(length: Option<usize>) -> u64 {
    length.map_or(1, |length| varint_bytes(length as u64) + length as u64)
}

/// The uncompressed size in bytes of a batch with one record. `fields` is the encoded size of its key, value, and
/// headers; `headers` is the number of headers.
#[must_use]
pub fn batch_bytes(fields: u64, headers: usize) -> u64 {
    /// Size of a batch header.
    const BATCH_HEADER_BYTES: u64 = 61;
    // The attributes byte, and the deltas to the batch's first timestamp and offset, which are 0.
    let body = 3 + fields + varint_bytes(headers as u64);
    BATCH_HEADER_BYTES + varint_bytes(body) + body
}

/// The encoded size in bytes of a length: a zigzag varint with seven bits per byte.
fn varint_bytes(length: u64) -> u64 {
    let bits = u64::from(u64::BITS - length.leading_zeros());
    (bits + 1).div_ceil(7)
}

/// Produces records and counts the acknowledged ones.
///
/// Can be shared by any number of threads. It never drops a record silently: the next [`flush`](Self::flush) counts
/// each record as acknowledged or failed. Dropping the producer without a flush drops queued records.
pub struct Producer {
    client: BaseProducer<Deliveries>,
}

impl Producer {
    /// Creates a producer for `bootstrap_servers`. It connects with the first record. `properties` are librdkafka's and
    /// override kreplay's defaults (idempotent, murmur2 by key, lz4, 10 ms linger).
    ///
    /// # Errors
    /// [`ProducerError::Property`] for an unknown property or an invalid value, [`ProducerError::Create`] for
    /// properties that contradict each other.
    pub fn new(bootstrap_servers: &str, properties: &BTreeMap<String, String>) -> Result<Self, ProducerError> {
        let mut config = ClientConfig::new();
        set_all(&mut config, properties);
        config.set("bootstrap.servers", bootstrap_servers);
        let client =
            config.create_with_context(Deliveries::default()).map_err(|error| ProducerError::from_create(&error))?;
        Ok(Self { client })
    }

    /// Queues a record without waiting for it to be sent. If the queue is full, waits up to 30 s for space.
    ///
    /// # Errors
    /// [`ProducerError::Full`] if the queue stayed full, [`ProducerError::Refused`] if librdkafka rejected the record
    /// (too large, unknown partition). The record was then not queued and is not counted.
    pub fn send(&self, record: NewRecord<'_>) -> Result<(), ProducerError> {
        let mut pending = to_native(record, 0);
        let mut deadline = None;
        loop {
            match self.client.send(pending) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + QUEUE_FULL_TIMEOUT);
                    if Instant::now() >= deadline {
                        return Err(ProducerError::Full { waited: QUEUE_FULL_TIMEOUT, reason: self.last_error() });
                    }
                    pending = unsent;
                    serve_and_sleep(&self.client);
                }
                Err((error, _)) => {
                    return Err(ProducerError::Refused { topic: record.topic.into(), reason: error_text(&error) });
                }
            }
        }
        if self.client.context().is_time_to_serve() {
            self.client.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits up to `within` until every queued record is acknowledged or has failed, and returns the counts since the
    /// last flush. Threads that share a producer share its counts.
    ///
    /// # Errors
    /// [`ProducerError::Failed`] with the first reason if a record failed; [`ProducerError::Unacknowledged`] if records
    /// are still in flight, in which case the counts are kept for the next flush.
    pub fn flush(&self, within: Duration) -> Result<Delivered, ProducerError> {
        let deadline = Instant::now() + within;
        // Polls in short steps, because rdkafka's own wait has steps of 100 ms.
        while self.client.flush(Duration::ZERO).is_err() {
            if Instant::now() >= deadline {
                let count = u64::try_from(self.client.in_flight_count()).unwrap_or_default();
                return Err(ProducerError::Unacknowledged { count, waited: within, reason: self.last_error() });
            }
            serve_and_sleep(&self.client);
        }
        self.client.context().take()
    }

    /// Like [`flush`](Self::flush), but consumes the producer.
    ///
    /// # Errors
    /// Those of [`flush`](Self::flush); records still in flight are dropped.
    pub fn finish(self, within: Duration) -> Result<Delivered, ProducerError> {
        self.flush(within)
    }

    /// The low and the high watermark of a partition: its first offset, and the offset after its last record.
    ///
    /// # Errors
    /// [`ProducerError::Watermarks`] if the broker does not answer in time or does not know the partition.
    pub fn watermarks(&self, partition: &TopicPartition, within: Duration) -> Result<(i64, i64), ProducerError> {
        let deadline = Instant::now() + within;
        loop {
            let error = match self.client.client().fetch_watermarks(&partition.topic, partition.partition.0, within) {
                Ok(watermarks) => return Ok(watermarks),
                Err(error) => error,
            };
            // The leader of a new partition is named a moment before it answers.
            if !error.rdkafka_error_code().is_some_and(lacks_leader) || Instant::now() >= deadline {
                let reason = error_text(&error);
                return Err(ProducerError::Watermarks { partition: partition.clone(), reason });
            }
            std::thread::sleep(LEADER_RETRY_INTERVAL);
        }
    }

    fn last_error(&self) -> String {
        self.client.context().last_error().unwrap_or_else(|| "the broker cannot keep up".into())
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

/// Aliases of properties in [`DEFAULTS`].
const ALIASES: [(&str, &str); 2] = [("compression.codec", "compression.type"), ("queue.buffering.max.ms", "linger.ms")];

/// Sets kreplay's defaults, then `properties`.
fn set_all(config: &mut ClientConfig, properties: &BTreeMap<String, String>) {
    for (name, value) in DEFAULTS {
        config.set(name, value);
    }
    // If a property were set under two names, it would be undefined which value applies.
    for (alias, name) in ALIASES {
        if properties.contains_key(alias) {
            config.remove(name);
        }
    }
    for (name, value) in properties {
        config.set(name, value);
    }
}

fn to_native(record: NewRecord<'_>, number: usize) -> BaseRecord<'_, [u8], [u8], usize> {
    BaseRecord {
        topic: record.topic,
        partition: record.partition,
        payload: record.value,
        key: record.key,
        timestamp: record.timestamp_ms,
        headers: (!record.headers.is_empty()).then(|| native_headers(&record)),
        delivery_opaque: number,
    }
}

fn native_headers(record: &NewRecord<'_>) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for header in record.headers {
        add_header(&headers, header.key, header.value);
    }
    headers
}

/// The text of the error code, without rdkafka's wrapping.
fn error_text(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_size_matches_the_wire_format() {
        assert_eq!([0, 63, 64, 8191, 8192].map(varint_bytes), [1, 1, 2, 2, 3]);
        let record = NewRecord { topic: "t", value: Some(b"v"), ..NewRecord::default() };
        assert_eq!(record.batch_bytes(), 61 + 1 + 3 + 1 + 2 + 1);
        let headers = [Header { key: b"name", value: Some(b"value") }, Header { key: b"n", value: None }];
        let record = NewRecord { key: Some(b""), headers: &headers, ..record };
        assert_eq!(record.batch_bytes(), 61 + 1 + 3 + 1 + 2 + 1 + (5 + 6) + (2 + 1));
    }
}
