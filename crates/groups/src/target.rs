//! Where a reset puts the offset of a partition. The arithmetic is that of Kafka's own tool
//! (`kafka-consumer-groups.sh --reset-offsets`).

use std::collections::BTreeMap;

use kreplay_model::domain::{Offset, TopicPartition};
use serde::Serialize;

/// Where a reset puts the offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The first offset of the log.
    Earliest,
    /// The end of the log.
    Latest,
    /// The committed offset; the end of the log where there is none.
    Current,
    /// The same offset in each partition.
    Offset(Offset),
    /// The committed offset plus this number.
    ShiftBy(i64),
    /// The first record with this timestamp or a later one, in milliseconds since 1970; the end of the log if there is
    /// none.
    Time(u64),
    /// An offset for each partition, from a file or another group.
    Each(BTreeMap<TopicPartition, Offset>),
}

/// The first offset and the end of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LogRange {
    /// The first offset.
    pub start: Offset,
    /// The high watermark, where the log ends.
    pub end: Offset,
}

/// What is known about a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionFacts {
    /// The committed offset, if any.
    pub committed: Option<Offset>,
    /// Its log.
    pub log: LogRange,
    /// For [`Target::Time`]: the first record with that timestamp or a later one, if there is one.
    pub at_time: Option<Offset>,
}

/// Why the new offset is not the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Adjustment {
    /// Records at the offset asked for are deleted, so the first offset of the log is used.
    RaisedToLogStart {
        /// The offset asked for; it may be negative after a shift.
        asked: i64,
    },
    /// The log ends before the offset asked for, so its end is used.
    LoweredToLogEnd {
        /// The offset asked for.
        asked: i64,
    },
    /// No record has the time asked for or a later one, so the end of the log is used.
    NoLaterRecord,
    /// Nothing is committed, so the end of the log is used.
    NeverCommitted,
    /// There is no record at the offset to skip, so the next one is skipped.
    NextRecord {
        /// The offset without a record.
        asked: i64,
    },
    /// The record to skip could not be read, so the offset is moved by one.
    NotRead,
}

/// The new offset of a partition, and why it is not the one asked for. `None` if the target has none for it: there is
/// no committed offset to shift, or the partition is not in the list.
#[must_use]
pub fn place(target: &Target, id: &TopicPartition, facts: &PartitionFacts) -> Option<(Offset, Option<Adjustment>)> {
    let LogRange { start, end } = facts.log;
    Some(match target {
        Target::Earliest => (start, None),
        Target::Latest => (end, None),
        // Like Kafka's tool, this does not check a committed offset against the log.
        Target::Current => match facts.committed {
            Some(committed) => (committed, None),
            None => (end, Some(Adjustment::NeverCommitted)),
        },
        Target::Offset(offset) => clamp(offset.get(), facts.log),
        Target::ShiftBy(count) => clamp(facts.committed?.get().saturating_add(*count), facts.log),
        Target::Time(_) => match facts.at_time {
            Some(offset) => (offset, None),
            None => (end, Some(Adjustment::NoLaterRecord)),
        },
        Target::Each(offsets) => clamp(offsets.get(id)?.get(), facts.log),
    })
}

fn clamp(asked: i64, log: LogRange) -> (Offset, Option<Adjustment>) {
    match Offset::new(asked) {
        Some(offset) if offset > log.end => (log.end, Some(Adjustment::LoweredToLogEnd { asked })),
        Some(offset) if offset >= log.start => (offset, None),
        _ => (log.start, Some(Adjustment::RaisedToLogStart { asked })),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offset(raw: i64) -> Offset {
        Offset::new(raw).unwrap_or_default()
    }

    fn facts(committed: Option<i64>, start: i64, end: i64, at_time: Option<i64>) -> PartitionFacts {
        PartitionFacts {
            committed: committed.map(offset),
            log: LogRange { start: offset(start), end: offset(end) },
            at_time: at_time.map(offset),
        }
    }

    fn id() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    #[test]
    fn each_mode_finds_the_offset_that_kafkas_tool_finds() {
        let each = Target::Each([(id(), offset(7))].into());
        let raised = |asked| Some(Adjustment::RaisedToLogStart { asked });
        let lowered = |asked| Some(Adjustment::LoweredToLogEnd { asked });
        for (target, facts, expected) in [
            (Target::Earliest, facts(None, 5, 9, None), Some((5, None))),
            (Target::Latest, facts(Some(6), 5, 9, None), Some((9, None))),
            (Target::Current, facts(Some(6), 5, 9, None), Some((6, None))),
            (Target::Current, facts(Some(2), 5, 9, None), Some((2, None))),
            (Target::Current, facts(None, 5, 9, None), Some((9, Some(Adjustment::NeverCommitted)))),
            (Target::Offset(offset(9)), facts(None, 5, 9, None), Some((9, None))),
            (Target::Offset(offset(10)), facts(None, 5, 9, None), Some((9, lowered(10)))),
            (Target::Offset(offset(4)), facts(None, 5, 9, None), Some((5, raised(4)))),
            (Target::ShiftBy(-2), facts(Some(8), 5, 9, None), Some((6, None))),
            (Target::ShiftBy(-20), facts(Some(8), 5, 9, None), Some((5, raised(-12)))),
            (Target::ShiftBy(i64::MAX), facts(Some(8), 5, 9, None), Some((9, lowered(i64::MAX)))),
            (Target::ShiftBy(1), facts(None, 5, 9, None), None),
            (Target::Time(1), facts(None, 5, 9, Some(6)), Some((6, None))),
            (Target::Time(1), facts(None, 5, 9, None), Some((9, Some(Adjustment::NoLaterRecord)))),
            (each.clone(), facts(None, 5, 9, None), Some((7, None))),
            (each, facts(None, 8, 9, None), Some((8, raised(7)))),
        ] {
            let placed = place(&target, &id(), &facts).map(|(offset, adjustment)| (offset.get(), adjustment));
            assert_eq!(placed, expected, "{target:?} {facts:?}");
        }
        assert_eq!(place(&Target::Each(BTreeMap::new()), &id(), &facts(None, 5, 9, None)), None);
    }

    proptest! {
        #[test]
        fn a_shifted_offset_stays_within_the_log_and_is_explained_if_it_was_clamped(
            committed in 0_i64..1000, start in 0_i64..500, length in 0_i64..500, shift in -2000_i64..2000
        ) {
            let facts = facts(Some(committed), start, start + length, None);
            let (to, adjustment) = place(&Target::ShiftBy(shift), &id(), &facts).unwrap();
            prop_assert!(to >= facts.log.start && to <= facts.log.end);
            prop_assert_eq!(adjustment.is_none(), to.get() == committed + shift);
        }
    }
}
