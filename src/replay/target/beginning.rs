//! Where a partition begins whose target says how far it has got.

use std::fmt::Write as _;

use crate::{
    domain::{Offset, TopicPartition},
    feed::EventKind,
};

/// What is known of a partition when it is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Where the target stands; `None` where it has nothing of the partition.
    pub stand: Option<Offset>,
    /// What the group has committed, where there is a group that has.
    pub committed: Option<Offset>,
    /// The plan's first offset.
    pub first: i64,
    /// The plan's end, or that of the log as far as it is known.
    pub end: i64,
}

impl Beginning {
    /// The target decides. Below the plan's range reading begins with the range; above it nothing is left to do, and the
    /// range is not read again.
    #[must_use]
    pub fn start(self) -> i64 {
        self.stand.map_or(self.first, |stand| stand.get().max(self.first))
    }

    fn is_below_the_range(self) -> bool {
        self.stand.is_some_and(|stand| stand.get() < self.first)
    }

    fn is_beyond_the_end(self) -> bool {
        self.stand.is_some_and(|stand| stand.get() > self.end)
    }

    /// The group alone would have begun elsewhere.
    fn differs_from_the_group(self) -> bool {
        self.committed.is_some_and(|committed| committed.get().max(self.first) != self.start())
    }
}

/// What a person should know of where partitions begin, gathered, since there may be thousands of them.
#[derive(Debug, Default)]
pub struct Differences {
    below: Gathered,
    beyond: Gathered,
    group: Gathered,
}

#[derive(Debug, Default)]
struct Gathered {
    first: Option<String>,
    count: usize,
}

impl Gathered {
    fn add(&mut self, text: impl FnOnce() -> String) {
        self.first.get_or_insert_with(text);
        self.count += 1;
    }

    fn tell(self, event: impl FnOnce(String) -> EventKind) -> Option<EventKind> {
        let mut text = self.first?;
        if self.count > 1 {
            // Writing to a String cannot fail.
            let _ = write!(text, " (and {} more partitions alike)", self.count - 1);
        }
        Some(event(text))
    }
}

impl Differences {
    /// Takes note of a partition. `follows` says whether its end moves with the log.
    pub fn note(&mut self, id: &TopicPartition, one: Beginning, follows: bool) {
        let Beginning { committed, first, end, .. } = one;
        let stand = one.stand.unwrap_or_default();
        if one.is_below_the_range() {
            self.below.add(|| {
                format!(
                    "{id}: the target stands at {stand}, below where the plan begins; going on from {first}, and what lies \
                     between is left out"
                )
            });
        }
        if one.is_beyond_the_end() && !follows {
            self.beyond.add(|| {
                format!("{id}: the target stands at {stand}, above the plan's end {end}; nothing is left of it")
            });
        }
        if one.differs_from_the_group() {
            let committed = committed.unwrap_or_default();
            self.group.add(|| match one.stand {
                Some(_) => {
                    format!("{id}: the group has committed {committed}, the target stands at {stand} and decides")
                }
                None => format!("{id}: the group has committed {committed}, the target has nothing of it and decides"),
            });
        }
    }

    /// What is to be told.
    pub fn events(self) -> impl Iterator<Item = EventKind> {
        let warning = |text| EventKind::Warning { text };
        let notice = |text| EventKind::Notice { text };
        [self.below.tell(warning), self.beyond.tell(warning), self.group.tell(notice)].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offset(at: i64) -> Offset {
        Offset::new(at).unwrap()
    }

    fn told(one: Beginning, follows: bool) -> Vec<String> {
        let mut differences = Differences::default();
        for partition in 0..3 {
            differences.note(&TopicPartition::new("t", partition), one, follows);
        }
        differences.events().map(|event| event.to_string()).collect()
    }

    #[test]
    fn what_differs_is_told_once_for_all_partitions() {
        let one = |stand: Option<i64>, committed: Option<i64>| Beginning {
            stand: stand.map(offset),
            committed: committed.map(offset),
            first: 10,
            end: 20,
        };
        assert_eq!(told(one(Some(15), Some(15)), false), [""; 0]);
        assert_eq!(told(one(None, Some(10)), false), [""; 0]);
        assert_eq!(told(one(Some(25), None), true), [""; 0]);
        for (case, part) in [
            (one(Some(5), None), "t-0: the target stands at 5, below where the plan begins; going on from 10"),
            (
                one(Some(25), None),
                "stands at 25, above the plan's end 20; nothing is left of it (and 2 more partitions",
            ),
            (one(Some(12), Some(15)), "the group has committed 15, the target stands at 12 and decides"),
            (one(None, Some(20)), "the group has committed 20, the target has nothing of it and decides"),
        ] {
            let told = told(case, false);
            assert!(told.len() == 1 && told[0].contains(part), "{case:?}: {told:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_the_target_lacks_within_the_range_is_passed_over_and_nothing_it_has_is_read(
            stand in prop::option::of(0_i64..40), committed in prop::option::of(0_i64..40), first in 0_i64..20, length in 0_i64..20,
        ) {
            let one = Beginning { stand: stand.map(offset), committed: committed.map(offset), first, end: first + length };
            let start = one.start();
            let has = |at: i64| stand.is_some_and(|stand| at < stand);
            for at in first..first + length {
                prop_assert_eq!(at < start, has(at), "whatever the group says");
            }
            prop_assert!(start >= first);
            prop_assert_eq!(start >= one.end, (first..one.end).all(has), "complete where the target has all of it");
        }
    }
}
