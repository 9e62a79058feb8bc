//! Parses dead letters.

use kreplay_engine::replay::dead_letter_headers as names;
use kreplay_model::domain::{Header, Record, TopicPartition};

/// Kafka's value for a record without a timestamp.
pub(super) const NO_TIMESTAMP: i64 = -1;

/// The contents of a dead letter's headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The source partition.
    pub source: TopicPartition,
    /// The offset in the source partition.
    pub offset: i64,
    /// The original timestamp, in milliseconds since 1970; `None` if the record had none.
    pub timestamp_ms: Option<i64>,
    /// The handler's error.
    pub error: String,
    /// The number of attempts.
    pub attempts: u32,
    /// The run that wrote the letter.
    pub run: String,
    /// When it failed, as text.
    pub failed_at: String,
    /// The number of the record's own headers. kreplay's headers come after them.
    pub own_headers: usize,
}

impl DeadLetter {
    /// Parses a record; `None` if it is not a dead letter of kreplay. For a dead letter of a dead letter, the last one
    /// counts.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let begin = record.headers().enumerate().filter(|(_, header)| header.key == names::TOPIC.as_bytes());
        let own_headers = begin.last()?.0;
        let ours: Vec<Header<'_>> = record.headers().skip(own_headers).collect();
        let text = |name: &str| {
            let found = ours.iter().find(|header| header.key == name.as_bytes());
            found.and_then(|header| header.value).map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let number = |name: &str| text(name).and_then(|text| text.parse::<i64>().ok());
        Some(Self {
            source: TopicPartition::new(text(names::TOPIC)?, i32::try_from(number(names::PARTITION)?).ok()?),
            offset: number(names::OFFSET)?,
            timestamp_ms: number(names::TIMESTAMP).filter(|timestamp| *timestamp != NO_TIMESTAMP),
            error: text(names::ERROR).unwrap_or_default(),
            attempts: number(names::ATTEMPTS).and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(0),
            run: text(names::RUN).unwrap_or_default(),
            failed_at: text(names::FAILED_AT).unwrap_or_default(),
            own_headers,
        })
    }
}
