//! Which stretches of the log a sample looks at.

use std::ops::Range;

use crate::plan::PlannedPartition;

/// A stretch of one partition, by offsets.
pub type Slice = Range<i64>;

/// The most stretches of one partition: each costs a seek.
const MOST: u64 = 16;
/// Shorter stretches would cost more in seeks than they tell.
const SHORTEST: u64 = 64;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Everything.
    Full,
    /// About so many offsets, or everything where there are not more.
    Offsets(u64),
}

/// The stretches to look at, by partition, each list rising. Every partition with anything in it gets a part of the effort by
/// its span, in stretches that lie evenly over its range: neither its beginning nor its end weighs more.
#[must_use]
#[allow(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
pub fn slices(partitions: &[PlannedPartition], effort: Effort) -> Vec<Vec<Slice>> {
    let total: u64 = partitions.iter().map(PlannedPartition::span).sum();
    partitions
        .iter()
        .map(|partition| {
            let (first, span) = (partition.first.get(), partition.span());
            match effort {
                _ if span == 0 => Vec::new(),
                Effort::Offsets(wanted) if wanted < total => spread(first, span, quota(wanted, span, total)),
                // One after the other it is read fastest.
                _ => vec![first..partition.end.get()],
            }
        })
        .collect()
}

fn quota(wanted: u64, span: u64, total: u64) -> u64 {
    let share = u128::from(wanted) * u128::from(span) / u128::from(total.max(1));
    u64::try_from(share).unwrap_or(u64::MAX).max(SHORTEST).min(span)
}

/// `quota` offsets of a range in up to 16 stretches, each in the middle of its part of the range.
fn spread(first: i64, span: u64, quota: u64) -> Vec<Slice> {
    let count = (quota / SHORTEST).clamp(1, MOST);
    let length = (quota / count).max(1);
    (0..count)
        .map(|number| {
            let part = |at: u64| u64::try_from(u128::from(span) * u128::from(at) / u128::from(count)).unwrap_or(span);
            let (from, to) = (part(number), part(number + 1));
            let start = from + (to - from).saturating_sub(length) / 2;
            let at = |offset: u64| first.saturating_add(i64::try_from(offset).unwrap_or(i64::MAX));
            at(start)..at((start + length).min(to))
        })
        .filter(|slice| !slice.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Offset, TopicPartition};

    fn partition(number: i32, first: i64, span: i64) -> PlannedPartition {
        let offset = |raw| Offset::new(raw).unwrap();
        PlannedPartition { id: TopicPartition::new("t", number), first: offset(first), end: offset(first + span) }
    }

    #[test]
    fn small_plans_are_read_as_a_whole() {
        let plan = [partition(0, 5, 100), partition(1, 0, 0)];
        for effort in [Effort::Full, Effort::Offsets(100)] {
            assert_eq!(slices(&plan, effort), [vec![5..105], vec![]]);
        }
    }

    #[test]
    fn stretches_lie_evenly_over_the_range() {
        let all = slices(&[partition(0, 1000, 160_000)], Effort::Offsets(1600));
        assert_eq!((all[0].len(), &all[0][0], &all[0][15]), (16, &(5950..6050), &(155_950..156_050)));
    }

    proptest! {
        #[test]
        fn a_sample_keeps_to_its_ranges_and_about_to_its_size(
            spans in prop::collection::vec(0_i64..1_000_000, 1..20), wanted in 1_u64..200_000,
        ) {
            let plan: Vec<_> = (0..).zip(&spans).map(|(n, span)| partition(n, i64::from(n) * 7, *span)).collect();
            let all = slices(&plan, Effort::Offsets(wanted));
            let mut size = 0;
            for (partition, slices) in plan.iter().zip(&all) {
                prop_assert_eq!(slices.is_empty(), partition.span() == 0);
                let mut at = partition.first.get();
                for slice in slices {
                    prop_assert!(slice.start >= at && slice.start < slice.end, "{slices:?}");
                    at = slice.end;
                    size += u64::try_from(slice.end - slice.start).unwrap();
                }
                prop_assert!(at <= partition.end.get());
            }
            let total: u64 = plan.iter().map(PlannedPartition::span).sum();
            prop_assert!(size <= wanted.min(total) + SHORTEST * spans.len() as u64, "{size} of {wanted}");
            prop_assert!(size + MOST * spans.len() as u64 >= wanted.min(total) / 2, "{size} of {wanted}");
        }
    }
}
