//! A record as one JSON line.
//!
//! `{"topic": …, "partition": …, "offset": …, "timestamp": …, "key": …, "value": …,
//! "headers": [{"key": …, "value": …}]}`
//!
//! - `timestamp` is milliseconds since 1970, or null if the record has none.
//! - Bytes that are valid UTF-8 are a string; other bytes are the object `{"base64": "…"}` (RFC 4648, with padding).
//!   A string is therefore always text. An absent key or value is null.
//! - A key or value with a configured format is written decoded, as any JSON value. A value that is JSON already is
//!   copied digit by digit and member by member, without whitespace between its parts.
//! - Headers keep their order, and a name may occur more than once.
//! - Control characters are escaped, including DEL and U+0080 to U+009F, which JSON allows unescaped: a printed line
//!   cannot control the terminal.

use std::io::{self, Write};

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use kreplay_engine::{decode::Undecodable, rules::Rules};
use kreplay_model::domain::{
    Format, Header, Record, TopicPartition,
    json::{Document, Json},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::ser::Formatter;

use crate::{Advice, RecordFailure, failure::decoding_advice};

/// A key or a value, decoded or not.
enum LineContent<'a> {
    Bytes(Bytes<'a>),
    Decoded(Json<'a>),
}

impl LineContent<'_> {
    fn append(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        match self {
            Self::Bytes(bytes) => append_as_json(out, bytes),
            Self::Decoded(value) => {
                // Outside of strings a value has no control characters but whitespace, so the escapes are valid.
                let text = value.compact();
                EscapingFormatter.write_string_fragment(out, &text).map_err(serde_json::Error::io)
            }
        }
    }
}

/// Why a record cannot be written as a line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// It cannot be decoded in its configured format.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// The serializer failed; no case is known.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl LineError {
    /// What is advised about a retry.
    pub(crate) fn advice(&self) -> Advice {
        match self {
            Self::Undecodable(error) => decoding_advice(error),
            Self::Json(_) => Advice::Retry,
        }
    }
}

impl From<LineError> for RecordFailure {
    fn from(error: LineError) -> Self {
        Self::new(error.to_string(), error.advice())
    }
}

/// Bytes, serialized as text if they are valid UTF-8 and otherwise as marked base64.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("base64", &format_args!("{}", Base64Display::new(self.0, &STANDARD)))?;
        map.end()
    }
}

#[derive(Serialize)]
struct HeaderLine<'a> {
    key: Bytes<'a>,
    value: Option<Bytes<'a>>,
}

fn headers<S: Serializer>(record: &Record, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        record.headers().map(|Header { key, value }| HeaderLine { key: Bytes(key), value: value.map(Bytes) }),
    )
}

/// Writes JSON like `serde_json`, but escapes every control character.
struct EscapingFormatter;

impl Formatter for EscapingFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // DEL is one byte; U+0080 to U+009F begin with C2 in UTF-8. Most text contains neither byte.
        if !fragment.bytes().any(|byte| byte == 0x7f || byte == 0xc2) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, control)) = rest.char_indices().find(|(_, c)| c.is_control()) {
            writer.write_all(&rest.as_bytes()[..at])?;
            write!(writer, "\\u{:04x}", u32::from(control))?;
            rest = &rest[at + control.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Appends a record without decoding it, and a line feed. On an error `out` is unchanged.
///
/// # Errors
/// The serializer's error; none is known to happen.
pub(crate) fn append(out: &mut Vec<u8>, source: &TopicPartition, record: &Record) -> Result<(), serde_json::Error> {
    let bytes = |bytes| LineContent::Bytes(Bytes(bytes));
    write(out, source, record, record.key().map(bytes), record.value().map(bytes))
}

/// Appends a record and a line feed, with key and value decoded in their configured formats. On an error `out` is
/// unchanged.
///
/// # Errors
/// Why the record cannot be decoded.
pub(crate) fn append_decoded(
    out: &mut Vec<u8>,
    source: &TopicPartition,
    rules: &Rules,
    record: &Record,
) -> Result<(), LineError> {
    let formats = record.route.formats;
    if !formats.is_specified() {
        return Ok(append(out, source, record)?);
    }
    let examined = rules.examine(record);
    if let Some(error) = examined.undecodable() {
        return Err(error.clone().into());
    }
    let key = line_content(formats.key, examined.key_document().ok().flatten(), record.key());
    let value = formats.value.is_specified().then(|| examined.value()).flatten();
    let value = line_content(formats.value, value, record.value());
    Ok(write(out, source, record, key, value)?)
}

fn line_content<'a>(
    format: Format,
    decoded: Option<&'a Document<'_>>,
    bytes: Option<&'a [u8]>,
) -> Option<LineContent<'a>> {
    match decoded {
        Some(value) if format.is_specified() => Some(LineContent::Decoded(value.root())),
        _ => bytes.map(|bytes| LineContent::Bytes(Bytes(bytes))),
    }
}

fn write(
    out: &mut Vec<u8>,
    source: &TopicPartition,
    record: &Record,
    key: Option<LineContent<'_>>,
    value: Option<LineContent<'_>>,
) -> Result<(), serde_json::Error> {
    let before = out.len();
    let written = append_parts(out, source, record, key, value);
    if written.is_err() {
        out.truncate(before);
    }
    written
}

fn append_parts(
    out: &mut Vec<u8>,
    source: &TopicPartition,
    record: &Record,
    key: Option<LineContent<'_>>,
    value: Option<LineContent<'_>>,
) -> Result<(), serde_json::Error> {
    out.extend_from_slice(b"{\"topic\":");
    append_as_json(out, &*source.topic)?;
    write!(out, ",\"partition\":{},\"offset\":{}", source.partition.0, record.offset).map_err(serde_json::Error::io)?;
    out.extend_from_slice(b",\"timestamp\":");
    append_as_json(out, &(record.timestamp_ms >= 0).then_some(record.timestamp_ms))?;
    for (name, content) in [("key", key), ("value", value)] {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        match content {
            Some(content) => content.append(out)?,
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(b",\"headers\":");
    headers(record, &mut serde_json::Serializer::with_formatter(&mut *out, EscapingFormatter))?;
    out.extend_from_slice(b"}\n");
    Ok(())
}

fn append_as_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<(), serde_json::Error> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, EscapingFormatter))
}

/// The headers of a record, as a line contains them.
///
/// # Errors
/// The serializer's error; none is known to happen.
#[cfg(feature = "files")]
pub(crate) fn headers_as_json(record: &Record) -> Result<String, String> {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, EscapingFormatter);
    headers(record, &mut serializer).map_err(|error| error.to_string())?;
    String::from_utf8(out).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use kreplay_engine::decode::DecodeSettings;
    use kreplay_model::domain::Formats;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::record;

    fn line(record: &Record) -> String {
        let mut out = Vec::new();
        append(&mut out, &TopicPartition::new("orders", 3), record).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_has_the_documented_fields_in_order() {
        let headers: [(&[u8], Option<&[u8]>); 3] = [(b"h", Some(b"1")), (b"h", None), (b"\xff", Some(b""))];
        assert_eq!(
            line(&record(0, 42, Some(b"k"), Some(b"{\"a\":1}"), &headers)),
            "{\"topic\":\"orders\",\"partition\":3,\"offset\":42,\"timestamp\":1000,\"key\":\"k\",\"value\":\"{\\\"a\\\":1}\",\
             \"headers\":[{\"key\":\"h\",\"value\":\"1\"},{\"key\":\"h\",\"value\":null},{\"key\":{\"base64\":\"/w==\"},\"value\":\"\"}]}\n"
        );
    }

    #[test]
    fn absent_and_empty_values_differ() {
        let mut without = record(0, 0, None, Some(b""), &[]);
        without.timestamp_ms = -1;
        let value: Value = serde_json::from_str(&line(&without)).unwrap();
        assert_eq!(value["key"], Value::Null);
        assert_eq!(value["value"], "");
        assert_eq!(value["timestamp"], Value::Null);
        assert_eq!(value["headers"], json!([]));
    }

    #[test]
    fn no_control_character_reaches_a_terminal() {
        let hostile = "a\u{1b}[2J\u{9b}31m\u{7f}\u{85}\n\r\t\u{0}é\u{a0}z";
        let text = line(&record(0, 0, Some(hostile.as_bytes()), None, &[]));
        assert!(!text.trim_end_matches('\n').chars().any(char::is_control), "{text:?}");
        assert!(text.contains("é\u{a0}z") && text.contains("\\u009b31m\\u007f\\u0085"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["key"], hostile);
    }

    #[test]
    fn keys_and_values_with_a_format_are_decoded() {
        let decoded = |key: Format, value: Format, record: &Record| {
            let formats = Formats { key, value };
            let rules =
                Rules { decoding: DecodeSettings { formats, ..DecodeSettings::default() }.into(), ..Rules::default() };
            let mut record = record.clone();
            record.route.formats = formats;
            let mut out = b"before".to_vec();
            append_decoded(&mut out, &TopicPartition::new("orders", 3), &rules, &record).map_err(|error| {
                assert_eq!((out.as_slice(), error.advice()), (&b"before"[..], Advice::GiveUp));
                error.to_string()
            })?;
            let line: Value = serde_json::from_slice(out.strip_prefix(b"before").unwrap()).unwrap();
            Ok::<_, String>((line["key"].clone(), line["value"].clone()))
        };
        let good = record(0, 0, Some(b"7"), Some(b"{\"a\":[\"\x7f\"]}"), &[]);
        let text = json!("{\"a\":[\"\u{7f}\"]}");
        assert_eq!(decoded(Format::Unspecified, Format::Unspecified, &good), Ok((json!("7"), text.clone())));
        assert_eq!(decoded(Format::Unspecified, Format::Json, &good), Ok((json!("7"), json!({"a": ["\u{7f}"]}))));
        assert_eq!(decoded(Format::Json, Format::Unspecified, &good), Ok((json!(7), text)));
        assert_eq!(decoded(Format::Bytes, Format::Text, &good).unwrap().0, json!({"base64": "Nw=="}));
        let tombstone = record(0, 0, None, None, &[]);
        assert_eq!(decoded(Format::Json, Format::Json, &tombstone), Ok((Value::Null, Value::Null)));
        let bad = record(0, 0, Some(b"7"), Some(b"{"), &[]);
        let error = decoded(Format::Json, Format::Json, &bad).unwrap_err();
        assert!(error.starts_with("the value cannot be decoded: it is not JSON"), "{error}");
    }

    proptest! {
        #[test]
        fn every_byte_can_be_read_back(key in prop::collection::vec(any::<u8>(), 0..40), text in any::<String>()) {
            let line = line(&record(0, 0, Some(&key), Some(text.as_bytes()), &[(&key, Some(&key))]));
            prop_assert_eq!(line.matches('\n').count(), 1);
            let value: Value = serde_json::from_str(&line).unwrap();
            let bytes = |value: &Value| match value {
                Value::String(text) => text.as_bytes().to_vec(),
                other => STANDARD.decode(other["base64"].as_str().unwrap()).unwrap(),
            };
            prop_assert_eq!(&bytes(&value["key"]), &key);
            prop_assert_eq!(&bytes(&value["headers"][0]["key"]), &key);
            prop_assert_eq!(&value["value"], &Value::String(text));
        }
    }
}
