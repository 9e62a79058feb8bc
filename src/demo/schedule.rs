//! The order in which the datasets' events are written to the log.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Iterates over events in the order of a realistic log: each dataset's events are distributed evenly over the whole
/// period.
///
/// Event *k* of a dataset with *c* events is due at (*k* + ½) ÷ *c* of the period; ties go to the dataset with the
/// lower number. This is a weighted round robin with O(log datasets) per event.
#[derive(Debug)]
pub(super) struct Schedule {
    counts: Vec<u64>,
    due: BinaryHeap<Reverse<(u64, usize, u64)>>,
}

/// An event: its dataset, and its number within that dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Index of the dataset.
    pub(super) dataset: usize,
    /// Number of the event within its dataset, from 0.
    pub(super) sequence: u64,
}

impl Schedule {
    /// The order for datasets with these numbers of events.
    pub(super) fn new(counts: Vec<u64>) -> Self {
        let due = counts
            .iter()
            .enumerate()
            .filter(|&(_, &count)| count > 0)
            .map(|(dataset, &count)| Reverse((due(0, count), dataset, 0)))
            .collect();
        Self { counts, due }
    }
}

/// When an event is due, in 2⁻³² of the period; exact enough for 10 million events.
fn due(sequence: u64, count: u64) -> u64 {
    ((2 * sequence + 1) << 32) / (2 * count)
}

impl Iterator for Schedule {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        let mut first = self.due.peek_mut()?;
        let Reverse((_, dataset, sequence)) = *first;
        let count = self.counts.get(dataset).copied().unwrap_or_default();
        if sequence + 1 < count {
            *first = Reverse((due(sequence + 1, count), dataset, sequence + 1));
        } else {
            std::collections::binary_heap::PeekMut::pop(first);
        }
        Some(Slot { dataset, sequence })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_datasets_take_turns() {
        let order: Vec<usize> = Schedule::new(vec![2, 2, 2]).map(|slot| slot.dataset).collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn larger_dataset_occurs_more_often() {
        let order: Vec<usize> = Schedule::new(vec![4, 2, 0, 1]).map(|slot| slot.dataset).collect();
        assert_eq!(order, [0, 1, 0, 3, 0, 1, 0]);
    }

    proptest! {
        #[test]
        fn each_event_occurs_once_in_order_and_close_to_its_due_time(counts in prop::collection::vec(0_u64..200, 1..20)) {
            let total: u64 = counts.iter().sum();
            let mut next = vec![0; counts.len()];
            for (position, slot) in (0_u64..).zip(Schedule::new(counts.clone())) {
                prop_assert_eq!(slot.sequence, next[slot.dataset]);
                next[slot.dataset] += 1;
                // The distance from an even share is at most one event of each dataset.
                let drift = (slot.sequence * total).abs_diff(position * counts[slot.dataset]);
                prop_assert!(drift <= total * counts.len() as u64);
            }
            prop_assert_eq!(next, counts);
        }
    }
}
