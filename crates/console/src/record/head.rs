//! The texts above the value of a record: time, key and headers.

use chrono::DateTime;
use kreplay_model::inspect::{Content, Decoded, HeaderView};

use super::bytes::escaped;
use crate::{number, text::clean};

pub(super) fn time(timestamp_ms: Option<i64>) -> String {
    match timestamp_ms.map(DateTime::from_timestamp_millis) {
        None => "none".to_owned(),
        Some(Some(at)) => format!("{} UTC", at.format("%Y-%m-%d %H:%M:%S%.3f")),
        Some(None) => format!("{} ms since 1970", timestamp_ms.unwrap_or_default()),
    }
}

pub(super) fn key_text(key: &Content) -> String {
    let text = escaped(&key.bytes);
    let decoded = match &key.decoded {
        // What a user knows as the key is its own text, unless it is binary.
        Decoded::Json(json) if std::str::from_utf8(&key.bytes).is_err() => return clean(json).into_owned(),
        Decoded::Failed(reason) => format!(" (cannot be decoded: {})", clean(reason)),
        Decoded::Json(_) | Decoded::Plain | Decoded::TooLarge => String::new(),
    };
    let more = if key.is_truncated() { format!("… ({} bytes)", number::count(key.len)) } else { String::new() };
    if text.is_empty() { format!("empty{decoded}") } else { format!("{text}{more}{decoded}") }
}

pub(super) fn header_text(header: &HeaderView) -> String {
    let name = escaped(&header.name);
    match &header.value {
        None => format!("{name}: none"),
        Some(value) if (value.len() as u64) < header.len => {
            format!("{name}: {}… ({} bytes)", escaped(value), number::count(header.len))
        }
        Some(value) => format!("{name}: {}", escaped(value)),
    }
}
