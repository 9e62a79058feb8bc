//! Reads sections of many partitions to their ends, with one client.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::error::MigrateError;
use crate::{
    domain::{Offset, Tier, TopicPartition},
    kafka::{Client, Consumer as _, Fetched, KafkaConfig, RawRecord, Reader, is_final},
};

const READ_WAIT: Duration = Duration::from_millis(50);
const READ_RECORDS: usize = 1000;
/// A broker that gives nothing for so long is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether the topics are still the same.
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// How long the answer to that may take.
const IDS_WITHIN: Duration = Duration::from_secs(30);

/// A part of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Which partition.
    pub id: TopicPartition,
    /// The first offset.
    pub from: Offset,
    /// The first offset that does not belong to it.
    pub end: Offset,
}

/// What becomes of the records that are read.
pub trait Visit {
    /// A record of the section with this number; those of a section come in their order.
    ///
    /// # Errors
    /// Reading ends with it.
    fn record(&mut self, section: usize, record: &RawRecord<'_>) -> Result<(), MigrateError>;

    /// Some records have come, or for a while none.
    ///
    /// # Errors
    /// Reading ends with it.
    fn breathe(&mut self) -> Result<(), MigrateError>;
}

/// A configuration that sees what is committed, whatever its properties say.
#[must_use]
pub fn committed_only(config: &KafkaConfig) -> KafkaConfig {
    let mut config = config.clone();
    config.properties.insert("isolation.level".into(), "read_committed".into());
    config
}

/// Reads all sections to their ends, or until `cancel` is set. `ids` tells topics from others of the same name.
///
/// # Errors
/// Partitions that cannot be read, topics that were created again, brokers that do not answer, what the visitor says,
/// [`MigrateError::Stopped`].
pub fn read(
    config: &KafkaConfig,
    sections: &[Section],
    ids: &TopicIds,
    cancel: &AtomicBool,
    visit: &mut dyn Visit,
) -> Result<(), MigrateError> {
    if sections.iter().all(|section| section.from >= section.end) {
        return Ok(());
    }
    let client = Client::new(&committed_only(config), &std::sync::Arc::default())?;
    // Asked for once, so that a partition does not wait for the next time that the library asks by itself.
    crate::kafka::Catalog::new(&client, Duration::from_secs(10)).topics()?;
    let mut reader = Reader::new(client.clone(), Tier::default())?;
    let result = follow(&mut reader, sections, &client, ids, cancel, visit);
    reader.close();
    // What was read last came before this look.
    result.and_then(|()| check(&client, ids))
}

/// The ids of topics by name, as far as the cluster tells them.
pub type TopicIds = BTreeMap<String, String>;

/// Whether topics are those that they were when their ids were looked up.
///
/// # Errors
/// One was created again, or nobody answers.
pub fn check(client: &Client, ids: &TopicIds) -> Result<(), MigrateError> {
    let names: Vec<String> = ids.keys().cloned().collect();
    let now = crate::kafka::Catalog::new(client, IDS_WITHIN).topic_ids(&names)?;
    match now.into_iter().find(|(name, id)| ids.get(name) != Some(id)) {
        Some((topic, _)) => Err(MigrateError::Recreated { topic }),
        None => Ok(()),
    }
}

fn follow(
    reader: &mut Reader,
    sections: &[Section],
    client: &Client,
    ids: &TopicIds,
    cancel: &AtomicBool,
    visit: &mut dyn Visit,
) -> Result<(), MigrateError> {
    let mut checked = Instant::now();
    let mut open: HashMap<TopicPartition, usize> = HashMap::new();
    for (number, section) in sections.iter().enumerate().filter(|(_, section)| section.from < section.end) {
        reader.start(&section.id, section.from)?;
        open.insert(section.id.clone(), number);
    }
    let mut heard = Instant::now();
    while !open.is_empty() {
        if cancel.load(Relaxed) {
            return Err(MigrateError::Stopped);
        }
        let (mut ended, mut failed): (Vec<usize>, Option<MigrateError>) = (Vec::new(), None);
        let mut last: Option<((usize, i32), Option<usize>)> = None;
        if checked.elapsed() >= CHECK_EVERY {
            checked = Instant::now();
            check(client, ids)?;
        }
        let count = reader.read(READ_WAIT, READ_RECORDS, &mut |fetched| match fetched {
            Fetched::Record(record) => {
                // Records come in runs of one partition: the name is looked up once a run.
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
                let gone = is_final(code) || crate::kafka::is_out_of_range(code);
                if gone && open.contains_key(&TopicPartition::new(topic, partition)) {
                    let reason = if text.is_empty() { code.to_string() } else { text.to_owned() };
                    failed
                        .get_or_insert(MigrateError::Unreadable { partition: format!("{topic}-{partition}"), reason });
                }
            }
        });
        if let Some(error) = failed {
            // An offset that is not there may be one of another log.
            check(client, ids)?;
            return Err(error);
        }
        for number in ended {
            if open.remove(&sections[number].id).is_some() {
                reader.stop(&sections[number].id);
            }
        }
        visit.breathe()?;
        if count > 0 {
            heard = Instant::now();
        } else if heard.elapsed() >= PATIENCE {
            let Some(partition) = open.keys().next().cloned() else { break };
            return Err(MigrateError::Silent { partition, seconds: PATIENCE.as_secs() });
        }
    }
    Ok(())
}
