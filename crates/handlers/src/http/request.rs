//! The content of a request: the body, and the headers that belong to its records.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use kreplay_engine::rules::Rules;
use kreplay_model::domain::{Glob, Header, Record, TopicPartition};
use serde::Serialize;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use xxhash_rust::xxh3::Xxh3;

use super::{Body, HttpSettings};
use crate::{RecordFailure, ndjson};

/// Identifies the record of a request. The same on every attempt, so that a receiver can detect repetitions.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The body and headers of a request, built record by record.
#[derive(Debug)]
pub(super) struct RequestContent<'a> {
    kind: Body,
    /// The record headers that are sent if the body is the record's value.
    record_headers: &'a [Glob],
    pub(super) bytes: Vec<u8>,
    records: usize,
    keys: String,
    headers: HeaderMap,
}

/// A place in the content of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContentMark {
    bytes: usize,
    records: usize,
    keys: usize,
}

impl<'a> RequestContent<'a> {
    pub(super) fn new(settings: &'a HttpSettings) -> Self {
        Self {
            kind: settings.body,
            record_headers: &settings.record_headers,
            bytes: Vec::new(),
            records: 0,
            keys: String::new(),
            headers: HeaderMap::new(),
        }
    }

    /// Appends a record. On an error nothing is appended.
    ///
    /// # Errors
    /// The record cannot be written in this form.
    pub(super) fn push(
        &mut self,
        source: &TopicPartition,
        rules: &Rules,
        record: &Record,
    ) -> Result<(), RecordFailure> {
        if self.kind == Body::Value {
            self.headers = value_headers(source, record, self.record_headers)?;
            self.bytes.extend_from_slice(record.value().unwrap_or_default());
        } else {
            let before = self.bytes.len();
            if self.kind == Body::Array {
                self.bytes.push(if self.records == 0 { b'[' } else { b',' });
            }
            if let Err(error) = ndjson::append_decoded(&mut self.bytes, source, rules, record) {
                self.bytes.truncate(before);
                return Err(error.into());
            }
            if self.kind != Body::Ndjson {
                self.bytes.pop();
            }
        }
        self.records += 1;
        // Writing to a String cannot fail.
        let _ = writeln!(self.keys, "{}", record_key(source, record.offset));
        Ok(())
    }

    /// The length of the body in bytes, if no further record is appended.
    pub(super) fn len(&self) -> usize {
        let bracket = usize::from(self.kind == Body::Array && self.records > 0);
        self.bytes.len() + bracket
    }

    /// The records so far, for [`Self::cut_back`].
    pub(super) fn mark(&self) -> ContentMark {
        ContentMark { bytes: self.bytes.len(), records: self.records, keys: self.keys.len() }
    }

    /// Removes the records that were appended since the mark was taken. Only for bodies that hold several records.
    pub(super) fn cut_back(&mut self, to: ContentMark) {
        self.bytes.truncate(to.bytes);
        self.keys.truncate(to.keys);
        self.records = to.records;
    }

    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// The headers, including the idempotency key, and the body. The key is that of the single record, or a hash that
    /// stands for exactly these records.
    pub(super) fn finish(mut self) -> (HeaderMap, Vec<u8>) {
        if self.kind == Body::Array {
            self.bytes.push(b']');
        }
        let key = if self.records == 1 {
            self.keys.trim_end().to_owned()
        } else {
            let mut hash = Xxh3::new();
            hash.update(self.keys.as_bytes());
            format!("batch-{:032x}", hash.digest128())
        };
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind.content_type()));
        // Topic names contain only characters that are valid in a header.
        if let Ok(key) = HeaderValue::try_from(key) {
            self.headers.insert(IDEMPOTENCY_KEY, key);
        }
        (self.headers, self.bytes)
    }
}

fn record_key(source: &TopicPartition, offset: i64) -> String {
    format!("{}-{}-{offset}", source.topic, source.partition.0)
}

/// The headers that describe a record except its value.
fn value_headers(source: &TopicPartition, record: &Record, selected: &[Glob]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut add = |name: &'static str, value: String| {
        let value = HeaderValue::try_from(value).map_err(|_| format!("{name} cannot be sent as an HTTP header"))?;
        headers.insert(HeaderName::from_static(name), value);
        Ok::<(), String>(())
    };
    add("kreplay-topic", source.topic.to_string())?;
    add("kreplay-partition", source.partition.0.to_string())?;
    add("kreplay-offset", record.offset.to_string())?;
    if record.timestamp_ms >= 0 {
        add("kreplay-timestamp", record.timestamp_ms.to_string())?;
    }
    if let Some(key) = record.key() {
        match as_header_text(key) {
            Some(key) => add("kreplay-key", key.to_owned())?,
            None => add("kreplay-key-base64", STANDARD.encode(key))?,
        }
    }
    if record.value().is_none() {
        add("kreplay-tombstone", "true".into())?;
    }
    let named: Vec<HeaderJson> = sent_headers(record, selected).map(HeaderJson::of).collect();
    if !named.is_empty() {
        // One line of ASCII JSON: names and values are base64, because they may be any bytes.
        add("kreplay-headers", serde_json::to_string(&named).map_err(|error| error.to_string())?)?;
    }
    Ok(headers)
}

/// The bytes as text if they can be sent unchanged in a header.
fn as_header_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let fits = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && text.trim() == text && !text.is_empty();
    fits.then_some(text)
}

#[derive(Serialize)]
struct HeaderJson {
    key: String,
    value: Option<String>,
}

impl HeaderJson {
    fn of(header: Header<'_>) -> Self {
        Self { key: STANDARD.encode(header.key), value: header.value.map(|value| STANDARD.encode(value)) }
    }
}

/// The headers of a record that are sent with its value.
pub(super) fn sent_headers<'r>(record: &'r Record, selected: &[Glob]) -> impl Iterator<Item = Header<'r>> {
    record.headers().filter(|header| selected.iter().any(|name| name.is_match(header.key)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::record;

    fn source() -> TopicPartition {
        TopicPartition::new("orders", 3)
    }

    fn content(kind: Body, offsets: &[i64]) -> (HeaderMap, Vec<u8>) {
        let settings = HttpSettings { body: kind, ..HttpSettings::default() };
        let mut content = RequestContent::new(&settings);
        for offset in offsets {
            content.push(&source(), &Rules::default(), &record(0, *offset, Some(b"k"), Some(b"v"), &[])).unwrap();
        }
        assert_eq!(content.records(), offsets.len());
        content.finish()
    }

    #[test]
    fn each_body_kind_contains_its_records() {
        let offsets = |value: &Value| value["offset"].as_i64().unwrap();
        let (headers, bytes) = content(Body::Record, &[7]);
        assert_eq!(offsets(&serde_json::from_slice(&bytes).unwrap()), 7);
        assert_eq!(headers[IDEMPOTENCY_KEY], "orders-3-7");
        assert_eq!(headers[CONTENT_TYPE], "application/json");
        let (_, bytes) = content(Body::Array, &[7, 8]);
        let array: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(array.iter().map(offsets).collect::<Vec<_>>(), [7, 8]);
        let (headers, bytes) = content(Body::Ndjson, &[7, 8]);
        let lines = String::from_utf8(bytes).unwrap();
        assert_eq!(lines.lines().map(|line| offsets(&serde_json::from_str(line).unwrap())).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(headers[CONTENT_TYPE], "application/x-ndjson");
    }

    #[test]
    fn records_that_were_taken_back_leave_no_trace() {
        for kind in [Body::Array, Body::Ndjson] {
            let settings = HttpSettings { body: kind, ..HttpSettings::default() };
            let mut it = RequestContent::new(&settings);
            let mut marks = Vec::new();
            for offset in [7, 8, 9] {
                marks.push(it.mark());
                it.push(&source(), &Rules::default(), &record(0, offset, Some(b"k"), Some(b"v"), &[])).unwrap();
            }
            it.cut_back(marks[2]);
            let (length, finished) = (it.len(), it.finish());
            assert_eq!(finished, content(kind, &[7, 8]));
            assert_eq!(length, finished.1.len());
        }
    }

    #[test]
    fn the_idempotency_key_of_a_batch_depends_on_exactly_its_records() {
        let key = |offsets: &[i64]| content(Body::Array, offsets).0[IDEMPOTENCY_KEY].clone();
        assert_eq!(key(&[7]), "orders-3-7");
        assert_eq!(key(&[7, 8]), key(&[7, 8]));
        assert_ne!(key(&[7, 8]), key(&[7, 9]));
        assert_ne!(key(&[7, 8]), key(&[8, 7]));
        assert!(key(&[7, 8]).to_str().unwrap().starts_with("batch-"));
    }

    #[test]
    fn a_value_body_has_everything_else_in_headers() {
        let settings = HttpSettings { body: Body::Value, ..HttpSettings::default() };
        let mut it = RequestContent::new(&settings);
        it.push(
            &source(),
            &Rules::default(),
            &record(0, 1, Some(b"a b"), Some(b"\xff\0"), &[(b"h", Some(b"\x01")), (b"h", None)]),
        )
        .unwrap();
        let (headers, bytes) = it.finish();
        assert_eq!(bytes, b"\xff\0");
        for (name, value) in [
            ("kreplay-topic", "orders"),
            ("kreplay-partition", "3"),
            ("kreplay-offset", "1"),
            ("kreplay-timestamp", "1000"),
            ("kreplay-key", "a b"),
            ("kreplay-headers", r#"[{"key":"aA==","value":"AQ=="},{"key":"aA==","value":null}]"#),
            ("idempotency-key", "orders-3-1"),
        ] {
            assert_eq!(headers[name], value);
        }
        for (key, name, value) in [
            ("\n".as_bytes(), "kreplay-key-base64", "Cg=="),
            (b" a".as_slice(), "kreplay-key-base64", "IGE="),
            (b"".as_slice(), "kreplay-key-base64", ""),
        ] {
            let mut it = RequestContent::new(&settings);
            it.push(&source(), &Rules::default(), &record(0, 1, Some(key), None, &[])).unwrap();
            let (headers, bytes) = it.finish();
            assert_eq!((headers[name].to_str().unwrap(), bytes.len()), (value, 0));
            assert_eq!(headers["kreplay-tombstone"], "true");
        }
    }

    #[test]
    fn only_selected_record_headers_are_sent() {
        for (selected, sent) in [(&["a*"][..], Some(r#"[{"key":"YWI=","value":"MQ=="}]"#)), (&[], None), (&["x"], None)]
        {
            let record_headers = selected.iter().map(|name| name.parse().unwrap()).collect();
            let settings = HttpSettings { body: Body::Value, record_headers, ..HttpSettings::default() };
            let mut it = RequestContent::new(&settings);
            let headers: &[(&[u8], Option<&[u8]>)] = &[(b"ab", Some(b"1")), (b"b", Some(b"2"))];
            it.push(&source(), &Rules::default(), &record(0, 1, None, Some(b"v"), headers)).unwrap();
            assert_eq!(it.finish().0.get("kreplay-headers").map(|value| value.to_str().unwrap()), sent);
        }
    }
}
