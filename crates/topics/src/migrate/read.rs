//! Reads sections of many partitions to their ends, with one client.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use kreplay_kafka::{Catalog, Client, Consumer as _, Fetched, KafkaConfig, RawRecord, Reader, is_final};
use kreplay_model::domain::{Offset, Tier, TopicPartition};

use super::error::MigrateError;

const READ_TIMEOUT: Duration = Duration::from_millis(50);
const MAX_READ_RECORDS: usize = 1000;
/// If no records arrive for this long, reading fails.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the topic ids are checked.
const ID_CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// How long a failed read waits for a deleted topic to be created again, which would explain the failure.
const RECREATION_TIMEOUT: Duration = Duration::from_secs(5);
const RECREATION_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A range of offsets of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The partition.
    pub id: TopicPartition,
    /// The first offset.
    pub from: Offset,
    /// The end offset (exclusive).
    pub end: Offset,
}

/// Receives the records that are read.
pub trait RecordVisitor {
    /// Visits a record of the section with this index. Records of a section arrive in order.
    ///
    /// # Errors
    /// Any error stops reading.
    fn record(&mut self, section: usize, record: &RawRecord<'_>) -> Result<(), MigrateError>;

    /// Called after each poll, with or without records.
    ///
    /// # Errors
    /// Any error stops reading.
    fn tick(&mut self) -> Result<(), MigrateError>;
}

/// The configuration with `read_committed` isolation, whatever its properties are.
#[must_use]
pub fn committed_only(config: &KafkaConfig) -> KafkaConfig {
    let mut config = config.clone();
    config.properties.insert("isolation.level".into(), "read_committed".into());
    config
}

/// Reads all sections to their ends, or until `cancel` is set. `ids` are used to detect recreated topics; each request
/// about them waits up to `timeout`.
///
/// # Errors
/// Partitions cannot be read, topics were recreated, brokers do not answer, the visitor failed, or
/// [`MigrateError::Stopped`].
pub fn read(
    config: &KafkaConfig,
    sections: &[Section],
    ids: &TopicIds,
    timeout: Duration,
    cancel: &AtomicBool,
    visit: &mut dyn RecordVisitor,
) -> Result<(), MigrateError> {
    if sections.iter().all(|section| section.from >= section.end) {
        return Ok(());
    }
    let client = Client::new(&committed_only(config), &std::sync::Arc::default())?;
    // Fetches metadata now, so that no partition waits for librdkafka's next refresh.
    let catalog = Catalog::new(&client, timeout);
    catalog.topics()?;
    let mut reader = Reader::new(client.clone(), Tier::default())?;
    let result = read_sections(&mut reader, sections, &catalog, ids, cancel, visit);
    reader.close();
    // The last records were read before this check.
    match result {
        Ok(()) => check_topic_ids(&catalog, ids),
        Err(MigrateError::Stopped) => Err(MigrateError::Stopped),
        Err(error) => Err(recreation(&catalog, ids, cancel).unwrap_or(error)),
    }
}

/// The recreation of a topic, as the cause of a failed read. A topic that was deleted may be created again a moment
/// later, so this waits for up to 5 s while a topic is missing. `None` if no topic was recreated.
#[must_use]
pub fn recreation(catalog: &Catalog<'_>, ids: &TopicIds, cancel: &AtomicBool) -> Option<MigrateError> {
    let deadline = Instant::now() + RECREATION_TIMEOUT;
    let names: Vec<String> = ids.keys().cloned().collect();
    loop {
        let now = catalog.topic_ids(&names).ok()?;
        if let Err(error) = check_unchanged(&now, ids) {
            return Some(error);
        }
        if now.len() == ids.len() || cancel.load(Relaxed) || Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(RECREATION_POLL_INTERVAL);
    }
}

/// Topic ids by name, as far as the cluster reports them.
pub type TopicIds = BTreeMap<String, String>;

/// Checks that topics were not recreated since their ids were looked up.
///
/// # Errors
/// A topic was recreated, or brokers do not answer.
pub fn check_topic_ids(catalog: &Catalog<'_>, ids: &TopicIds) -> Result<(), MigrateError> {
    let names: Vec<String> = ids.keys().cloned().collect();
    let now = catalog.topic_ids(&names)?;
    check_unchanged(&now, ids)
}

fn check_unchanged(now: &TopicIds, ids: &TopicIds) -> Result<(), MigrateError> {
    match now.iter().find(|(name, id)| ids.get(*name) != Some(*id)) {
        Some((topic, _)) => Err(MigrateError::Recreated { topic: topic.clone() }),
        None => Ok(()),
    }
}

fn read_sections(
    reader: &mut Reader,
    sections: &[Section],
    catalog: &Catalog<'_>,
    ids: &TopicIds,
    cancel: &AtomicBool,
    visit: &mut dyn RecordVisitor,
) -> Result<(), MigrateError> {
    let mut checked = Instant::now();
    let mut open: HashMap<TopicPartition, usize> = HashMap::new();
    for (number, section) in sections.iter().enumerate().filter(|(_, section)| section.from < section.end) {
        reader.start(&section.id, section.from).map_err(|error| MigrateError::Unreadable {
            partition: section.id.to_string(),
            reason: error.to_string(),
        })?;
        open.insert(section.id.clone(), number);
    }
    let mut last_data = Instant::now();
    while !open.is_empty() {
        if cancel.load(Relaxed) {
            return Err(MigrateError::Stopped);
        }
        let (mut ended, mut failed): (Vec<usize>, Option<MigrateError>) = (Vec::new(), None);
        let mut last: Option<((usize, i32), Option<usize>)> = None;
        if checked.elapsed() >= ID_CHECK_INTERVAL {
            checked = Instant::now();
            check_topic_ids(catalog, ids)?;
        }
        let count = reader.read(READ_TIMEOUT, MAX_READ_RECORDS, &mut |fetched| match fetched {
            Fetched::Record(record) => {
                // Records arrive in runs of one partition, so its index is looked up once per run.
                let place = (record.topic_token(), record.partition());
                let number = match last {
                    Some((known, number)) if known == place => number,
                    _ => open.get(&TopicPartition::new(record.topic(), record.partition())).copied(),
                };
                last = Some((place, number));
                let Some(number) = number else { return };
                let end = sections[number].end.get();
                if record.offset() < end
                    && failed.is_none()
                    && let Err(error) = visit.record(number, &record)
                {
                    failed = Some(error);
                }
                if record.offset() + 1 >= end {
                    ended.push(number);
                }
            }
            Fetched::End { topic, partition, offset } => {
                if let Some(number) = open.get(&TopicPartition::new(topic, partition)).copied()
                    && offset >= sections[number].end.get()
                {
                    ended.push(number);
                }
            }
            Fetched::Error { topic, partition, code, text } => {
                let gone = is_final(code) || kreplay_kafka::is_out_of_range(code);
                if gone && open.contains_key(&TopicPartition::new(topic, partition)) {
                    let reason = if text.is_empty() { code.to_string() } else { text.to_owned() };
                    failed
                        .get_or_insert(MigrateError::Unreadable { partition: format!("{topic}-{partition}"), reason });
                }
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        for number in ended {
            if open.remove(&sections[number].id).is_some() {
                reader.stop(&sections[number].id);
            }
        }
        visit.tick()?;
        if count > 0 {
            last_data = Instant::now();
        } else if last_data.elapsed() >= SILENCE_TIMEOUT {
            let Some(partition) = open.keys().next().cloned() else { break };
            return Err(MigrateError::Silent { partition, seconds: SILENCE_TIMEOUT.as_secs() });
        }
    }
    Ok(())
}
