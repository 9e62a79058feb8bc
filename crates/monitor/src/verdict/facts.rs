//! What verdicts are based on.

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{EtaView, GroupView, PartitionRow, Reason, RecordsLeft};

use crate::rules::Rules;

/// The shortest time in milliseconds after which waiting records mean that a consumer does not progress.
const MIN_WAIT_MS: i64 = 30_000;

/// Usual commit intervals after which waiting records mean the same.
const MISSED_COMMITS: i64 = 3;

/// A group and what is known beyond its view.
#[derive(Clone, Debug)]
pub struct GroupFacts<'a> {
    /// The time of the look, in milliseconds since 1970.
    pub now_ms: i64,
    /// The view, complete except for its verdict.
    pub view: &'a GroupView,
    /// The partitions that are not abandoned.
    pub partitions: Vec<PartitionFacts<'a>>,
    /// The next deadline of each owner with a backlog, and that of each partition that cannot be read any further. An
    /// owner whose deadline or pace is not known has none.
    pub deadlines: Vec<Deadline>,
    /// The usual time between commits in milliseconds.
    pub commit_interval_ms: Option<i64>,
    /// Since when every commit of the group is known, in milliseconds since 1970: the beginning of the watch, or of
    /// the history.
    pub began_ms: i64,
    /// For how long a rebalance has not ended, if that is too long, in milliseconds.
    pub rebalance_stuck_ms: Option<u64>,
    /// The rules that the user can change.
    pub rules: Rules,
}

/// A partition and what is known beyond its row.
#[derive(Clone, Debug)]
pub struct PartitionFacts<'a> {
    /// The row.
    pub row: &'a PartitionRow,
    /// When the committed offset was last seen to advance, in milliseconds since 1970.
    pub last_commit_ms: Option<i64>,
    /// Since when records have been waiting behind this committed offset, as far as looks show.
    pub waiting_since_ms: Option<i64>,
    /// The offset from which the committed offset went back, if it has not reached it again.
    pub rewound_from: Option<i64>,
    /// Offsets that were deleted before the group read them; 0 if a probe had shown that they were no records.
    pub lost: Option<u64>,
    /// Whether the group is a share group.
    pub is_share: bool,
}

/// When retention may delete a record that an owner has not read, and when that owner has caught up.
#[derive(Clone, Debug)]
pub struct Deadline {
    /// The partition of the record.
    pub partition: TopicPartition,
    /// Seconds until retention may delete it, at the earliest.
    pub in_s: f64,
    /// The owner of the partition: a member's name, or the partition itself if it has none.
    pub owner: String,
    /// The owner's time to catch up.
    pub eta: EtaView,
}

/// Offsets that can be read now. The lag of a share group has no parts: all of it can be read.
#[must_use]
pub fn readable(row: &PartitionRow, is_share: bool) -> Option<u64> {
    if is_share { row.lag.map(|lag| u64::try_from(lag).unwrap_or(0)) } else { row.readable }
}

/// Whether the lag of a partition was known, and is missing because its broker does not answer for the moment.
#[must_use]
pub fn is_away(row: &PartitionRow) -> bool {
    row.last_known_lag.is_some()
        && matches!(row.why_unknown, Some(Reason::NoLeader | Reason::TimedOut | Reason::Other(_)))
}

impl PartitionFacts<'_> {
    /// Offsets that can be read now. 0 if a probe has shown that no records are among them.
    #[must_use]
    pub fn readable(&self) -> u64 {
        match self.row.records_left {
            Some(RecordsLeft::Exactly(0)) => 0,
            _ => readable(self.row, self.is_share).unwrap_or(0),
        }
    }

    /// How long the first unread record has been there, at least, in milliseconds.
    #[must_use]
    pub fn waited_ms(&self, now_ms: i64) -> i64 {
        #[allow(clippy::cast_possible_truncation, reason = "the conversion saturates")]
        let age_ms = self.row.age_s.map_or(0, |age| (age.low * 1000.0) as i64);
        age_ms.max(self.waiting_since_ms.map_or(0, |since| now_ms - since))
    }
}

impl GroupFacts<'_> {
    /// The time in milliseconds after which waiting records mean that a consumer does not progress: three usual commit
    /// intervals, and at least 30 s.
    #[must_use]
    pub fn patience_ms(&self) -> i64 {
        self.commit_interval_ms.unwrap_or(0).saturating_mul(MISSED_COMMITS).max(MIN_WAIT_MS)
    }

    /// When any committed offset of the group was last seen to advance.
    #[must_use]
    pub fn last_commit_ms(&self) -> Option<i64> {
        self.partitions.iter().filter_map(|partition| partition.last_commit_ms).max()
    }
}
