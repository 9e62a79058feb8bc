//! Short descriptions of records and keys, for messages and questions.

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

/// A short description of a key with its number of records.
pub(super) fn quarantined_key(one: &QuarantinedKey) -> String {
    let records = number::counted(one.records, "record");
    format!("key {} ({records})", shorten(&clean(&one.key), MAX_KEY_CELLS))
}
