//! Reads sections of partitions to their ends, once.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use kreplay_kafka::{Client, Consumer as _, Fetched, Reader};
use kreplay_model::domain::{Offset, Record, RecordBufferBuilder, Route, Tier, TopicPartition};

use super::DlqError;

const READ_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_READ_RECORDS: usize = 500;
/// If no records arrive for this long, reading fails.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// A range of offsets of one partition.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) id: TopicPartition,
    pub(super) from: Offset,
    pub(super) end: Offset,
}

/// Passes every record of the sections to `visit` in batches, each with the index of its section. Records of a
/// partition arrive in order. `visit` may stop the scan.
pub(super) fn scan(
    client: Client,
    sections: &[Section],
    mut visit: impl FnMut(Vec<(usize, Record)>) -> Result<ControlFlow<()>, DlqError>,
) -> Result<(), DlqError> {
    let mut open: HashMap<(String, i32), usize> = HashMap::new();
    let mut reader = Reader::new(client, Tier::default())?;
    for (number, section) in sections.iter().enumerate() {
        if section.from < section.end {
            reader.start(&section.id, section.from)?;
            open.insert((section.id.topic.to_string(), section.id.partition.0), number);
        }
    }
    let held: Arc<AtomicU64> = Arc::default();
    let mut last_data = Instant::now();
    let mut result = Ok(());
    while !open.is_empty() {
        let mut builder = RecordBufferBuilder::default();
        let (mut ended, mut failed) = (Vec::new(), None);
        let count = reader.read(READ_TIMEOUT, MAX_READ_RECORDS, &mut |fetched| match fetched {
            Fetched::Record(record) => {
                let Some(&number) = open.get(&(record.topic().to_owned(), record.partition())) else { return };
                let end = sections[number].end.get();
                if record.offset() < end {
                    let place = u32::try_from(number).unwrap_or(u32::MAX);
                    let (key, value) = (record.key(), record.value());
                    builder.push(place, 0, record.offset(), record.timestamp_ms(), Route::default(), key, value);
                    record.headers(|name, value| builder.push_header(name, value));
                }
                if record.offset() + 1 >= end {
                    ended.push((record.topic().to_owned(), record.partition()));
                }
            }
            Fetched::End { topic, partition, offset } => {
                let key = (topic.to_owned(), partition);
                if open.get(&key).is_some_and(|number| offset >= sections[*number].end.get()) {
                    ended.push(key);
                }
            }
            Fetched::Error { topic, partition, code, text } => {
                if kreplay_kafka::is_final(code) || kreplay_kafka::is_out_of_range(code) {
                    let text = if text.is_empty() { code.to_string() } else { text.to_owned() };
                    failed.get_or_insert(format!("{topic}-{partition} cannot be read: {text}"));
                }
            }
        });
        if let Some(text) = failed {
            result = Err(DlqError::Unreadable(text));
            break;
        }
        for key in ended {
            if let Some(number) = open.remove(&key) {
                reader.stop(&sections[number].id);
            }
        }
        let mut records = Vec::new();
        builder.finish(&held, &mut records);
        if !records.is_empty() {
            let records = records.into_iter().map(|record| (record.partition as usize, record)).collect();
            match visit(records) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        if count > 0 {
            last_data = Instant::now();
        } else if last_data.elapsed() >= SILENCE_TIMEOUT {
            let Some(section) = open.values().next().map(|number| &sections[*number]) else { break };
            let seconds = SILENCE_TIMEOUT.as_secs();
            result = Err(DlqError::Silent { id: section.id.clone(), end: section.end.get(), seconds });
            break;
        }
    }
    reader.close();
    result
}
