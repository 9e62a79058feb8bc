//! Lag, and the parts that it consists of.
//!
//! `lag = end - committed`, as Kafka's tools print it, and `lag = lost + readable + held_back - ahead`.

mod backlog;
mod markers;
mod totals;

use kreplay_model::domain::Offset;
use kreplay_model::watch::{AheadCause, WouldBe};

pub use backlog::backlog_text;
pub use markers::{MAX_OFFSETS_TO_PROBE, records_left, worth_a_probe};
pub use totals::{log_progress, totals};

use crate::look::{Commit, TopicId};

/// The lag of a group in one partition with its parts, in offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LagParts {
    /// End - committed. Negative if the committed offset is beyond the end.
    pub lag: i64,
    /// Deleted before the group read them.
    pub lost: u64,
    /// Can be read now by a reader of committed records.
    pub readable: u64,
    /// Behind an open transaction.
    pub held_back: u64,
    /// Committed beyond the end.
    pub ahead: u64,
}

impl LagParts {
    /// Splits the distance from a committed offset to the end of the log.
    ///
    /// The four offsets come from different answers and may contradict each other. A last stable offset beyond the
    /// end is taken as the end, so that the parts always add up to the lag.
    #[must_use]
    pub fn split(committed: Offset, log_start: Offset, stable_end: Offset, end: Offset) -> Self {
        let stable_end = stable_end.min(end);
        let next = committed.max(log_start);
        Self {
            lag: kafka_lag(committed, end),
            lost: log_start.min(end).since(committed),
            readable: stable_end.since(next),
            held_back: end.since(next.max(stable_end)),
            ahead: committed.since(end),
        }
    }

    /// What is left to read: the lag without what is lost.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.readable.saturating_add(self.held_back)
    }
}

/// Kafka's own lag: end - committed.
#[must_use]
pub fn kafka_lag(committed: Offset, end: Offset) -> i64 {
    // Both are 0 or more, so that the difference cannot overflow.
    end.get() - committed.get()
}

/// The lag that a group without a committed offset would begin with.
#[must_use]
pub fn would_be(log_start: Offset, end: Offset) -> WouldBe {
    WouldBe { earliest: end.since(log_start), latest: 0 }
}

/// Why a committed offset is beyond the end of the log. Ids that differ prove a new topic; a commit from an older
/// leader epoch is explained by a truncation.
#[must_use]
pub fn ahead_cause(commit: &Commit, topic_id: Option<TopicId>, leader_epoch: Option<i32>) -> AheadCause {
    match (commit.topic_id, topic_id, commit.leader_epoch, leader_epoch) {
        (Some(committed), Some(present), ..) if committed != present => AheadCause::Recreated,
        (.., Some(committed), Some(present)) if committed < present => AheadCause::Truncated,
        _ => AheadCause::NotKnown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offset() -> impl Strategy<Value = Offset> {
        prop_oneof![0..40_i64, 0..=i64::MAX, Just(0), Just(i64::MAX), Just(i64::MAX - 1)]
            .prop_map(|raw| Offset::new(raw).unwrap())
    }

    /// Counts offset by offset what each part means. The offsets must be small.
    fn counted(committed: i64, log_start: i64, stable_end: i64, end: i64) -> LagParts {
        let mut parts = LagParts { lag: end - committed, ..LagParts::default() };
        for offset in 0..100 {
            let in_log = (log_start..end).contains(&offset);
            let unread = offset >= committed;
            parts.lost += u64::from(unread && offset < log_start && offset < end);
            parts.readable += u64::from(unread && in_log && offset < stable_end);
            parts.held_back += u64::from(unread && in_log && offset >= stable_end);
            parts.ahead += u64::from(!unread && offset >= end);
        }
        parts
    }

    proptest! {
        #[test]
        fn parts_add_up_to_kafkas_lag(c in offset(), s in offset(), l in offset(), e in offset()) {
            let parts = LagParts::split(c, s, l, e);
            let sum = i128::from(parts.lost) + i128::from(parts.readable) + i128::from(parts.held_back)
                - i128::from(parts.ahead);
            prop_assert_eq!(i128::from(parts.lag), sum);
            prop_assert_eq!(i128::from(parts.lag), i128::from(e.get()) - i128::from(c.get()));
        }

        #[test]
        fn each_part_counts_its_offsets(c in 0..40_i64, s in 0..40_i64, l in 0..40_i64, e in 0..40_i64) {
            let of = |raw| Offset::new(raw).unwrap();
            prop_assert_eq!(LagParts::split(of(c), of(s), of(l), of(e)), counted(c, s, l, e));
        }

        #[test]
        fn a_commit_beyond_the_end_has_no_other_part(c in offset(), s in offset(), l in offset(), e in offset()) {
            let parts = LagParts::split(c, s, l, e);
            prop_assume!(parts.ahead > 0);
            prop_assert_eq!((parts.lost, parts.readable, parts.held_back), (0, 0, 0));
        }
    }

    #[test]
    fn recreated_topics_and_truncated_logs_are_told_apart() {
        let commit = |topic: Option<u128>, leader_epoch| Commit {
            offset: Offset::ZERO,
            leader_epoch,
            topic_id: topic.map(TopicId),
            committed_at: None,
            metadata: "".into(),
        };
        assert_eq!(ahead_cause(&commit(Some(1), Some(3)), Some(TopicId(2)), Some(9)), AheadCause::Recreated);
        assert_eq!(ahead_cause(&commit(Some(1), Some(3)), Some(TopicId(1)), Some(4)), AheadCause::Truncated);
        assert_eq!(ahead_cause(&commit(None, Some(3)), Some(TopicId(1)), Some(3)), AheadCause::NotKnown);
        assert_eq!(ahead_cause(&commit(None, None), None, None), AheadCause::NotKnown);
    }
}
