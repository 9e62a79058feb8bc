//! The key of a record, for display.

use kreplay_model::domain::Record;

/// The beginning of a record's key, for display, with replacement characters where it is not UTF-8. Views escape it.
#[must_use]
pub fn shown_key(record: &Record) -> String {
    const MAX_KEY_BYTES: usize = 256;
    let key = record.key().unwrap_or_default();
    String::from_utf8_lossy(&key[..key.len().min(MAX_KEY_BYTES)]).into_owned()
}
