//! The broker and the topics that are read again and again.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::BenchError;
use crate::{
    domain::{PartitionCount, TopicPartition},
    kafka::{
        Admin, KafkaConfig,
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer},
    },
};

/// Producing may take so long, and any request to the broker.
const FLUSH_WITHIN: Duration = Duration::from_secs(120);
const REQUEST: Duration = Duration::from_secs(10);

/// Bytes of key and value together.
pub const RECORD_BYTES: usize = 100;

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
        let name = format!("{}-{}", self.prefix, self.topics.len());
        match &self.broker {
            Some(broker) => broker.create_topic(&name, shape.partitions)?,
            None => Admin::new(&self.kafka, REQUEST)?.create(&name, shape.partitions)?,
        }
        self.topics.push(name.clone());
        let mut properties = self.kafka.properties.clone();
        properties.extend(producer_properties());
        let producer = Producer::new(&self.kafka.bootstrap_servers, &properties)?;
        produce(&producer, &name, shape)?;
        Ok(name)
    }

    /// Deletes the topics that it made on a cluster.
    ///
    /// # Errors
    /// The broker refuses.
    pub fn close(self) -> Result<(), BenchError> {
        if self.broker.is_none() && !self.topics.is_empty() {
            let names: Vec<&str> = self.topics.iter().map(String::as_str).collect();
            Admin::new(&self.kafka, REQUEST)?.delete(&names)?;
        }
        Ok(())
    }
}

/// Large batches and zstd: a partition of the embedded broker holds 5 MiB as it is sent.
fn producer_properties() -> BTreeMap<String, String> {
    [
        ("compression.type", "zstd"),
        ("enable.idempotence", "false"),
        ("max.in.flight.requests.per.connection", "1"),
        ("linger.ms", "100"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn produce(producer: &Producer, topic: &str, shape: Shape) -> Result<(), BenchError> {
    let mut value = String::new();
    let partitions = u64::from(shape.partitions.get());
    for number in 0..shape.records {
        let key = format!("key-{:05}", number % shape.keys);
        value.clear();
        // Six digits that compression cannot foresee, in a text that it can. Writing to a String cannot fail.
        let _ = write!(value, "{:06x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40);
        while value.len() + key.len() < RECORD_BYTES {
            value.push_str("the quick brown fox jumps over the lazy dog");
        }
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
