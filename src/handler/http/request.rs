//! What a request carries: the body, and the headers that go with its records.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use xxhash_rust::xxh3::Xxh3;

use super::{Body, HttpSettings};
use crate::{
    domain::{Header, Record, TopicPartition},
    handler::ndjson,
    plan::{Glob, Rules},
};

/// Says which record a request is about, the same at every attempt: whoever receives it can tell that it came before.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The body of a request, record by record.
#[derive(Debug)]
pub(super) struct Content<'a> {
    kind: Body,
    /// Which headers of a record go along with its value.
    record_headers: &'a [Glob],
    pub(super) bytes: Vec<u8>,
    /// Where the first record ends.
    records: usize,
    keys: String,
    headers: HeaderMap,
}

impl<'a> Content<'a> {
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

    /// Appends a record; on an error nothing was appended.
    ///
    /// # Errors
    /// It cannot be written in this form.
    pub(super) fn push(&mut self, source: &TopicPartition, rules: &Rules, record: &Record) -> Result<(), String> {
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
                return Err(error.to_string());
            }
            if self.kind != Body::Ndjson {
                self.bytes.pop();
            }
        }
        self.records += 1;
        // Writing to a String cannot fail.
        let _ = writeln!(self.keys, "{}", key(source, record.offset));
        Ok(())
    }

    /// How long the body is so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// The headers of the records, with their idempotency key: that of the one record, or one that stands for exactly these.
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
        // A topic's name has nothing in it that a header could not have.
        if let Ok(key) = HeaderValue::try_from(key) {
            self.headers.insert(IDEMPOTENCY_KEY, key);
        }
        (self.headers, self.bytes)
    }
}

fn key(source: &TopicPartition, offset: i64) -> String {
    format!("{}-{}-{offset}", source.topic, source.partition.0)
}

/// Everything but the value.
fn value_headers(source: &TopicPartition, record: &Record, wanted: &[Glob]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut add = |name: &'static str, value: String| {
        let value = HeaderValue::try_from(value).map_err(|_| format!("{name} cannot be a header of HTTP"))?;
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
        match plain(key) {
            Some(key) => add("kreplay-key", key.to_owned())?,
            None => add("kreplay-key-base64", STANDARD.encode(key))?,
        }
    }
    if record.value().is_none() {
        add("kreplay-tombstone", "true".into())?;
    }
    let named: Vec<Named> = sent_headers(record, wanted).map(Named::of).collect();
    if !named.is_empty() {
        // One line of JSON in ASCII: names and values are base64, since they may be any bytes.
        add("kreplay-headers", serde_json::to_string(&named).map_err(|error| error.to_string())?)?;
    }
    Ok(headers)
}

/// A text that a header may have as it is.
fn plain(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let fits = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && text.trim() == text && !text.is_empty();
    fits.then_some(text)
}

#[derive(Serialize)]
struct Named {
    key: String,
    value: Option<String>,
}

impl Named {
    fn of(header: Header<'_>) -> Self {
        Self { key: STANDARD.encode(header.key), value: header.value.map(|value| STANDARD.encode(value)) }
    }
}

/// The headers of a record that go along with its value.
pub(super) fn sent_headers<'r>(record: &'r Record, wanted: &[Glob]) -> impl Iterator<Item = Header<'r>> {
    record.headers().filter(|header| wanted.iter().any(|name| name.is_match(header.key)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::handler::testing::record;

    fn source() -> TopicPartition {
        TopicPartition::new("orders", 3)
    }

    fn content(kind: Body, offsets: &[i64]) -> (HeaderMap, Vec<u8>) {
        let settings = HttpSettings { body: kind, ..HttpSettings::default() };
        let mut content = Content::new(&settings);
        for offset in offsets {
            content.push(&source(), &Rules::default(), &record(0, *offset, Some(b"k"), Some(b"v"), &[])).unwrap();
        }
        assert_eq!(content.records(), offsets.len());
        content.finish()
    }

    #[test]
    fn each_form_of_a_body_holds_its_records() {
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
    fn the_key_of_a_batch_stands_for_exactly_its_records() {
        let key = |offsets: &[i64]| content(Body::Array, offsets).0[IDEMPOTENCY_KEY].clone();
        assert_eq!(key(&[7]), "orders-3-7");
        assert_eq!(key(&[7, 8]), key(&[7, 8]));
        assert_ne!(key(&[7, 8]), key(&[7, 9]));
        assert_ne!(key(&[7, 8]), key(&[8, 7]));
        assert!(key(&[7, 8]).to_str().unwrap().starts_with("batch-"));
    }

    #[test]
    fn a_raw_value_has_all_else_in_headers() {
        let settings = HttpSettings { body: Body::Value, ..HttpSettings::default() };
        let mut it = Content::new(&settings);
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
            let mut it = Content::new(&settings);
            it.push(&source(), &Rules::default(), &record(0, 1, Some(key), None, &[])).unwrap();
            let (headers, bytes) = it.finish();
            assert_eq!((headers[name].to_str().unwrap(), bytes.len()), (value, 0));
            assert_eq!(headers["kreplay-tombstone"], "true");
        }
    }

    #[test]
    fn headers_that_are_not_wanted_stay_behind() {
        for (wanted, sent) in [(&["a*"][..], Some(r#"[{"key":"YWI=","value":"MQ=="}]"#)), (&[], None), (&["x"], None)] {
            let record_headers = wanted.iter().map(|name| name.parse().unwrap()).collect();
            let settings = HttpSettings { body: Body::Value, record_headers, ..HttpSettings::default() };
            let mut it = Content::new(&settings);
            let headers: &[(&[u8], Option<&[u8]>)] = &[(b"ab", Some(b"1")), (b"b", Some(b"2"))];
            it.push(&source(), &Rules::default(), &record(0, 1, None, Some(b"v"), headers)).unwrap();
            assert_eq!(it.finish().0.get("kreplay-headers").map(|value| value.to_str().unwrap()), sent);
        }
    }
}
