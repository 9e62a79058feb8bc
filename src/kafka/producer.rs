//! Producing records: a thread-safe producer for data of one's own (the demo, tests), and what everything uses that writes other
//! people's records (dead letters, their way back, migrations, the handler `topic`).
//!
//! | file | holds |
//! |---|---|
//! | `fault` | whose fault a refusal is, and how it is explained |
//! | `batches`, `transaction` | a producer whose records are all accepted, or it is known which are not |
//! | `attempt` | how the record to blame is found, where a broker refuses a batch |
//! | `lanes` | sending until each record is there or refused, in the order of each lane |
//! | `timestamps` | whether records keep theirs |

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

pub use attempt::{Attempt, NotSent, Verdict, attempt};
pub use batches::{BatchProducer, carrying};
pub use delivery::Delivered;
pub use error::ProducerError;
pub use fault::{Cause, Fault, Refusal, time};
pub use lanes::{LaneSender, Outcome, Trouble};
pub use timestamps::Timestamps;
pub use transaction::TransactionError;

use super::native::add_header;
use crate::domain::{Header, TopicPartition};
use delivery::Deliveries;

/// What a producer starts from; `properties` given to [`Producer::new`] win over it.
///
/// - `enable.idempotence`: no duplicate and no change of order within a partition through librdkafka's own retries. A
///   broker before 0.11, or one that grants no `IDEMPOTENT_WRITE` before 2.8, needs it set to `false`.
/// - `partitioner`: murmur2 of the key, as Java's clients do, so that keys go where other producers of the cluster put
///   them; librdkafka's own default is CRC32. Records without a key are spread at random.
/// - Batches may grow to librdkafka's default of 1 MB or 10,000 records; the linger lets them.
const DEFAULTS: [(&str, &str); 5] = [
    ("client.id", "kreplay"),
    ("enable.idempotence", "true"),
    ("partitioner", "murmur2_random"),
    ("compression.type", "lz4"),
    ("linger.ms", "10"),
];

/// How long [`Producer::send`] waits for room in a full queue.
const ROOM_WITHIN: Duration = Duration::from_secs(30);

/// How long a wait rests before it looks again.
const REST: Duration = Duration::from_micros(500);

/// Serves the delivery reports that have come, then rests for a moment. rdkafka's own waiting counts in whole milliseconds and
/// spins through what is left of the last one, which on a machine with few cores takes the time that the broker needs.
fn serve_and_rest<C: ProducerContext>(client: &BaseProducer<C>) {
    loop {
        let before = client.in_flight_count();
        client.poll(Duration::ZERO);
        if client.in_flight_count() >= before {
            break;
        }
    }
    std::thread::sleep(REST);
}

/// A record to be produced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewRecord<'a> {
    /// The topic it goes to.
    pub topic: &'a str,
    /// The partition it goes to; `None` lets the partitioner choose by key.
    pub partition: Option<i32>,
    /// The key, if it has one. An empty key is a key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone, which an empty one is not.
    pub value: Option<&'a [u8]>,
    /// The headers in their order.
    pub headers: &'a [Header<'a>],
    /// Milliseconds since 1970, -1 for a record without a timestamp. `None` is the time of sending, and so is 0: librdkafka cannot
    /// tell them apart.
    pub timestamp_ms: Option<i64>,
}

impl NewRecord<'_> {
    /// The size of a batch with this record alone, without compression: what `max.message.bytes` is held against. In bytes.
    #[must_use]
    pub fn batch_bytes(&self) -> u64 {
        let size = |bytes: Option<&[u8]>| field_bytes(bytes.map(<[u8]>::len));
        let header = |header: &Header<'_>| size(Some(header.key)) + size(header.value);
        let fields = size(self.key) + size(self.value) + self.headers.iter().map(header).sum::<u64>();
        batch_bytes(fields, self.headers.len())
    }

    /// What is said of the record where it is refused.
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

/// What topics refuse records for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordFacts<'a> {
    /// The topic it goes to.
    pub topic: &'a str,
    /// See [`NewRecord::batch_bytes`].
    pub batch_bytes: u64,
    /// See [`NewRecord::timestamp_ms`].
    pub timestamp_ms: Option<i64>,
    /// Whether it has a key.
    pub has_key: bool,
}

/// How many bytes a key, a value, or the name or value of a header takes in a record, by its length; `None` is a null.
#[must_use]
pub fn field_bytes(length: Option<usize>) -> u64 {
    length.map_or(1, |length| varint_bytes(length as u64) + length as u64)
}

/// The size of a batch with one record, without compression, of which `fields` and `headers` are known. In bytes.
#[must_use]
pub fn batch_bytes(fields: u64, headers: usize) -> u64 {
    /// The header of a batch.
    const BATCH_HEADER_BYTES: u64 = 61;
    // Attributes, and the distances from the batch's first timestamp and offset, which are 0.
    let body = 3 + fields + varint_bytes(headers as u64);
    BATCH_HEADER_BYTES + varint_bytes(body) + body
}

/// How many bytes a length takes: seven bits each, and one for the sign.
fn varint_bytes(length: u64) -> u64 {
    let bits = u64::from(u64::BITS - length.leading_zeros());
    (bits + 1).div_ceil(7)
}

/// Produces records and counts what the broker acknowledged.
///
/// Any number of threads may share one. It never drops a record silently: each one is acknowledged or counted as failed
/// by the next [`flush`](Self::flush). Dropping the producer without a flush gives up what is still queued.
pub struct Producer {
    client: BaseProducer<Deliveries>,
}

impl Producer {
    /// Makes a producer for `bootstrap_servers`. It connects with the first record. `properties` are librdkafka's, and
    /// win over kreplay's defaults (idempotent, murmur2 by key, lz4, 10 ms linger).
    ///
    /// # Errors
    /// [`ProducerError::Property`] for a property or value that librdkafka does not know, [`ProducerError::Create`] for
    /// properties that contradict each other.
    pub fn new(bootstrap_servers: &str, properties: &BTreeMap<String, String>) -> Result<Self, ProducerError> {
        let mut config = ClientConfig::new();
        set_all(&mut config, properties);
        config.set("bootstrap.servers", bootstrap_servers);
        let client =
            config.create_with_context(Deliveries::default()).map_err(|error| ProducerError::from_create(&error))?;
        Ok(Self { client })
    }

    /// Queues a record; returns before it is sent. Where the queue is full it waits for room, at most 30 s.
    ///
    /// # Errors
    /// [`ProducerError::Full`] if no room came free, [`ProducerError::Refused`] if librdkafka will not take the record (too
    /// large, unknown partition). The record was not queued then and is not counted.
    pub fn send(&self, record: NewRecord<'_>) -> Result<(), ProducerError> {
        let mut pending = to_native(record, 0);
        let mut deadline = None;
        loop {
            match self.client.send(pending) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + ROOM_WITHIN);
                    if Instant::now() >= deadline {
                        return Err(ProducerError::Full { waited: ROOM_WITHIN, reason: self.trouble() });
                    }
                    pending = unsent;
                    serve_and_rest(&self.client);
                }
                Err((error, _)) => {
                    return Err(ProducerError::Refused { topic: record.topic.into(), reason: plain(&error) });
                }
            }
        }
        if self.client.context().is_time_to_serve() {
            self.client.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits until every queued record is acknowledged or has failed, at most `within`, and takes the counts since the
    /// last flush. Threads that share a producer share its counts too.
    ///
    /// # Errors
    /// [`ProducerError::Failed`] with the first reason if a record failed; [`ProducerError::Unacknowledged`] if records
    /// were still on their way, in which case the counts stay for the next flush.
    pub fn flush(&self, within: Duration) -> Result<Delivered, ProducerError> {
        let deadline = Instant::now() + within;
        // The waiting is done in slices here, because rdkafka's own comes in steps of 100 ms.
        while self.client.flush(Duration::ZERO).is_err() {
            if Instant::now() >= deadline {
                let count = u64::try_from(self.client.in_flight_count()).unwrap_or_default();
                return Err(ProducerError::Unacknowledged { count, waited: within, reason: self.trouble() });
            }
            serve_and_rest(&self.client);
        }
        self.client.context().take()
    }

    /// [`flush`](Self::flush), and the end of the producer.
    ///
    /// # Errors
    /// Those of a flush; records that are still on their way are given up.
    pub fn finish(self, within: Duration) -> Result<Delivered, ProducerError> {
        self.flush(within)
    }

    /// The low and the high watermark of a partition: the first offset held and the one after the last.
    ///
    /// # Errors
    /// [`ProducerError::Watermarks`] if the broker does not answer in time or does not know the partition.
    pub fn watermarks(&self, partition: &TopicPartition, within: Duration) -> Result<(i64, i64), ProducerError> {
        self.client
            .client()
            .fetch_watermarks(&partition.topic, partition.partition.0, within)
            .map_err(|error| ProducerError::Watermarks { partition: partition.clone(), reason: plain(&error) })
    }

    fn trouble(&self) -> String {
        self.client.context().last_trouble().unwrap_or_else(|| "the broker does not keep up".into())
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

/// Other names of properties in [`DEFAULTS`].
const ALIASES: [(&str, &str); 2] = [("compression.codec", "compression.type"), ("queue.buffering.max.ms", "linger.ms")];

/// kreplay's defaults, and over them `properties`.
fn set_all(config: &mut ClientConfig, properties: &BTreeMap<String, String>) {
    for (name, value) in DEFAULTS {
        config.set(name, value);
    }
    // Two names of one property would leave it to chance which of the two wins.
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

/// The error's code in words, without rdkafka's wrapping.
fn plain(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_batch_is_that_of_the_wire() {
        assert_eq!([0, 63, 64, 8191, 8192].map(varint_bytes), [1, 1, 2, 2, 3]);
        let record = NewRecord { topic: "t", value: Some(b"v"), ..NewRecord::default() };
        assert_eq!(record.batch_bytes(), 61 + 1 + 3 + 1 + 2 + 1);
        let headers = [Header { key: b"name", value: Some(b"value") }, Header { key: b"n", value: None }];
        let record = NewRecord { key: Some(b""), headers: &headers, ..record };
        assert_eq!(record.batch_bytes(), 61 + 1 + 3 + 1 + 2 + 1 + (5 + 6) + (2 + 1));
    }
}
