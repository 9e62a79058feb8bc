//! One record as one line of JSON.
//!
//! `{"topic": …, "partition": …, "offset": …, "timestamp": …, "key": …, "value": …, "headers": [{"key": …, "value": …}]}`
//!
//! - `timestamp` is milliseconds since 1970, or null where the record has none.
//! - Bytes that are valid UTF-8 are a string; any others are the object `{"base64": "…"}` (RFC 4648, with padding). A
//!   string is therefore always text, whatever it holds. An absent key or value is null.
//! - A key or a value whose format was asked for is what it decodes to: any JSON. What is JSON already is carried as it is
//!   written, digit by digit and member by member, without the space between its parts.
//! - Headers keep their order, and a name may come twice.
//! - Control characters are escaped, DEL and those of the range U+0080 to U+009F too, which JSON would let pass: a line
//!   that is printed cannot drive the terminal.

use std::io::{self, Write};

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::ser::Formatter;

use crate::{
    decode::Undecodable,
    domain::{
        Format, Header, Record, TopicPartition,
        json::{Document, Json},
    },
    handler::Advice,
    plan::Rules,
};

/// A key or a value.
enum Content<'a> {
    Bytes(Bytes<'a>),
    Decoded(Json<'a>),
}

impl Content<'_> {
    fn append(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        match self {
            Self::Bytes(bytes) => append_as_json(out, bytes),
            Self::Decoded(value) => {
                // Between the parts of a value there is no control character but space, so what is escaped is in strings.
                let text = value.compact();
                Escaping.write_string_fragment(out, &text).map_err(serde_json::Error::io)
            }
        }
    }
}

/// A record that has no line.
#[derive(Debug, thiserror::Error)]
pub(in crate::handler) enum LineError {
    /// A format was asked for, and it cannot be decoded.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// What the serializer said; none is known to happen.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl LineError {
    /// Whether to try again.
    pub(in crate::handler) fn advice(&self) -> Advice {
        match self {
            Self::Undecodable(error) if !error.is_passing() => Advice::GiveUp,
            _ => Advice::Retry,
        }
    }
}

/// Text where it is valid UTF-8, otherwise base64 with a mark.
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

/// Writes JSON as `serde_json` does, with every control character escaped.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // DEL is one byte; U+0080 to U+009F begin with C2 in UTF-8. Most text has neither byte.
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

/// Appends a record as it is, without decoding, and a line feed to `out`; on an error `out` is as it was.
///
/// # Errors
/// What the serializer said; none is known to happen.
pub(in crate::handler) fn append(
    out: &mut Vec<u8>,
    source: &TopicPartition,
    record: &Record,
) -> Result<(), serde_json::Error> {
    let bytes = |bytes| Content::Bytes(Bytes(bytes));
    write(out, source, record, record.key().map(bytes), record.value().map(bytes))
}

/// Appends a record and a line feed to `out`, its key and its value decoded where a format was asked for; on an error `out`
/// is as it was.
///
/// # Errors
/// Why it cannot be decoded.
pub(in crate::handler) fn append_decoded(
    out: &mut Vec<u8>,
    source: &TopicPartition,
    rules: &Rules,
    record: &Record,
) -> Result<(), LineError> {
    let formats = record.route.formats;
    if !formats.is_asked() {
        return Ok(append(out, source, record)?);
    }
    let examined = rules.examine(record);
    if let Some(error) = examined.undecodable() {
        return Err(error.clone().into());
    }
    let key = content(formats.key, examined.key_document().ok().flatten(), record.key());
    let value = formats.value.is_asked().then(|| examined.value()).flatten();
    let value = content(formats.value, value, record.value());
    Ok(write(out, source, record, key, value)?)
}

fn content<'a>(format: Format, decoded: Option<&'a Document<'_>>, bytes: Option<&'a [u8]>) -> Option<Content<'a>> {
    match decoded {
        Some(value) if format.is_asked() => Some(Content::Decoded(value.root())),
        _ => bytes.map(|bytes| Content::Bytes(Bytes(bytes))),
    }
}

fn write(
    out: &mut Vec<u8>,
    source: &TopicPartition,
    record: &Record,
    key: Option<Content<'_>>,
    value: Option<Content<'_>>,
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
    key: Option<Content<'_>>,
    value: Option<Content<'_>>,
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
    headers(record, &mut serde_json::Serializer::with_formatter(&mut *out, Escaping))?;
    out.extend_from_slice(b"}\n");
    Ok(())
}

fn append_as_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<(), serde_json::Error> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, Escaping))
}

/// The headers of a record alone, as a line has them.
///
/// # Errors
/// What the serializer said; none is known to happen.
pub(in crate::handler) fn headers_as_json(record: &Record) -> Result<String, String> {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Escaping);
    headers(record, &mut serializer).map_err(|error| error.to_string())?;
    String::from_utf8(out).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{decode::DecodeSettings, domain::Formats, handler::testing::record};

    fn line(record: &Record) -> String {
        let mut out = Vec::new();
        append(&mut out, &TopicPartition::new("orders", 3), record).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_has_the_documented_fields_in_their_order() {
        let headers: [(&[u8], Option<&[u8]>); 3] = [(b"h", Some(b"1")), (b"h", None), (b"\xff", Some(b""))];
        assert_eq!(
            line(&record(0, 42, Some(b"k"), Some(b"{\"a\":1}"), &headers)),
            "{\"topic\":\"orders\",\"partition\":3,\"offset\":42,\"timestamp\":1000,\"key\":\"k\",\"value\":\"{\\\"a\\\":1}\",\
             \"headers\":[{\"key\":\"h\",\"value\":\"1\"},{\"key\":\"h\",\"value\":null},{\"key\":{\"base64\":\"/w==\"},\"value\":\"\"}]}\n"
        );
    }

    #[test]
    fn absent_is_not_empty() {
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
    fn what_a_format_was_asked_for_is_decoded() {
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
        assert_eq!(decoded(Format::Unsaid, Format::Unsaid, &good), Ok((json!("7"), text.clone())));
        assert_eq!(decoded(Format::Unsaid, Format::Json, &good), Ok((json!("7"), json!({"a": ["\u{7f}"]}))));
        assert_eq!(decoded(Format::Json, Format::Unsaid, &good), Ok((json!(7), text)));
        assert_eq!(decoded(Format::Bytes, Format::Text, &good).unwrap().0, json!({"base64": "Nw=="}));
        let tombstone = record(0, 0, None, None, &[]);
        assert_eq!(decoded(Format::Json, Format::Json, &tombstone), Ok((Value::Null, Value::Null)));
        let bad = record(0, 0, Some(b"7"), Some(b"{"), &[]);
        let error = decoded(Format::Json, Format::Json, &bad).unwrap_err();
        assert!(error.starts_with("the value cannot be decoded: it is not JSON"), "{error}");
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(key in prop::collection::vec(any::<u8>(), 0..40), text in any::<String>()) {
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
