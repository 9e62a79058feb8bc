//! What a dead letter looks like: the record as it was, and headers that say where it comes from and why.

use chrono::{SecondsFormat, Utc};

use super::Target;
use crate::{
    domain::{Header, Record, TopicPartition},
    kafka::producer::NewRecord,
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

/// How much a dead letter says of itself. A record that is nearly as large as its dead-letter topic accepts has no room for all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Everything.
    #[default]
    Full,
    /// No more than the beginning of the error.
    ShortError,
    /// Only where it comes from, so that it can be driven back.
    Origin,
}

impl Form {
    /// The next shorter one.
    #[must_use]
    pub fn shorter(self) -> Option<Self> {
        match self {
            Self::Full => Some(Self::ShortError),
            Self::ShortError => Some(Self::Origin),
            Self::Origin => None,
        }
    }
}

/// What is left of an error in the form [`Form::ShortError`], in bytes.
const SHORT_ERROR_BYTES: usize = 100;

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
    /// Passes the dead letter on, as `send` answers. Its own timestamp is the time of sending: with the record's, a topic's retention
    /// could remove it at once.
    pub fn with<T>(&self, target: &Target, form: Form, send: impl FnOnce(NewRecord<'_>) -> T) -> T {
        let (error, attempts) = self.trouble.of(self.record);
        let origin = [
            (TOPIC, self.id.topic.to_string()),
            (PARTITION, self.id.partition.0.to_string()),
            (OFFSET, self.record.offset.to_string()),
            (TIMESTAMP, self.record.timestamp_ms.to_string()),
        ];
        let longest = if form == Form::Full { LONGEST_ERROR } else { SHORT_ERROR_BYTES };
        let reason = [
            (ERROR, cut(&error, longest).to_owned()),
            (ATTEMPTS, attempts.to_string()),
            (RUN, self.run.to_owned()),
            (FAILED_AT, Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)),
        ];
        let reason = if form == Form::Origin { &[][..] } else { &reason[..] };
        let [origin, reason] = [&origin[..], reason].map(|ours| {
            ours.iter().map(|(name, value)| Header { key: name.as_bytes(), value: Some(value.as_bytes()) })
        });
        let key = self.lane_key.filter(|_| form != Form::Origin);
        let key = key.map(|key| Header { key: KEY.as_bytes(), value: Some(key) });
        let headers: Vec<Header<'_>> = self.record.headers().chain(origin).chain(key).chain(reason).collect();
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

fn cut(text: &str, longest: usize) -> &str {
    let end = (0..=longest.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
