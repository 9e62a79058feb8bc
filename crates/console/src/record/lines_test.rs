use std::sync::Arc;

use kreplay_model::{
    domain::{Offset, TopicPartition},
    inspect::{Content, HeaderView, MAX_KEY_BYTES, Placement, RecordId},
};
use proptest::prelude::*;

use super::*;
use crate::text::width;

pub(in crate::record) fn record(value: Option<&[u8]>, json: Option<&str>) -> InspectedRecord {
    let decoded = json.map_or(Decoded::Plain, |json| Decoded::Json(json.into()));
    InspectedRecord {
        id: RecordId { partition: TopicPartition::new("orders", 3), offset: Offset::new(700).unwrap() },
        placement: Placement::Exact,
        timestamp_ms: Some(1_700_000_000_123),
        key: Some(Content::new(b"customer-17", MAX_KEY_BYTES, Decoded::Plain)),
        headers: vec![HeaderView { name: b"trace".to_vec(), value: Some(b"a\x1b[2J".to_vec()), len: 5 }],
        more_headers: 0,
        value: value.map(|value| Content::new(value, MAX_VALUE_BYTES, decoded)),
    }
}

/// The lines of a record as text, each with its label.
fn shown(record: &InspectedRecord, format: Format, room: usize) -> Vec<String> {
    let json = record.value.as_ref().and_then(|value| match &value.decoded {
        Decoded::Json(json) => Some(Arc::clone(json)),
        _ => None,
    });
    let tree = json.and_then(|json| JsonTree::parse(&json));
    let folding = tree.as_ref().map(Folding::of).unwrap_or_default();
    let shown = Shown { record, tree: tree.as_ref(), folding: &folding, format, failure: None, room: (room, room - 9) };
    shown.lines().iter().map(|line| format!("{:9}{}", line.label, shown.text(line)).trim_end().to_owned()).collect()
}

#[test]
fn a_json_value_is_shown_as_a_tree() {
    let json = r#"{"id":17,"lines":[{"sku":"a"}],"none":{}}"#;
    let lines = shown(&record(Some(json.as_bytes()), Some(json)), Format::Decoded, 60);
    assert_eq!(
        lines,
        [
            "time     2023-11-14 22:13:20.123 UTC",
            "key      customer-17",
            r"headers  trace: a\u{1b}[2J",
            "value    41 bytes",
            "         ▾ {3 members}",
            "             \"id\": 17",
            "           ▾ \"lines\": [1 value]",
            "             ▾ {1 member}",
            "                 \"sku\": \"a\"",
            "             \"none\": {}",
        ]
    );
}

#[test]
fn the_same_value_is_shown_as_hex() {
    let lines = shown(&record(Some(b"{\"a\":1}"), Some("{\"a\":1}")), Format::Hex, 80);
    assert_eq!(lines.last().unwrap().trim_start(), format!("000000  7b 22 61 22 3a 31 7d{:29}{{\"a\":1}}", ""));
}

#[test]
fn what_is_missing_is_named() {
    let mut tombstone = record(None, None);
    (tombstone.key, tombstone.timestamp_ms) = (None, None);
    tombstone.headers.clear();
    tombstone.placement = Placement::Aborted;
    let lines = shown(&tombstone, Format::Decoded, 120);
    assert_eq!(lines[1..], ["time     none", "key      none", "value    none: this record is a tombstone"]);
    assert!(lines[0].starts_with("note     the transaction of this record was aborted"), "{lines:?}");
}

#[test]
fn a_value_that_cannot_be_decoded_says_why_and_is_shown_as_text() {
    let mut bad = record(Some(b"one\ntwo\xff"), None);
    bad.value.as_mut().unwrap().decoded = Decoded::Failed("no schema 7".into());
    let lines = shown(&bad, Format::Decoded, 60);
    assert_eq!(lines[3..], ["value    8 bytes, cannot be decoded: no schema 7", "         one", "         two\\xff"]);
}

#[test]
fn a_truncated_value_says_so() {
    let lines = shown(&record(Some(&vec![b'x'; MAX_VALUE_BYTES + 1]), None), Format::Decoded, 60);
    assert_eq!(lines[3], "value    1,048,577 bytes; the first 1.0 MiB are shown");
}

proptest! {
    #[test]
    fn no_line_is_too_wide_or_has_a_control_character(
        value in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), "\\PC{0,60}|.{0,60}".prop_map(|text| {
            serde_json::json!({ "text": text, "deep": [[[[text.as_str()]]]] }).to_string().into_bytes()
        })],
        room in 41_usize..120,
    ) {
        let json = std::str::from_utf8(&value).ok().filter(|json| JsonTree::parse(&(*json).into()).is_some());
        let record = record(Some(&value), json);
        for format in [Format::Decoded, Format::Hex] {
            for line in shown(&record, format, room) {
                prop_assert!(!line.chars().any(char::is_control), "{line:?}");
                prop_assert!(width(&line) <= room + 9, "{line:?}");
            }
        }
    }
}
