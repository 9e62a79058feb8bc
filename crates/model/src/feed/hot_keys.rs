//! The keys with the most records of a run, counted while it runs.

use serde::{Deserialize, Serialize};

use super::Estimate;
use crate::domain::TopicPartition;

/// A key with many records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HotKeyView {
    /// The start of the record's key as text, with bytes that are not UTF-8 replaced. Views must escape it.
    pub key: String,
    /// The partition of its last record that was counted.
    pub partition: Option<TopicPartition>,
    /// Its records so far, within the bounds in 19 of 20 cases.
    pub records: Estimate,
    /// Its share of all records so far, 0 to 1.
    pub share: f64,
}

/// The keys with the most records that workers have passed to their handlers; a retry counts again. In a resumed run,
/// only those of this attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HotKeysView {
    /// The keys, those with the most records first; at most 20.
    pub keys: Vec<HotKeyView>,
    /// The records whose keys were counted.
    pub counted: u64,
    /// All records.
    pub records: u64,
}
