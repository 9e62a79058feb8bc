//! The plan of a run in a snapshot.

use serde::{Deserialize, Serialize};

use super::Prediction;
use crate::domain::Ordering;

/// The plan of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    /// The topics' names, sorted.
    pub topics: Vec<String>,
    /// The number of their partitions.
    pub partitions: usize,
    /// The number of offsets between the starts and the ends, an upper bound of the records: compaction and transaction
    /// markers leave offsets without records.
    pub records: u64,
    /// Their size in bytes, if known.
    pub bytes: Option<u64>,
    /// The prediction made before the run, if any.
    #[serde(default)]
    pub predicted: Option<Prediction>,
    /// Offsets at the ends of partitions that were not planned because of open transactions.
    #[serde(default)]
    pub held_back: u64,
    /// The ordering.
    pub ordering: Ordering,
    /// The maximum number of records per handler call.
    pub batch: u32,
    /// The tier: how records are read.
    pub tier: String,
    /// The handler.
    pub handler: String,
    /// The consumer group, if any.
    pub group: Option<String>,
    /// Whether it started with automatic concurrency.
    #[serde(default)]
    pub adaptive: bool,
    /// The range, the key template, and the filter, in words, as requested.
    #[serde(default)]
    pub selection: String,
    /// Whether the run follows the log instead of ending with it.
    #[serde(default)]
    pub follow: bool,
    /// What happens to failed records, in words.
    #[serde(default)]
    pub on_failure: String,
    /// What happens if retention deletes records before they are read, in words.
    #[serde(default)]
    pub on_retention: String,
    /// Whether the run has a journal, from which it can be resumed.
    #[serde(default)]
    pub resumable: bool,
}

impl PlanView {
    /// The value of `selection` if whole topics are read by their own keys.
    pub const WHOLE: &str = "from earliest to latest";

    /// Whether whole topics are read by their own keys.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.selection.is_empty() || self.selection == Self::WHOLE
    }
}
