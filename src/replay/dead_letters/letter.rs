//! What a dead letter looks like: the record as it was, and headers that say where it comes from and why.

use chrono::{SecondsFormat, Utc};

use super::Target;
use crate::{
    domain::{Header, Record, TopicPartition},
    kafka::producer::{NewRecord, ProducerError},
    replay::lanes::quarantine::Trouble,
};

/// The record's own topic. It is the first of ours; those before it are the record's.
pub const TOPIC: &str = "kreplay-topic";
/// Its partition, in decimal.
pub const PARTITION: &str = "kreplay-partition";
/// Its offset, in decimal.
pub const OFFSET: &str = "kreplay-offset";
/// Its timestamp in milliseconds since 1970; -1 where it has none.
pub const TIMESTAMP: &str = "kreplay-timestamp";
/// What a key template made of the record; only where there is a template.
pub const KEY: &str = "kreplay-key";
/// What the handler said.
pub const ERROR: &str = "kreplay-error";
/// How often it was tried; 0 for one that was never tried, because its key had failed before.
pub const ATTEMPTS: &str = "kreplay-attempts";
/// The id of the run.
pub const RUN: &str = "kreplay-run";
/// When it was given up: RFC 3339, UTC.
pub const FAILED_AT: &str = "kreplay-failed-at";

/// A longer error is cut off: a header is no place for a stack trace of a megabyte.
const LONGEST_ERROR: usize = 4_096;

/// A record on its way to the dead letters.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Where it comes from.
    pub id: &'a TopicPartition,
    /// The record.
    pub record: &'a Record,
    /// Why.
    pub trouble: &'a Trouble,
    /// The run's id.
    pub run: &'a str,
    /// What a key template made of it, where there is one.
    pub lane_key: Option<&'a [u8]>,
}

impl Envelope<'_> {
    /// Passes the dead letter on. Its own timestamp is the time of sending: with the record's, a topic's retention could
    /// remove it at once.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn with<T>(
        &self,
        target: &Target,
        send: impl FnOnce(NewRecord<'_>) -> Result<T, ProducerError>,
    ) -> Result<T, ProducerError> {
        let (error, attempts) = self.trouble.of(self.record);
        let origin = [
            (TOPIC, self.id.topic.to_string()),
            (PARTITION, self.id.partition.0.to_string()),
            (OFFSET, self.record.offset.to_string()),
            (TIMESTAMP, self.record.timestamp_ms.to_string()),
        ];
        let reason = [
            (ERROR, cut(&error).to_owned()),
            (ATTEMPTS, attempts.to_string()),
            (RUN, self.run.to_owned()),
            (FAILED_AT, Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)),
        ];
        // librdkafka's Rust client takes no other names than texts; a stranger one is kept as its escape.
        let names: Vec<String> = self.record.headers().map(|header| name_of(header.key)).collect();
        let own = self.record.headers().zip(&names).map(|(header, name)| Header { key: name.as_bytes(), ..header });
        let [origin, reason] = [&origin, &reason].map(|ours| {
            ours.iter().map(|(name, value)| Header { key: name.as_bytes(), value: Some(value.as_bytes()) })
        });
        let key = self.lane_key.map(|key| Header { key: KEY.as_bytes(), value: Some(key) });
        let headers: Vec<Header<'_>> = own.chain(origin).chain(key).chain(reason).collect();
        send(NewRecord {
            topic: &target.topic,
            partition: target.partition,
            key: self.record.key(),
            value: self.record.value(),
            headers: &headers,
            timestamp_ms: None,
        })
    }
}

fn name_of(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(name) if !name.contains('\0') => name.to_owned(),
        _ => key.escape_ascii().to_string(),
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=LONGEST_ERROR.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
