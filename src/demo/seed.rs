//! Fills an embedded broker with the demo's events.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kreplay_kafka::{
    embedded::{EmbeddedBroker, EmbeddedError},
    producer::{NewRecord, Producer, ProducerError},
};
use kreplay_model::domain::TopicPartition;

use super::{
    Datasets,
    event::{Event, timestamp_ms},
    schedule::Schedule,
};

/// Maximum number of events of one dataset. About 269,000 fill a partition of the broker (19.5 bytes each, compressed
/// by zstd): without this limit, `kreplay demo --datasets 1 --events 275000` loses the first 5,711. The margin is for
/// smaller batches, which compress less. Ten even datasets can therefore have two million events.
const MAX_EVENTS_PER_DATASET: u64 = 200_000;

/// Minimum size of a dataset that needs large batches to fit, at the cost of a longer linger time.
const LARGE_DATASET_EVENTS: u64 = 20_000;

/// Timeout of the flush. A million events take seconds; if it takes longer, the broker is stuck.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum number of partitions. 1,000 topics of 6 partitions take the mock cluster about two seconds; with 100
/// partitions each, it failed after a minute and a half.
const MAX_PARTITIONS: u32 = 10_000;

const WATERMARKS_TIMEOUT: Duration = Duration::from_secs(5);

/// The demo could not be seeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DemoError {
    /// A dataset has more events than a partition of the embedded broker can hold.
    #[error(
        "dataset{dataset} would get {events} events, but a partition of the embedded broker can hold only {most}: \
         use fewer events, more datasets or less skew"
    )]
    TooLarge {
        /// The number of the first such dataset, from 1; it is the largest one.
        dataset: usize,
        /// The number of events it would get.
        events: u64,
        /// The maximum number of events of a dataset.
        most: u64,
    },
    /// The topics have more partitions in total than the embedded broker can create in reasonable time.
    #[error(
        "{partitions} partitions in total exceed the embedded broker's limit of {most}: use fewer datasets or partitions"
    )]
    TooMany {
        /// The requested number.
        partitions: u32,
        /// The maximum.
        most: u32,
    },
    /// The broker does not hold all produced events.
    #[error(
        "{partition} holds the offsets {low} to {high}, but 0 to {expected} were produced: the embedded broker dropped \
         events; use fewer events, more datasets or less skew"
    )]
    Incomplete {
        /// The partition.
        partition: TopicPartition,
        /// The low watermark.
        low: i64,
        /// The high watermark.
        high: i64,
        /// The expected high watermark.
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

/// The result of seeding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedReport {
    /// The topics, in the order of the datasets.
    pub topics: Vec<String>,
    /// Events by partition; empty partitions are absent.
    pub partitions: BTreeMap<TopicPartition, u64>,
    /// The total number of events.
    pub events: u64,
    /// The total size of keys and values in bytes, uncompressed.
    pub bytes: u64,
    /// The duration.
    pub elapsed: Duration,
}

/// Creates the topics of `datasets` on a new `broker`, produces their events in the order of a realistic log, and
/// verifies that the broker holds all of them.
///
/// # Errors
/// [`DemoError::TooLarge`] before anything is produced if the events do not fit; see [`DemoError`] for the others.
pub fn seed(broker: &EmbeddedBroker, datasets: &Datasets) -> Result<SeedReport, DemoError> {
    let started = Instant::now();
    let partitions = datasets.count.get() * datasets.partitions.get();
    if partitions > MAX_PARTITIONS {
        return Err(DemoError::TooMany { partitions, most: MAX_PARTITIONS });
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
    let delivered = producer.flush(FLUSH_TIMEOUT)?;
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

/// zstd makes the events fit. Idempotence would cost half a second, the delay before librdkafka retries the request for
/// a producer id. A single request in flight preserves the order, too, and a repeated batch would show in the
/// watermarks.
fn producer_properties(counts: &[u64]) -> BTreeMap<String, String> {
    let is_large = counts.iter().any(|&count| count >= LARGE_DATASET_EVENTS);
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
    match counts.iter().zip(1..).find(|&(&events, _)| events > MAX_EVENTS_PER_DATASET) {
        Some((&events, dataset)) => Err(DemoError::TooLarge { dataset, events, most: MAX_EVENTS_PER_DATASET }),
        None => Ok(()),
    }
}

fn check_held(producer: &Producer, partition: &TopicPartition, expected: u64) -> Result<(), DemoError> {
    let (low, high) = producer.watermarks(partition, WATERMARKS_TIMEOUT)?;
    if low == 0 && u64::try_from(high) == Ok(expected) {
        return Ok(());
    }
    Err(DemoError::Incomplete { partition: partition.clone(), low, high, expected })
}
