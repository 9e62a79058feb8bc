//! The broker and topics of a benchmark.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use kreplay_kafka::{
    KafkaConfig, create_topic, delete_topics,
    embedded::EmbeddedBroker,
    producer::{NewRecord, Producer},
};
use kreplay_model::domain::{PartitionCount, TopicPartition};

use super::BenchError;

/// The timeout of producing to a topic, and that of other requests.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(120);

/// The size of key and value together.
pub const RECORD_BYTES: usize = 100;

/// The number of keys when only the producer is measured.
const FILL_KEYS: u64 = 1000;

/// The contents of a topic: records of [`RECORD_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The number of records.
    pub records: u64,
    /// The number of keys.
    pub keys: u64,
    /// The number of partitions.
    pub partitions: PartitionCount,
    /// Whether keys are assigned to partitions in turn instead of by their hash.
    pub even: bool,
}

/// The broker of a benchmark, and the topics created on it: the embedded broker or a cluster.
pub struct BenchSetup {
    broker: Option<EmbeddedBroker>,
    kafka: KafkaConfig,
    prefix: String,
    topics: Vec<String>,
    timeout: Duration,
}

impl BenchSetup {
    /// Uses the given cluster, or starts an embedded broker. Creates no topics yet. Each request waits up to `timeout`.
    ///
    /// # Errors
    /// The embedded broker does not start.
    pub fn open(cluster: Option<KafkaConfig>, timeout: Duration) -> Result<Self, BenchError> {
        let (broker, kafka) = if let Some(kafka) = cluster {
            (None, kafka)
        } else {
            let broker = EmbeddedBroker::start()?;
            let properties = broker.client_properties();
            let properties = properties.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let kafka = KafkaConfig { bootstrap_servers: broker.bootstrap_servers().into(), properties };
            (Some(broker), kafka)
        };
        let started = chrono::Utc::now().format("%Y%m%dT%H%M%S");
        let prefix = format!("kreplay-bench-{started}-{}", std::process::id());
        Ok(Self { broker, kafka, prefix, topics: Vec::new(), timeout })
    }

    /// The configuration to connect with.
    #[must_use]
    pub fn kafka(&self) -> &KafkaConfig {
        &self.kafka
    }

    /// Whether the embedded broker is used.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.broker.is_some()
    }

    /// The prefix of all topics and groups.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Creates and fills a topic; returns its name.
    ///
    /// # Errors
    /// The broker refuses a request, or does not hold what was produced.
    pub fn topic(&mut self, shape: Shape) -> Result<String, BenchError> {
        let name = self.empty_topic(shape.partitions)?;
        let mut properties = self.kafka.properties.clone();
        let content = if self.broker.is_some() { Content::Compressible } else { Content::Incompressible };
        properties.extend(content.producer_properties());
        let producer = Producer::new(&self.kafka.bootstrap_servers, &properties)?;
        produce(&producer, &name, shape, content, self.timeout)?;
        Ok(name)
    }

    /// Creates an empty topic; returns its name.
    ///
    /// # Errors
    /// The broker refuses the request.
    pub fn empty_topic(&mut self, partitions: PartitionCount) -> Result<String, BenchError> {
        let name = format!("{}-{}", self.prefix, self.topics.len());
        if let Some(broker) = &self.broker {
            broker.create_topic(&name, partitions)?;
        } else {
            let partitions = i32::try_from(partitions.get()).unwrap_or(i32::MAX);
            create_topic(&self.kafka, &name, partitions, self.timeout)?;
        }
        self.topics.push(name.clone());
        Ok(name)
    }

    /// Deletes the topics created on a cluster.
    ///
    /// # Errors
    /// The broker refuses the request.
    pub fn close(self) -> Result<(), BenchError> {
        if self.broker.is_none() && !self.topics.is_empty() {
            let names: Vec<&str> = self.topics.iter().map(String::as_str).collect();
            delete_topics(&self.kafka, &names, self.timeout)?;
        }
        Ok(())
    }
}

/// The contents of values. Fetches are limited by compressed bytes, so the compression ratio determines how many
/// records a client must buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// Digits that do not repeat. lz4 halves them at best, which is typical of real data.
    Incompressible,
    /// Text that zstd compresses to almost nothing, because a partition of the embedded broker holds 5 MiB of
    /// compressed data.
    Compressible,
}

impl Content {
    fn producer_properties(self) -> BTreeMap<String, String> {
        let compression = match self {
            Self::Incompressible => "lz4",
            Self::Compressible => "zstd",
        };
        [
            ("compression.type", compression),
            ("enable.idempotence", "false"),
            ("max.in.flight.requests.per.connection", "1"),
            ("linger.ms", "100"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Fills `value` with at least `length` bytes that depend on `number`. Writing to a String cannot fail.
    fn write(self, value: &mut String, number: u64, length: usize) {
        value.clear();
        match self {
            Self::Incompressible => {
                // SplitMix64 (Steele, Lea, Flood 2014): random enough to defeat compression.
                let mut state = number;
                while value.len() < length {
                    state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                    let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                    let _ = write!(value, "{:016x}", mixed ^ (mixed >> 31));
                }
            }
            Self::Compressible => {
                // Six digits that do not compress.
                let _ = write!(value, "{:06x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40);
                while value.len() < length {
                    value.push_str("the quick brown fox jumps over the lazy dog");
                }
            }
        }
    }
}

/// Produces records like those of [`BenchSetup::topic`], partitioned by key hash, and waits until the broker has
/// acknowledged them. Returns their bytes.
///
/// # Errors
/// The broker refuses the records, or does not acknowledge them in time.
pub(super) fn fill(producer: &Producer, topic: &str, records: u64, timeout: Duration) -> Result<u64, BenchError> {
    let mut value = String::new();
    for number in 0..records {
        let key = format!("key-{:05}", number % FILL_KEYS);
        Content::Incompressible.write(&mut value, number, RECORD_BYTES);
        value.truncate(RECORD_BYTES - key.len());
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        producer.send(NewRecord { topic, key, value, ..NewRecord::default() })?;
    }
    producer.flush(timeout)?;
    Ok(records * RECORD_BYTES as u64)
}

fn produce(
    producer: &Producer,
    topic: &str,
    shape: Shape,
    content: Content,
    timeout: Duration,
) -> Result<(), BenchError> {
    let mut value = String::new();
    let partitions = u64::from(shape.partitions.get());
    for number in 0..shape.records {
        let key = format!("key-{:05}", number % shape.keys);
        content.write(&mut value, number, RECORD_BYTES);
        value.truncate(RECORD_BYTES - key.len());
        let turn = i32::try_from(number % shape.keys % partitions).unwrap_or(0);
        producer.send(NewRecord {
            topic,
            partition: shape.even.then_some(turn),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            ..NewRecord::default()
        })?;
    }
    producer.flush(FLUSH_TIMEOUT)?;
    let mut held = 0;
    for partition in 0..partitions {
        let id = TopicPartition::new(topic, i32::try_from(partition).unwrap_or(i32::MAX));
        let (low, high) = producer.watermarks(&id, timeout)?;
        held += u64::try_from(high - low).unwrap_or(0);
    }
    if held == shape.records {
        Ok(())
    } else {
        Err(BenchError::Held { topic: topic.into(), held, produced: shape.records })
    }
}
