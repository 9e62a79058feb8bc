//! Reads what happened to groups before a watch, from the topic in which brokers store them.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use kreplay_kafka::{
    Catalog, CatalogError, Client, ClientError, ClientHealth, Consumer as _, Fetched, KafkaConfig, Reader, is_final,
    is_not_authorized, is_out_of_range,
};
use kreplay_model::{
    domain::{Offset, PartitionId, Tier, TopicPartition},
    watch::Reason,
};
use kreplay_watcher::Histories;
use kreplay_wire::offsets_topic::OFFSETS_TOPIC;

/// How long a read waits for the next records before it checks its time.
const READ_TIMEOUT: Duration = Duration::from_millis(100);
/// Most records that one read takes.
const READ_BATCH: usize = 1000;

/// Where to read, and for how long.
#[derive(Clone, Debug)]
pub struct HistoryRequest {
    /// The cluster.
    pub kafka: KafkaConfig,
    /// The groups.
    pub groups: Vec<Arc<str>>,
    /// The time from which on to read.
    pub from: DateTime<Utc>,
    /// The number of partitions of the topic.
    pub partitions: u32,
    /// How long each request, and all reading together, may take.
    pub timeout: Duration,
}

/// What is left to read of a partition.
struct Open {
    /// The offset of the next record that is expected.
    next: Offset,
    /// The end when the history began to be read.
    end: Offset,
    /// Whether no offset was missing so far.
    is_whole: bool,
}

/// Reads the histories of groups, each partition once. It waits, so that it must not run on an asynchronous runtime.
/// What cannot be read is unknown in the result, with the reason.
#[must_use]
pub fn read_histories(request: &HistoryRequest) -> Histories {
    let mut histories = Histories::new(request.groups.iter().cloned(), request.from, request.partitions);
    if let Err(why) = read_partitions(request, &mut histories) {
        for partition in histories.partitions() {
            histories.fail(partition, &why);
        }
    }
    histories
}

fn read_partitions(request: &HistoryRequest, histories: &mut Histories) -> Result<(), Reason> {
    let partitions: Vec<TopicPartition> =
        histories.partitions().into_iter().map(|at| TopicPartition::new(OFFSETS_TOPIC, at.0)).collect();
    if partitions.is_empty() {
        return Ok(());
    }
    let failed = |error: ClientError| Reason::Other(error.to_string());
    let client = Client::new(&request.kafka, &Arc::<ClientHealth>::default()).map_err(failed)?;
    let mut open = ranges(&client, &partitions, request).map_err(|error| reason(&error))?;
    let mut reader = Reader::new(client, Tier::Buffered).map_err(failed)?;
    for (partition, range) in &open {
        reader.start(&TopicPartition::new(OFFSETS_TOPIC, partition.0), range.next).map_err(failed)?;
    }
    let to = Utc::now();
    let deadline = Instant::now() + request.timeout;
    while !open.is_empty() && Instant::now() < deadline {
        let mut failures = Vec::new();
        reader.read(READ_TIMEOUT, READ_BATCH, &mut |event| match event {
            Fetched::Record(record) => {
                let partition = PartitionId(record.partition());
                let (Some(range), Some(offset)) = (open.get_mut(&partition), Offset::new(record.offset())) else {
                    return;
                };
                // Records since the end belong to the watch, whose looks see what they change.
                if offset < range.end {
                    range.is_whole &= offset == range.next;
                    range.next = offset.next();
                    histories.add(partition, record.timestamp_ms(), record.key(), record.value());
                } else {
                    range.next = range.end;
                }
            }
            Fetched::End { partition, .. } => {
                if let Some(range) = open.get_mut(&PartitionId(partition)) {
                    range.is_whole &= range.next >= range.end;
                    range.next = range.end;
                }
            }
            Fetched::Error { partition, code, text, .. } if is_final(code) || is_out_of_range(code) => {
                let is_refused = is_not_authorized(code);
                let why = if is_refused { read_is_missing() } else { Reason::Other(text.to_owned()) };
                failures.push((PartitionId(partition), why));
            }
            // The client retries the others.
            Fetched::Error { .. } => {}
        });
        for (partition, why) in failures {
            histories.fail(partition, &why);
            open.remove(&partition);
        }
        open.retain(|partition, range| {
            let is_done = range.next >= range.end;
            if is_done {
                reader.stop(&TopicPartition::new(OFFSETS_TOPIC, partition.0));
                histories.end(*partition, to, range.is_whole);
            }
            !is_done
        });
    }
    reader.close();
    for partition in open.keys() {
        histories.fail(*partition, &Reason::TimedOut);
    }
    Ok(())
}

/// Where to read in each partition: from the first record at or after the time, to the end that committed records have
/// now.
fn ranges(
    client: &Client,
    partitions: &[TopicPartition],
    request: &HistoryRequest,
) -> Result<BTreeMap<PartitionId, Open>, CatalogError> {
    let catalog = Catalog::new(client, request.timeout);
    let from_ms = u64::try_from(request.from.timestamp_millis()).unwrap_or(0);
    let wanted: Vec<_> = partitions.iter().map(|partition| (partition.clone(), from_ms)).collect();
    let starts = catalog.offsets_at(&wanted)?;
    let ends = catalog.log_ends(partitions)?;
    let range = |(start, ends): (Option<Offset>, kreplay_kafka::LogEnds)| {
        let next = start.unwrap_or(ends.end);
        (ends.id.partition, Open { next, end: ends.end, is_whole: true })
    };
    Ok(starts.into_iter().zip(ends).map(range).collect())
}

fn read_is_missing() -> Reason {
    Reason::NotAuthorized { operation: "READ".to_owned(), resource: format!("topic {OFFSETS_TOPIC}") }
}

fn reason(error: &CatalogError) -> Reason {
    match error {
        CatalogError::NotAuthorized(_) => read_is_missing(),
        CatalogError::UnknownTopic(_) => Reason::TopicGone,
        other => Reason::Other(other.to_string()),
    }
}
