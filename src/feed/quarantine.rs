//! Keys that were put aside, as views see them.

use serde::{Deserialize, Serialize};

use crate::domain::{Offset, TopicPartition};

/// The keys that were put aside because a record of theirs failed for good.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuarantineView {
    /// How many keys wait for a decision.
    pub keys: usize,
    /// How many records wait, also those of keys on their way to the dead letters.
    pub records: u64,
    /// The memory they take.
    pub bytes: u64,
    /// Whether the run has nothing else left to do.
    pub awaits_decision: bool,
    /// Whether keys can be dead-lettered: the run has dead letters.
    #[serde(default)]
    pub dead_letters: bool,
    /// The keys, the oldest first; at most [`SHOWN_KEYS`] of them.
    pub waiting: Vec<QuarantinedKey>,
}

/// The record whose failure paused the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PausedRecord {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// Its key as text, cut off where it is long; `None` without a key. It comes from outside: views escape it.
    pub key: Option<String>,
    /// What the handler said.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// So many keys are named.
pub const SHOWN_KEYS: usize = 500;

/// A key that was put aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuarantinedKey {
    /// What it goes by in commands.
    pub hash: u64,
    /// The key, cut off where it is long. It comes from outside: views escape it.
    pub key: String,
    /// Where the record that failed came from.
    pub partition: TopicPartition,
    /// Its place there.
    pub offset: Offset,
    /// How many records wait, with that one.
    pub records: u64,
    /// The memory they take.
    pub bytes: u64,
    /// What the handler said.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Seconds since it was put aside.
    pub for_s: f64,
}
