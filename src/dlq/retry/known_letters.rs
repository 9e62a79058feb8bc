//! Detects letters that were written twice.

use std::collections::HashSet;

use kreplay_model::domain::Record;
use xxhash_rust::xxh3::Xxh3;

use crate::dlq::DeadLetter;

/// The number of letters that are remembered.
const MAX_KNOWN_LETTERS: usize = 1 << 20;

/// Hashes of the letters seen so far.
#[derive(Default)]
pub(super) struct KnownLetters(HashSet<u128>);

impl KnownLetters {
    /// Whether the same record was seen before: a run that was resumed after a crash may write a letter twice. Content
    /// and timestamp are compared, too, because the topic may have been recreated.
    pub(super) fn is_duplicate(&mut self, record: &Record, letter: &DeadLetter) -> bool {
        let mut hash = Xxh3::new();
        let mut field = |bytes: Option<&[u8]>| {
            hash.update(&bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
            hash.update(bytes.unwrap_or_default());
        };
        field(Some(letter.source.topic.as_bytes()));
        field(Some(&letter.source.partition.0.to_le_bytes()));
        field(Some(&letter.offset.to_le_bytes()));
        field(Some(&letter.timestamp_ms.unwrap_or(-1).to_le_bytes()));
        field(record.key());
        field(record.value());
        let identity = hash.digest128();
        if self.0.len() >= MAX_KNOWN_LETTERS && !self.0.contains(&identity) {
            // At the limit, further duplicates are sent.
            return false;
        }
        !self.0.insert(identity)
    }
}
