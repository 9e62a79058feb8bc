//! The format of a dead letter: the original record, plus headers that say where it comes from and why it failed.

use chrono::{SecondsFormat, Utc};
use kreplay_kafka::producer::NewRecord;
use kreplay_model::domain::{Header, Record, TopicPartition};

use super::{
    DeadLetterTarget,
    header_names::{ATTEMPTS, ERROR, FAILED_AT, KEY, OFFSET, PARTITION, RUN, TIMESTAMP, TOPIC},
};
use crate::replay::lanes::quarantine::QuarantineReason;

/// A longer error is truncated: a header is no place for a megabyte of stack trace.
const MAX_ERROR_BYTES: usize = 4_096;

/// How many headers a dead letter has. A record that is almost as large as its dead-letter topic accepts has no room
/// for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderForm {
    /// All headers.
    #[default]
    Full,
    /// All headers, with only the beginning of the error.
    ShortError,
    /// Only the origin, so that the record can be sent back.
    Origin,
}

impl HeaderForm {
    /// The next shorter form.
    #[must_use]
    pub fn shorter(self) -> Option<Self> {
        match self {
            Self::Full => Some(Self::ShortError),
            Self::ShortError => Some(Self::Origin),
            Self::Origin => None,
        }
    }
}

/// The length of the error in the form [`HeaderForm::ShortError`], in bytes.
const SHORT_ERROR_BYTES: usize = 100;

/// A record and everything that its dead letter says about it.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The record's partition.
    pub id: &'a TopicPartition,
    /// The record.
    pub record: &'a Record,
    /// Why it failed.
    pub reason: &'a QuarantineReason,
    /// The id of the run.
    pub run: &'a str,
    /// The key that a key template built, if there is one.
    pub lane_key: Option<&'a [u8]>,
}

impl Envelope<'_> {
    /// Builds the dead letter and passes it to `send`. Its timestamp is the time of sending: with the record's
    /// timestamp, the topic's retention could delete it at once.
    pub fn with<T>(&self, target: &DeadLetterTarget, form: HeaderForm, send: impl FnOnce(NewRecord<'_>) -> T) -> T {
        let (error, attempts) = self.reason.of(self.record);
        let origin = [
            (TOPIC, self.id.topic.to_string()),
            (PARTITION, self.id.partition.0.to_string()),
            (OFFSET, self.record.offset.to_string()),
            (TIMESTAMP, self.record.timestamp_ms.to_string()),
        ];
        let max_bytes = if form == HeaderForm::Full { MAX_ERROR_BYTES } else { SHORT_ERROR_BYTES };
        let reason = [
            (ERROR, truncate(&error, max_bytes).to_owned()),
            (ATTEMPTS, attempts.to_string()),
            (RUN, self.run.to_owned()),
            (FAILED_AT, Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)),
        ];
        let reason = if form == HeaderForm::Origin { &[][..] } else { &reason[..] };
        let [origin, reason] = [&origin[..], reason].map(|ours| {
            ours.iter().map(|(name, value)| Header { key: name.as_bytes(), value: Some(value.as_bytes()) })
        });
        let key = self.lane_key.filter(|_| form != HeaderForm::Origin);
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

fn truncate(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
