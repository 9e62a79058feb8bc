//! Fills an embedded broker with the demo's events.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    Datasets,
    event::{Event, timestamp_ms},
    schedule::Schedule,
};
use crate::{
    domain::TopicPartition,
    kafka::{
        embedded::{EmbeddedBroker, EmbeddedError},
        producer::{NewRecord, Producer, ProducerError},
    },
};

/// The most events that one dataset may have. About 269,000 fill a partition of the broker (19.5 bytes each, compressed
/// by zstd): without this limit `kreplay demo --datasets 1 --events 275000` loses the first 5,711. The rest is room for
/// smaller batches, which compress less. Ten even datasets so hold two million events.
const MOST_IN_A_DATASET: u64 = 200_000;

/// From this size on a dataset needs large batches to fit, and is worth waiting for them.
const LARGE_DATASET: u64 = 20_000;

/// A million events take seconds; beyond this the broker is stuck.
const FLUSH_WITHIN: Duration = Duration::from_secs(60);

/// 1,000 topics of 6 partitions take the mock cluster about two seconds; 1,000 of 100 took it a minute and a half before it
/// gave up.
const MOST_PARTITIONS: u32 = 10_000;

const WATERMARKS_WITHIN: Duration = Duration::from_secs(5);

/// The demo could not be seeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DemoError {
    /// A dataset has more events than a partition of the embedded broker holds.
    #[error(
        "dataset{dataset} would get {events} events, but a partition of the embedded broker holds {most}: \
         ask for fewer events, more datasets or less skew"
    )]
    TooLarge {
        /// The first such dataset's number, from 1; it is the largest.
        dataset: usize,
        /// How many events it would get.
        events: u64,
        /// How many it may get.
        most: u64,
    },
    /// The topics have more partitions together than the embedded broker makes in bearable time.
    #[error(
        "{partitions} partitions in all are more than the {most} that the embedded broker can have: ask for fewer datasets or partitions"
    )]
    TooMany {
        /// How many were asked for.
        partitions: u32,
        /// How many there may be.
        most: u32,
    },
    /// The broker does not hold what was produced.
    #[error(
        "{partition} holds the offsets {low} to {high} where 0 to {expected} were produced: the embedded broker dropped \
         events; ask for fewer events, more datasets or less skew"
    )]
    Incomplete {
        /// The partition.
        partition: TopicPartition,
        /// The first offset it holds.
        low: i64,
        /// The offset after its last.
        high: i64,
        /// What `high` ought to be.
        expected: u64,
    },
    /// The broker failed.
    #[error(transparent)]
    Broker(#[from] EmbeddedError),
    /// The events could not be produced.
    #[error("the demo's events could not be produced: {0}")]
    Produce(#[from] ProducerError),
    /// An event could not be written as JSON.
    #[error("an event of the demo could not be written: {0}")]
    Event(String),
}

/// What the broker holds after seeding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedReport {
    /// The topics, that of the first dataset first.
    pub topics: Vec<String>,
    /// Events by partition; partitions that hold none are absent.
    pub partitions: BTreeMap<TopicPartition, u64>,
    /// Events in all.
    pub events: u64,
    /// Bytes of keys and values, uncompressed.
    pub bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Creates the topics of `datasets` on a fresh `broker`, produces their events in the order of a real log, and checks
/// that the broker holds each of them.
///
/// # Errors
/// [`DemoError::TooLarge`] before anything is produced, where the events would not fit; see [`DemoError`] for the rest.
pub fn seed(broker: &EmbeddedBroker, datasets: &Datasets) -> Result<SeedReport, DemoError> {
    let started = Instant::now();
    let partitions = datasets.count.get() * datasets.partitions.get();
    if partitions > MOST_PARTITIONS {
        return Err(DemoError::TooMany { partitions, most: MOST_PARTITIONS });
    }
    let counts = datasets.split();
    check_size(&counts)?;
    let names: Vec<(String, String)> =
        (1..=counts.len()).map(|number| (Datasets::key(number), Datasets::topic(number))).collect();
    for (_, topic) in &names {
        broker.create_topic(topic, datasets.partitions)?;
    }

    let producer = Producer::new(broker.bootstrap_servers(), &producer_properties(&counts))?;
    let mut value = Vec::new();
    let mut bytes = 0;
    for (position, slot) in (0..).zip(Schedule::new(counts)) {
        let Some((key, topic)) = names.get(slot.dataset) else { continue };
        let timestamp_ms = timestamp_ms(position);
        value.clear();
        serde_json::to_writer(&mut value, &Event::new(key, slot, timestamp_ms, datasets.seed))
            .map_err(|error| DemoError::Event(error.to_string()))?;
        bytes += (key.len() + value.len()) as u64;
        producer.send(NewRecord {
            topic,
            key: Some(key.as_bytes()),
            value: Some(&value),
            timestamp_ms: Some(timestamp_ms),
            ..NewRecord::default()
        })?;
    }
    let delivered = producer.flush(FLUSH_WITHIN)?;
    for (partition, &expected) in &delivered.partitions {
        check_held(&producer, partition, expected)?;
    }
    Ok(SeedReport {
        topics: names.into_iter().map(|(_, topic)| topic).collect(),
        events: delivered.records(),
        partitions: delivered.partitions,
        bytes,
        elapsed: started.elapsed(),
    })
}

/// zstd makes the events fit. Idempotence would cost half a second, the time librdkafka waits before it asks a second
/// time for a producer id; one request at a time keeps the order too, and a repeated batch shows in the watermarks.
fn producer_properties(counts: &[u64]) -> BTreeMap<String, String> {
    let is_large = counts.iter().any(|&count| count >= LARGE_DATASET);
    [
        ("compression.type", "zstd"),
        ("enable.idempotence", "false"),
        ("max.in.flight.requests.per.connection", "1"),
        ("linger.ms", if is_large { "100" } else { "10" }),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn check_size(counts: &[u64]) -> Result<(), DemoError> {
    match counts.iter().zip(1..).find(|&(&events, _)| events > MOST_IN_A_DATASET) {
        Some((&events, dataset)) => Err(DemoError::TooLarge { dataset, events, most: MOST_IN_A_DATASET }),
        None => Ok(()),
    }
}

fn check_held(producer: &Producer, partition: &TopicPartition, expected: u64) -> Result<(), DemoError> {
    let (low, high) = producer.watermarks(partition, WATERMARKS_WITHIN)?;
    if low == 0 && u64::try_from(high) == Ok(expected) {
        return Ok(());
    }
    Err(DemoError::Incomplete { partition: partition.clone(), low, high, expected })
}
