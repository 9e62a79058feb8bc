//! Producing records: one thread-safe producer for the demo, for tests and for topics of real clusters.

mod batches;
mod delivery;
mod error;
mod transaction;

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header as KafkaHeader, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
};

pub use batches::{BatchProducer, Fault, Refusal};
pub use delivery::Delivered;
pub use error::ProducerError;
pub use transaction::TransactionError;

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
    /// The headers in their order. Their names must be UTF-8.
    pub headers: &'a [Header<'a>],
    /// Milliseconds since 1970. `None` is the time of sending, and so is 0: librdkafka cannot tell them apart.
    pub timestamp_ms: Option<i64>,
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
    /// [`ProducerError::Full`] if no room came free, [`ProducerError::Header`] for a header whose name is not UTF-8,
    /// [`ProducerError::Refused`] if librdkafka will not take the record (too large, unknown partition). The record was
    /// not queued then and is not counted.
    pub fn send(&self, record: NewRecord<'_>) -> Result<(), ProducerError> {
        self.enqueue(record, 0)
    }

    /// As [`send`](Self::send), and [`outcomes`](Self::outcomes) will tell what became of the record, by this number.
    ///
    /// # Errors
    /// Those of `send`; then there will be no outcome.
    pub fn send_numbered(&self, record: NewRecord<'_>, number: usize) -> Result<(), ProducerError> {
        // 0 stands for "nobody asks".
        self.enqueue(record, number + 1)
    }

    /// Waits until every queued record is acknowledged or has failed, at most `within`, and tells what became of those that
    /// were sent with a number since the last call. One that is missing is still on its way.
    #[must_use]
    pub fn outcomes(&self, within: Duration) -> Vec<(usize, Result<(), String>)> {
        // The counts are for those who send without numbers.
        let _ = self.flush(within);
        self.client.context().take_outcomes()
    }

    fn enqueue(&self, record: NewRecord<'_>, number: usize) -> Result<(), ProducerError> {
        let mut pending = to_native(record, number)?;
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

fn to_native(record: NewRecord<'_>, number: usize) -> Result<BaseRecord<'_, [u8], [u8], usize>, ProducerError> {
    let headers = if record.headers.is_empty() { None } else { Some(native_headers(&record)?) };
    Ok(BaseRecord {
        topic: record.topic,
        partition: record.partition,
        payload: record.value,
        key: record.key,
        timestamp: record.timestamp_ms,
        headers,
        delivery_opaque: number,
    })
}

fn native_headers(record: &NewRecord<'_>) -> Result<OwnedHeaders, ProducerError> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for header in record.headers {
        let key = std::str::from_utf8(header.key).map_err(|_| ProducerError::Header {
            topic: record.topic.into(),
            name: header.key.escape_ascii().to_string(),
        })?;
        headers = headers.insert(KafkaHeader { key, value: header.value });
    }
    Ok(headers)
}

/// The error's code in words, without rdkafka's wrapping.
fn plain(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}
