//! Short descriptions of records, keys and topics, for messages and questions.

use kreplay_model::{
    feed::{PausedRecord, QuarantinedKey},
    inspect::RecordId,
};

use super::{
    number,
    text::{clean, shorten},
};

/// Maximum width of a record key in a message, in cells.
const MAX_KEY_CELLS: usize = 24;
/// Maximum width of a topic in a message, in cells.
const MAX_TOPIC_CELLS: usize = 40;
/// Maximum number of topics that are named in a question.
const MAX_TOPICS: usize = 3;

/// A short description of the record, by its key or its partition and offset.
pub(super) fn paused_record(record: &PausedRecord) -> String {
    match &record.key {
        Some(key) => format!("the record of key {}", shorten(&clean(key), MAX_KEY_CELLS)),
        None => record_id(&record.id()),
    }
}

/// A record by its partition and offset.
pub(super) fn record_id(id: &RecordId) -> String {
    clean(&id.to_string()).into_owned()
}

/// The name of a topic, shortened if long.
pub(super) fn topic(name: &str) -> String {
    shorten(&clean(name), MAX_TOPIC_CELLS).into_owned()
}

/// The names of topics. Of many, only the first ones and how many others there are.
pub(super) fn topics(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_TOPICS).map(|name| topic(name)).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(MAX_TOPICS) {
        0 => shown,
        others => format!("{shown} and {} more", number::count(others as u64)),
    }
}

/// A short description of a key with its number of records.
pub(super) fn quarantined_key(one: &QuarantinedKey) -> String {
    let records = number::counted(one.records, "record");
    format!("key {} ({records})", shorten(&clean(&one.key), MAX_KEY_CELLS))
}
