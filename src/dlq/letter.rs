//! A dead letter, taken apart again.

use crate::{
    domain::{Header, Record, TopicPartition},
    replay::dead_letters::letter as names,
};

/// Kafka's way to say that a record has no timestamp.
pub(super) const NO_TIMESTAMP: i64 = -1;

/// What a record of a dead-letter topic says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The partition it came from.
    pub source: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// Its timestamp there, in milliseconds since 1970; `None` where it had none.
    pub timestamp_ms: Option<i64>,
    /// What the handler said.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The run that gave it up.
    pub run: String,
    /// When that was, as it stands there.
    pub failed_at: String,
    /// How many headers were the record's own: ours come after them.
    pub own_headers: usize,
}

impl DeadLetter {
    /// Takes a record apart; `None` where it is no dead letter of kreplay's. Where it is one of a dead letter, the outer one
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
