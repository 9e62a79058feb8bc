//! Quarantined keys, as shown by views.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Offset, TopicPartition},
    inspect::RecordId,
};

/// The keys quarantined because one of their records failed for good.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuarantineView {
    /// The number of keys waiting for a decision.
    pub keys: usize,
    /// The number of waiting records, including those of keys being dead-lettered.
    pub records: u64,
    /// Their memory in bytes.
    pub bytes: u64,
    /// Whether the run has nothing else left to do.
    pub awaits_decision: bool,
    /// Whether the run has a dead-letter topic, so that keys can be dead-lettered.
    #[serde(default)]
    pub dead_letters: bool,
    /// The keys, oldest first; at most [`MAX_SHOWN_KEYS`].
    pub waiting: Vec<QuarantinedKey>,
}

/// The record whose failure paused the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PausedRecord {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// Its key as text, truncated if long; `None` if it has no key. External data: views must escape it.
    pub key: Option<String>,
    /// The handler's error.
    pub error: String,
    /// The number of attempts.
    pub attempts: u32,
}

impl PausedRecord {
    /// What identifies it in commands.
    #[must_use]
    pub fn id(&self) -> RecordId {
        RecordId { partition: self.partition.clone(), offset: self.offset }
    }
}

/// Maximum number of keys listed.
pub const MAX_SHOWN_KEYS: usize = 500;

/// A quarantined key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuarantinedKey {
    /// The hash that identifies it in commands.
    pub hash: u64,
    /// The key, truncated if long. External data: views must escape it.
    pub key: String,
    /// The partition of the failed record.
    pub partition: TopicPartition,
    /// The offset of the failed record.
    pub offset: Offset,
    /// The number of waiting records, including the failed one.
    pub records: u64,
    /// Their memory in bytes.
    pub bytes: u64,
    /// The handler's error.
    pub error: String,
    /// The number of attempts.
    pub attempts: u32,
    /// Seconds since it was quarantined.
    pub for_s: f64,
}
