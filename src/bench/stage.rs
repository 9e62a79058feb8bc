//! The broker and the topics that are read again and again.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::BenchError;
use crate::{
    domain::{PartitionCount, TopicPartition},
    kafka::{
        KafkaConfig, create_topic, delete_topics,
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer},
    },
};

/// Producing may take so long, and any request to the broker.
const FLUSH_WITHIN: Duration = Duration::from_secs(120);
const REQUEST: Duration = Duration::from_secs(10);

/// Bytes of key and value together.
pub const RECORD_BYTES: usize = 100;

/// Different keys of what a producer alone is measured with.
const FILL_KEYS: u64 = 1000;

/// What a topic holds: records of [`RECORD_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Records in all.
    pub records: u64,
    /// Different keys.
    pub keys: u64,
    /// Partitions.
    pub partitions: PartitionCount,
    /// Whether the keys go round the partitions in turn, rather than where their hash says.
    pub even: bool,
}

/// A broker of our own, or a cluster on which topics are made.
pub struct Stage {
    broker: Option<EmbeddedBroker>,
    kafka: KafkaConfig,
    prefix: String,
    topics: Vec<String>,
}

impl Stage {
    /// The named cluster, or without one a broker inside this process. Nothing is made on it yet.
    ///
    /// # Errors
    /// The embedded broker does not start.
    pub fn open(cluster: Option<KafkaConfig>) -> Result<Self, BenchError> {
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
        Ok(Self { broker, kafka, prefix, topics: Vec::new() })
    }

    /// How to reach it.
    #[must_use]
    pub fn kafka(&self) -> &KafkaConfig {
        &self.kafka
    }

    /// Whether it is the broker inside this process.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.broker.is_some()
    }

    /// The name that a topic or group of this stage begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Makes a topic of this shape and fills it; returns its name.
    ///
    /// # Errors
    /// The broker refuses, or does not hold what was produced.
    pub fn topic(&mut self, shape: Shape) -> Result<String, BenchError> {
        let name = self.empty_topic(shape.partitions)?;
        let mut properties = self.kafka.properties.clone();
        let content = if self.broker.is_some() { Content::Packed } else { Content::Plain };
        properties.extend(content.producer_properties());
        let producer = Producer::new(&self.kafka.bootstrap_servers, &properties)?;
        produce(&producer, &name, shape, content)?;
        Ok(name)
    }

    /// Makes a topic with nothing in it; returns its name.
    ///
    /// # Errors
    /// The broker refuses.
    pub fn empty_topic(&mut self, partitions: PartitionCount) -> Result<String, BenchError> {
        let name = format!("{}-{}", self.prefix, self.topics.len());
        if let Some(broker) = &self.broker {
            broker.create_topic(&name, partitions)?;
        } else {
            let partitions = i32::try_from(partitions.get()).unwrap_or(i32::MAX);
            create_topic(&self.kafka, &name, partitions, REQUEST)?;
        }
        self.topics.push(name.clone());
        Ok(name)
    }

    /// Deletes the topics that it made on a cluster.
    ///
    /// # Errors
    /// The broker refuses.
    pub fn close(self) -> Result<(), BenchError> {
        if self.broker.is_none() && !self.topics.is_empty() {
            let names: Vec<&str> = self.topics.iter().map(String::as_str).collect();
            delete_topics(&self.kafka, &names, REQUEST)?;
        }
        Ok(())
    }
}

/// What values look like. A fetch is bounded by bytes as they are sent, so how well records compress decides how many of them a
/// client has to keep at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// Digits that do not repeat; lz4 halves them at best, as it does with much of what people store.
    Plain,
    /// Text that zstd makes almost nothing of: a partition of the embedded broker holds 5 MiB as it is sent.
    Packed,
}

impl Content {
    fn producer_properties(self) -> BTreeMap<String, String> {
        let compression = match self {
            Self::Plain => "lz4",
            Self::Packed => "zstd",
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

    /// Makes `value` at least so long, differently for each number. Writing to a String cannot fail.
    fn write(self, value: &mut String, number: u64, length: usize) {
        value.clear();
        match self {
            Self::Plain => {
                // SplitMix64 (Steele, Lea, Flood 2014): good enough to defeat a compressor.
                let mut state = number;
                while value.len() < length {
                    state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                    let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                    let _ = write!(value, "{:016x}", mixed ^ (mixed >> 31));
                }
            }
            Self::Packed => {
                // Six digits that compression cannot foresee.
                let _ = write!(value, "{:06x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40);
                while value.len() < length {
                    value.push_str("the quick brown fox jumps over the lazy dog");
                }
            }
        }
    }
}

/// Produces records like those of [`Stage::topic`], by the hash of their keys, and waits until the broker has all of them.
/// Returns their bytes.
///
/// # Errors
/// The broker does not take them, or not within that time.
pub(super) fn fill(producer: &Producer, topic: &str, records: u64, within: Duration) -> Result<u64, BenchError> {
    let mut value = String::new();
    for number in 0..records {
        let key = format!("key-{:05}", number % FILL_KEYS);
        Content::Plain.write(&mut value, number, RECORD_BYTES);
        value.truncate(RECORD_BYTES - key.len());
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        producer.send(NewRecord { topic, key, value, ..NewRecord::default() })?;
    }
    producer.flush(within)?;
    Ok(records * RECORD_BYTES as u64)
}

fn produce(producer: &Producer, topic: &str, shape: Shape, content: Content) -> Result<(), BenchError> {
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
    producer.flush(FLUSH_WITHIN)?;
    let mut held = 0;
    for partition in 0..partitions {
        let id = TopicPartition::new(topic, i32::try_from(partition).unwrap_or(i32::MAX));
        let (low, high) = producer.watermarks(&id, REQUEST)?;
        held += u64::try_from(high - low).unwrap_or(0);
    }
    if held == shape.records {
        Ok(())
    } else {
        Err(BenchError::Held { topic: topic.into(), held, produced: shape.records })
    }
}
