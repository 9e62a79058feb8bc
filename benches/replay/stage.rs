//! The broker and the topics that are read again and again.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use kreplay::{
    domain::{PartitionCount, TopicPartition},
    kafka::{
        KafkaConfig,
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer},
    },
};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult},
    client::DefaultClientContext,
    config::ClientConfig,
};

use super::Outcome;

/// Producing may take so long, and any request to the broker.
const FLUSH_WITHIN: Duration = Duration::from_secs(120);
const REQUEST: Duration = Duration::from_secs(10);

/// Bytes of key and value together.
const RECORD_BYTES: usize = 100;

/// What a topic holds.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Records in all.
    pub records: u64,
    /// Different keys.
    pub keys: u64,
    /// Partitions.
    pub partitions: u64,
    /// Whether the keys go round the partitions in turn, rather than where their hash says.
    pub even: bool,
}

/// A broker of our own, or somebody else's.
pub struct Stage {
    broker: Option<EmbeddedBroker>,
    bootstrap: String,
    prefix: String,
    topics: Vec<String>,
}

impl Stage {
    /// The broker that `KREPLAY_BENCH_BOOTSTRAP` names, or else one inside this process.
    pub fn open() -> Outcome<Self> {
        let named = std::env::var("KREPLAY_BENCH_BOOTSTRAP").ok().filter(|name| !name.is_empty());
        let broker = if named.is_none() { Some(EmbeddedBroker::start()?) } else { None };
        let bootstrap = named
            .or_else(|| broker.as_ref().map(|broker| broker.bootstrap_servers().to_owned()))
            .ok_or("there is no broker")?;
        let prefix = format!("kreplay-bench-{}", std::process::id());
        Ok(Self { broker, bootstrap, prefix, topics: Vec::new() })
    }

    /// How to reach it.
    pub fn kafka(&self) -> KafkaConfig {
        KafkaConfig { bootstrap_servers: self.bootstrap.clone(), properties: BTreeMap::new() }
    }

    /// Makes a topic of this shape and fills it; returns its name.
    pub fn topic(&mut self, shape: Shape) -> Outcome<String> {
        let name = format!("{}-{}", self.prefix, self.topics.len());
        eprintln!("producing {} records to {} partitions of {name}", shape.records, shape.partitions);
        let partitions = PartitionCount::new(shape.partitions)?;
        match &self.broker {
            Some(broker) => broker.create_topic(&name, partitions)?,
            None => self.create(&name, partitions)?,
        }
        self.topics.push(name.clone());
        let producer = Producer::new(&self.bootstrap, &producer_properties())?;
        produce(&producer, &name, shape)?;
        Ok(name)
    }

    /// Deletes the topics on somebody else's broker.
    pub fn close(self) -> Outcome<()> {
        if self.broker.is_some() || self.topics.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let answers = waiting(self.admin()?.delete_topics(&names, &options()))??;
        all_well(answers)
    }

    fn create(&self, name: &str, partitions: PartitionCount) -> Outcome<()> {
        let topic = NewTopic::new(name, i32::try_from(partitions.get())?, TopicReplication::Fixed(1));
        let answers = waiting(self.admin()?.create_topics([&topic], &options()))??;
        all_well(answers)
    }

    fn admin(&self) -> Outcome<AdminClient<DefaultClientContext>> {
        Ok(ClientConfig::new().set("bootstrap.servers", &self.bootstrap).create()?)
    }
}

/// The first topic that something is wrong with.
fn all_well(answers: Vec<TopicResult>) -> Outcome<()> {
    answers
        .into_iter()
        .try_for_each(|answer| answer.map(drop).map_err(|(topic, code)| format!("{topic}: {code}").into()))
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST)).operation_timeout(Some(REQUEST))
}

fn waiting<T>(future: impl Future<Output = T>) -> Outcome<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(future))
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

fn produce(producer: &Producer, topic: &str, shape: Shape) -> Outcome<()> {
    let mut value = String::new();
    for number in 0..shape.records {
        let key = format!("key-{:05}", number % shape.keys);
        value.clear();
        // Six digits that compression cannot foresee, in a text that it can.
        write!(value, "{:06x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40)?;
        while value.len() + key.len() < RECORD_BYTES {
            value.push_str("the quick brown fox jumps over the lazy dog");
        }
        value.truncate(RECORD_BYTES - key.len());
        let partition = if shape.even { Some(i32::try_from(number % shape.keys % shape.partitions)?) } else { None };
        producer.send(NewRecord {
            topic,
            partition,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            ..NewRecord::default()
        })?;
    }
    producer.flush(FLUSH_WITHIN)?;
    let mut held = 0;
    for partition in 0..shape.partitions {
        let (low, high) = producer.watermarks(&TopicPartition::new(topic, i32::try_from(partition)?), REQUEST)?;
        held += u64::try_from(high - low)?;
    }
    if held == shape.records {
        Ok(())
    } else {
        Err(format!("{topic} holds {held} of {} records", shape.records).into())
    }
}
