//! The start of a partition whose position is stored in the target.

use std::fmt::Write as _;

use kreplay_model::{
    domain::{Offset, TopicPartition, number::counted},
    feed::EventKind,
};

/// What is known of a partition when it is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartPosition {
    /// The target's position; `None` if the target has none for this partition.
    pub target_position: Option<Offset>,
    /// The group's committed offset, if any.
    pub committed: Option<Offset>,
    /// The plan's first offset.
    pub first: i64,
    /// The plan's end, or the known end of the log.
    pub end: i64,
}

impl StartPosition {
    /// The first offset to read. The target's position decides. Below the plan's range reading starts with the range;
    /// above it nothing is left to read, and the range is not read again.
    #[must_use]
    pub fn start(self) -> i64 {
        self.target_position.map_or(self.first, |target_position| target_position.get().max(self.first))
    }

    fn is_below_range(self) -> bool {
        self.target_position.is_some_and(|target_position| target_position.get() < self.first)
    }

    fn is_beyond_end(self) -> bool {
        self.target_position.is_some_and(|target_position| target_position.get() > self.end)
    }

    /// Whether the group's committed offset alone would give another start.
    fn differs_from_group(self) -> bool {
        self.committed.is_some_and(|committed| committed.get().max(self.first) != self.start())
    }
}

/// Partitions whose start may surprise the user, grouped into one event per kind, since there may be thousands of them.
#[derive(Debug, Default)]
pub struct StartEvents {
    below: GroupedEvent,
    beyond: GroupedEvent,
    group: GroupedEvent,
}

#[derive(Debug, Default)]
struct GroupedEvent {
    first: Option<String>,
    count: usize,
}

impl GroupedEvent {
    fn add(&mut self, text: impl FnOnce() -> String) {
        self.first.get_or_insert_with(text);
        self.count += 1;
    }

    fn into_event(self, event: impl FnOnce(String) -> EventKind) -> Option<EventKind> {
        let mut text = self.first?;
        if self.count > 1 {
            // Writing to a String cannot fail.
            let _ = write!(text, " (and {})", counted(self.count - 1, "more partition"));
        }
        Some(event(text))
    }
}

impl StartEvents {
    /// Adds a partition. `follows`: whether its end moves with the log.
    pub fn note(&mut self, id: &TopicPartition, one: StartPosition, follows: bool) {
        let StartPosition { committed, first, end, .. } = one;
        let target_position = one.target_position.unwrap_or_default();
        if one.is_below_range() {
            self.below.add(|| {
                format!(
                    "{id}: the target's position {target_position} is below the start of the plan; continuing from \
                     {first}; the records in between are skipped"
                )
            });
        }
        if one.is_beyond_end() && !follows {
            self.beyond.add(|| {
                format!(
                    "{id}: the target's position {target_position} is above the plan's end {end}; nothing is left \
                     to read"
                )
            });
        }
        if one.differs_from_group() {
            let committed = committed.unwrap_or_default();
            self.group.add(|| match one.target_position {
                Some(_) => {
                    format!(
                        "{id}: the group has committed {committed}, but the target's position {target_position} takes \
                         precedence"
                    )
                }
                None => {
                    format!(
                        "{id}: the group has committed {committed}, but the target takes precedence and has no \
                         position, so reading starts from the beginning of the range"
                    )
                }
            });
        }
    }

    /// The events to report.
    pub fn events(self) -> impl Iterator<Item = EventKind> {
        let warning = |text| EventKind::Warning { text };
        let notice = |text| EventKind::Notice { text };
        [self.below.into_event(warning), self.beyond.into_event(warning), self.group.into_event(notice)]
            .into_iter()
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offset(at: i64) -> Offset {
        Offset::new(at).unwrap()
    }

    fn reported(one: StartPosition, follows: bool) -> Vec<String> {
        let mut start_events = StartEvents::default();
        for partition in 0..3 {
            start_events.note(&TopicPartition::new("t", partition), one, follows);
        }
        start_events.events().map(|event| event.to_string()).collect()
    }

    #[test]
    fn differences_are_reported_once_for_all_partitions() {
        let one = |target_position: Option<i64>, committed: Option<i64>| StartPosition {
            target_position: target_position.map(offset),
            committed: committed.map(offset),
            first: 10,
            end: 20,
        };
        assert_eq!(reported(one(Some(15), Some(15)), false), [""; 0]);
        assert_eq!(reported(one(None, Some(10)), false), [""; 0]);
        assert_eq!(reported(one(Some(25), None), true), [""; 0]);
        for (case, part) in [
            (one(Some(5), None), "t-0: the target's position 5 is below the start of the plan; continuing from 10"),
            (
                one(Some(25), None),
                "position 25 is above the plan's end 20; nothing is left to read (and 2 more partitions)",
            ),
            (one(Some(12), Some(15)), "the group has committed 15, but the target's position 12 takes precedence"),
            (one(None, Some(20)), "the group has committed 20, but the target takes precedence and has no position"),
        ] {
            let reported = reported(case, false);
            assert!(reported.len() == 1 && reported[0].contains(part), "{case:?}: {reported:?}");
        }
    }

    proptest! {
        #[test]
        fn exactly_the_records_of_the_range_that_the_target_lacks_are_read(
            position in prop::option::of(0_i64..40), committed in prop::option::of(0_i64..40),
            first in 0_i64..20, length in 0_i64..20,
        ) {
            let (target_position, committed) = (position.map(offset), committed.map(offset));
            let one = StartPosition { target_position, committed, first, end: first + length };
            let start = one.start();
            let has = |at: i64| position.is_some_and(|position| at < position);
            for at in first..first + length {
                prop_assert_eq!(at < start, has(at), "the group's offset does not matter");
            }
            prop_assert!(start >= first);
            prop_assert_eq!(start >= one.end, (first..one.end).all(has), "complete if the target has all of it");
        }
    }
}
