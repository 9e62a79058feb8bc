//! What happened to a group before the watch began, from the records in which its coordinator stored it.
//!
//! [`GroupHistory`] takes the records of one group in the order of their offsets. The observer begins with what they
//! show: when the group committed, and when it rebalanced. Kafka compacts these records: of those with one key only the
//! last is certain to be there. The last commit of each partition and the last generation or epoch are therefore always
//! known; what came before may be missing.

mod change;
mod commits;
mod rebalances;

#[cfg(test)]
mod history_test;

use chrono::{DateTime, Utc};
use kreplay_model::watch::EarlierRebalances;

use crate::rebalance::{Past, RecordedRebalances};

pub use change::{HistoryChange, PastCommit};
pub(crate) use commits::PastCommits;
pub(crate) use rebalances::PastRebalances;

/// The history of one group.
#[derive(Clone, Debug)]
pub struct GroupHistory {
    /// The time from which on the records were read.
    pub(crate) from: DateTime<Utc>,
    /// The time until which they were read.
    pub(crate) to: DateTime<Utc>,
    pub(crate) commits: PastCommits,
    pub(crate) rebalances: PastRebalances,
}

impl GroupHistory {
    /// A history that begins at `from`.
    #[must_use]
    pub fn new(from: DateTime<Utc>) -> Self {
        Self { from, to: from, commits: PastCommits::default(), rebalances: PastRebalances::default() }
    }

    /// Takes the next change, stored at `at`.
    pub fn add(&mut self, at: DateTime<Utc>, change: HistoryChange) {
        match change {
            HistoryChange::Committed { partition, commit } => {
                self.commits.add(partition, commit, self.rebalances.empty_since.is_none());
            }
            HistoryChange::CommitDeleted(partition) => self.commits.remove(&partition),
            HistoryChange::Generation { number, since, members, rebalance_timeout_ms } => {
                self.rebalances.wait_at_least(rebalance_timeout_ms);
                self.rebalances.generation(at, number, since, &members);
            }
            HistoryChange::Epoch(number) => self.rebalances.epoch(at, number),
            HistoryChange::GroupDeleted => self.rebalances.deleted(),
            HistoryChange::MemberKnown { member, rebalance_timeout_ms } => {
                self.rebalances.wait_at_least(rebalance_timeout_ms);
                self.rebalances.named(&member);
            }
            HistoryChange::MemberGone(id) => self.rebalances.gone(at, &id),
            HistoryChange::MemberEpoch { member_id, epoch, is_new, is_stable } => {
                self.rebalances.member_epoch(at, &member_id, epoch, is_new, is_stable);
            }
        }
    }

    /// The rebalances, for the rebalances that the watch sees to follow.
    pub(crate) fn recorded_rebalances(&self) -> RecordedRebalances {
        let PastRebalances { entries, count, is_open, is_whole, number, timeout_ms, .. } = &self.rebalances;
        let earlier = EarlierRebalances { from: self.from, count: *count, exact: *is_whole };
        RecordedRebalances {
            entries: entries.clone(),
            is_open: *is_open,
            timeout_ms: *timeout_ms,
            past: Past { earlier, to: self.to, epoch: *number },
        }
    }

    /// Ends the history at `to`. `is_whole` says whether no record since `from` is missing.
    pub fn end(&mut self, to: DateTime<Utc>, is_whole: bool) {
        self.to = to;
        self.rebalances.is_whole = is_whole;
    }
}
