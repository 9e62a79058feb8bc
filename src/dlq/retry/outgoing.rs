//! A letter on its way back to its source topic.

use kreplay_kafka::producer::NewRecord;
use kreplay_model::domain::{Header, Record};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::dlq::DeadLetter;

/// A letter to send.
pub(super) struct OutgoingLetter {
    /// The index of its partition.
    pub(super) number: usize,
    pub(super) record: Record,
    pub(super) letter: DeadLetter,
    /// Letters of a lane stay in order.
    pub(super) lane: u64,
    /// `None` means the time of writing.
    pub(super) timestamp_ms: Option<i64>,
}

impl OutgoingLetter {
    /// The record's own headers, without those that kreplay added.
    pub(super) fn headers(&self) -> Vec<Header<'_>> {
        self.record.headers().take(self.letter.own_headers).collect()
    }

    /// The record to send; `headers` are its own.
    pub(super) fn as_new<'a>(&'a self, headers: &'a [Header<'a>], same_partition: bool) -> NewRecord<'a> {
        NewRecord {
            topic: &self.letter.source.topic,
            partition: same_partition.then_some(self.letter.source.partition.0),
            key: self.record.key(),
            value: self.record.value(),
            headers,
            timestamp_ms: self.timestamp_ms,
        }
    }
}

/// The lane of a letter: its key, or its source partition if it has none.
pub(super) fn lane_of(record: &Record, letter: &DeadLetter) -> u64 {
    let seed = xxh3_64_with_seed(letter.source.topic.as_bytes(), u64::from(record.key().is_some()));
    match record.key() {
        Some(key) => xxh3_64_with_seed(key, seed),
        None => xxh3_64_with_seed(&letter.source.partition.0.to_le_bytes(), seed),
    }
}
