//! The records that groups are stuck on: those at the committed offsets of partitions that make no progress.

use std::fmt::Write as _;

use chrono::DateTime;
use kreplay_engine::inspect::RecordInspector;
use kreplay_model::{
    domain::{TopicPartition, number::counted_as, printable},
    feed::report::printable_json,
    inspect::{Content, Decoded, InspectedRecord, RecordId},
    watch::{GroupView, PartitionRow, WatchSnapshot},
};
use serde_json::{Value, json};

use crate::{cli::CliError, dlq::json::bytes};

/// Maximum number of records that are read for a group: those of the partitions with the largest lag.
const MAX_RECORDS: usize = 10;
/// Maximum size of a key, a header or a value in the text, in bytes. JSON has all that is kept.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// A record that a group is stuck on, or why it cannot be read.
struct StuckRecord {
    id: RecordId,
    read: Result<InspectedRecord, String>,
}

/// Whether a partition has unread records, and its committed offset did not move.
fn is_stuck(row: &PartitionRow) -> bool {
    let has_unread = row.lag.is_some_and(|lag| lag > 0);
    has_unread && !row.abandoned && row.rates.out_per_s.is_none_or(|rate| rate <= 0.0)
}

/// The records at the committed offsets of a group's partitions that are stuck, largest lag first.
fn stuck_records(group: &GroupView, inspector: &RecordInspector) -> Vec<StuckRecord> {
    let mut stuck: Vec<&PartitionRow> = group.partitions.iter().filter(|row| is_stuck(row)).collect();
    stuck.sort_by_key(|row| std::cmp::Reverse(row.lag));
    let id = |row: &PartitionRow| {
        let partition = TopicPartition::new(row.topic.as_str(), row.partition);
        Some(RecordId { partition, offset: row.committed? })
    };
    let read = |id: RecordId| {
        let read = inspector.read(&id, &|| false).map_err(|error| error.to_string());
        StuckRecord { id, read }
    };
    stuck.into_iter().filter_map(id).take(MAX_RECORDS).map(read).collect()
}

/// The records that a group is stuck on, as text.
pub(super) fn text(group: &GroupView, inspector: &RecordInspector) -> String {
    let records = stuck_records(group, inspector);
    let stuck = group.partitions.iter().filter(|row| is_stuck(row)).count();
    let mut text = String::new();
    if records.is_empty() {
        text.push_str("\n  no partition with a committed offset is stuck\n");
    }
    for record in &records {
        text.push('\n');
        text.push_str(&record_text(record));
    }
    if stuck > records.len() && !records.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\n  {} no progress",
            counted_as(stuck - records.len(), "more partition makes", "more partitions make")
        );
    }
    text
}

/// The snapshot as JSON, with the records that its groups are stuck on.
pub(super) fn json(snapshot: &WatchSnapshot, inspector: &RecordInspector) -> Result<String, CliError> {
    let failed = |error: serde_json::Error| CliError::Failed(format!("cannot print the groups: {error}"));
    let mut value = serde_json::to_value(snapshot).map_err(failed)?;
    let of_group = |group: &GroupView| -> Vec<Value> {
        stuck_records(group, inspector).iter().map(|record| object(&group.group, record)).collect()
    };
    if let Value::Object(members) = &mut value {
        members.insert("stuck_records".into(), snapshot.groups.iter().flat_map(|group| of_group(group)).collect());
    }
    printable_json(&value).map_err(failed)
}

fn record_text(record: &StuckRecord) -> String {
    let mut text = format!("  stuck on {}\n", printable(&record.id.to_string()));
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {name:<9}{value}");
    };
    let read = match &record.read {
        Ok(read) => read,
        Err(error) => {
            line("error", &printable(error));
            return text;
        }
    };
    if let Some(note) = read.placement.in_words() {
        line("note", &note);
        line("offset", &read.id.offset.to_string());
    }
    line("time", &read.timestamp_ms.and_then(time).unwrap_or_else(|| "none".into()));
    line("key", &content(read.key.as_ref()));
    for header in &read.headers {
        line("header", &format!("{}: {}", escaped(&header.name, None), optional(header.value.as_deref(), header.len)));
    }
    if read.more_headers > 0 {
        line("header", &format!("and {} more", read.more_headers));
    }
    line("value", &content(read.value.as_ref()));
    if let Some(Content { decoded: Decoded::Failed(reason), .. }) = &read.value {
        line("", &format!("cannot be decoded: {}", printable(reason)));
    }
    text
}

fn time(timestamp_ms: i64) -> Option<String> {
    Some(DateTime::from_timestamp_millis(timestamp_ms)?.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string())
}

/// A key or a value: decoded, or as it is in the record.
fn content(content: Option<&Content>) -> String {
    match content {
        None => "(null)".into(),
        Some(Content { decoded: Decoded::Json(json), .. }) => escaped(json.as_bytes(), None),
        Some(content) => escaped(&content.bytes, Some(content.len)),
    }
}

fn optional(value: Option<&[u8]>, len: u64) -> String {
    value.map_or_else(|| "(null)".into(), |value| escaped(value, Some(len)))
}

/// Bytes as text that cannot control the terminal. `len` is the number of all bytes, if some are missing already.
fn escaped(bytes: &[u8], len: Option<u64>) -> String {
    let shown = bytes.get(..MAX_TEXT_BYTES).unwrap_or(bytes);
    let mut text = String::new();
    for chunk in shown.utf8_chunks() {
        text.push_str(&printable(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    let len = len.unwrap_or(bytes.len() as u64);
    if (shown.len() as u64) < len {
        let _ = write!(text, "… ({len} bytes)");
    }
    text
}

fn object(group: &str, record: &StuckRecord) -> Value {
    let mut object = json!({
        "group": group,
        "topic": &*record.id.partition.topic,
        "partition": record.id.partition.partition.0,
        "committed": record.id.offset,
    });
    let read = match &record.read {
        Ok(read) => read,
        Err(error) => {
            object["error"] = error.as_str().into();
            return object;
        }
    };
    let headers: Vec<Value> = read
        .headers
        .iter()
        .map(|header| json!({ "key": bytes(Some(&header.name)), "value": bytes(header.value.as_deref()) }))
        .collect();
    object["offset"] = json!(read.id.offset);
    object["note"] = json!(read.placement.in_words());
    object["timestamp"] = json!(read.timestamp_ms);
    object["key"] = bytes(read.key.as_ref().map(|key| &*key.bytes));
    object["headers"] = headers.into();
    object["more_headers"] = read.more_headers.into();
    object["value"] = bytes(read.value.as_ref().map(|value| &*value.bytes));
    object["value_bytes"] = json!(read.value.as_ref().map(|value| value.len));
    if let Some(value) = &read.value {
        match &value.decoded {
            // The text of the value says the same.
            Decoded::Json(json) if json.as_bytes() == &*value.bytes => {}
            Decoded::Json(json) => object["decoded"] = bytes(Some(json.as_bytes())),
            Decoded::Failed(reason) => object["not_decoded"] = reason.as_str().into(),
            Decoded::Plain | Decoded::TooLarge => {}
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use kreplay_model::{
        domain::Offset,
        inspect::{HeaderView, MAX_VALUE_BYTES, Placement},
    };

    use super::*;

    fn stuck(value: Option<Content>) -> StuckRecord {
        let id = RecordId { partition: TopicPartition::new("orders", 3), offset: Offset::new(7).unwrap() };
        let read = InspectedRecord {
            id: id.clone(),
            placement: Placement::Exact,
            timestamp_ms: Some(1_700_000_000_123),
            key: None,
            headers: vec![HeaderView { name: b"a".to_vec(), value: Some(b"\x1b\xff".to_vec()), len: 2 }],
            more_headers: 0,
            value,
        };
        StuckRecord { id, read: Ok(read) }
    }

    #[test]
    fn a_record_cannot_control_the_terminal_and_is_bounded() {
        let long = [b"\x1b[2J".as_slice(), &vec![b'x'; MAX_TEXT_BYTES]].concat();
        let text = record_text(&stuck(Some(Content::new(&long, MAX_VALUE_BYTES, Decoded::Plain))));
        assert!(text.contains("    header   a: \\u{1b}\\xff\n") && text.contains("    key      (null)\n"), "{text}");
        assert!(text.contains("    time     2023-11-14 22:13:20.123 UTC\n"), "{text}");
        assert!(text.contains("value    \\u{1b}[2Jxx") && text.contains("x… (4100 bytes)"), "{text}");
        assert!(text.lines().all(|line| line.len() < MAX_TEXT_BYTES + 100 && !line.contains('\u{1b}')));
    }

    #[test]
    fn json_has_the_bytes_and_the_decoded_value() {
        let avro = Content::new(b"\x00\xff", MAX_VALUE_BYTES, Decoded::Json(r#"{"id":17}"#.into()));
        let object = object("billing", &stuck(Some(avro)));
        assert_eq!(object["value"], json!({ "base64": "AP8=" }));
        assert_eq!(
            (&object["decoded"], &object["committed"], &object["value_bytes"]),
            (&json!(r#"{"id":17}"#), &json!(7), &json!(2))
        );
    }

    #[test]
    fn a_record_that_cannot_be_read_says_why() {
        let failed = StuckRecord { read: Err("it was deleted".into()), ..stuck(None) };
        assert_eq!(record_text(&failed), "  stuck on orders-3 at 7\n    error    it was deleted\n");
        assert_eq!(object("billing", &failed)["error"], json!("it was deleted"));
    }
}
