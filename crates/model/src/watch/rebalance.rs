//! Rebalances of a watched group.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::RecentRebalances;
use crate::domain::TopicPartition;

/// The rebalances of a group since the watch began, and before it as far as its history was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RebalancesView {
    /// Their number. If it is not exact, there were at least as many.
    pub count: u64,
    /// When the last one began, as far as the looks show.
    pub last_at: Option<DateTime<Utc>>,
    /// How long the last one took in milliseconds.
    pub last_duration_ms: Option<u64>,
    /// Whether the number is exact: group epochs were compared.
    pub exact: bool,
    /// Those before the watch, which are included above; `None` if the history was not read.
    #[serde(default)]
    pub before_watch: Option<EarlierRebalances>,
    /// The error of a duration in milliseconds: the time between the looks.
    pub error_ms: Option<u64>,
    /// When the rebalance that is in progress was first seen.
    pub unsettled_since: Option<DateTime<Utc>>,
    /// The members that have not reached the target assignment.
    pub waiting_for: Vec<String>,
    /// The member that joined and left most often, if the group rebalances too often.
    pub flapping: Option<String>,
    /// The last rebalances, the oldest first.
    pub history: Vec<RebalanceEntry>,
    /// When each of them was seen, also those that the history has no entry of. Not in JSON: `None` in a view that was
    /// read from there.
    #[serde(skip)]
    pub recent: Option<Arc<RecentRebalances>>,
}

impl RebalancesView {
    /// Whether a rebalance of the history is in progress. One without a duration may also be over.
    #[must_use]
    pub fn is_in_progress(&self, entry: &RebalanceEntry) -> bool {
        entry.duration_ms.is_none() && self.unsettled_since == Some(entry.began_at)
    }
}

/// Rebalances before the watch, from the history of the offsets topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierRebalances {
    /// The time from which on the history was read.
    pub from: DateTime<Utc>,
    /// Their number. If it is not exact, there were at least as many.
    pub count: u64,
    /// Whether the number is exact: no record of the history is missing.
    pub exact: bool,
}

/// One rebalance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RebalanceEntry {
    /// When it was first seen or, in the history, when it began; of a classic group, when all members had joined.
    pub began_at: DateTime<Utc>,
    /// The number of group epochs that it covers; 1 where epochs are not known.
    pub epochs: u32,
    /// How long it took in milliseconds; `None` while it is in progress, and for one in the history of a classic group,
    /// which stores no beginning.
    pub duration_ms: Option<u64>,
    /// The error of the duration in milliseconds.
    pub error_ms: u64,
    /// Names of members that joined.
    pub joined: Vec<String>,
    /// Names of members that left.
    pub left: Vec<String>,
    /// What happened to the partitions; `None` while it is in progress, or if assignments are not known.
    pub partitions: Option<MovedPartitions>,
    /// The longest times without a commit around the rebalance, the longest first.
    pub stood_still: Vec<StoodStill>,
}

/// What happened to the partitions in a rebalance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedPartitions {
    /// Partitions with another owner than before.
    pub moved: u64,
    /// Partitions with the same owner.
    pub kept: u64,
    /// Partitions that had an owner and have none.
    pub without_owner: u64,
}

/// How long a partition with lag had no commit around a rebalance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoodStill {
    /// The partition.
    pub partition: TopicPartition,
    /// The time between two advances of its committed offset in milliseconds.
    pub gap_ms: u64,
}
