//! The time before a watch.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Reason;

/// What was read of the offsets topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryView {
    /// The time from which on records were read.
    pub from: DateTime<Utc>,
    /// The number of groups with a history.
    pub groups: u64,
    /// The number of selected groups whose history is not known.
    pub groups_unknown: u64,
    /// The number of records that were read.
    pub records: u64,
    /// The number of these records that this version does not understand.
    pub records_unknown: u64,
    /// Why the history of some groups is not known.
    pub why_unknown: Option<Reason>,
}
