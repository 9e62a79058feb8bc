//! Chooses the slices of the log that a sample reads.

use std::ops::Range;

use crate::plan::PlannedPartition;

/// A range of offsets of one partition.
pub type Slice = Range<i64>;

/// The maximum number of slices per partition. Each costs a seek.
const MAX_SLICES: u64 = 16;
/// The minimum length of a slice. Shorter ones are not worth the seek.
const MIN_SLICE_OFFSETS: u64 = 64;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanSize {
    /// All records.
    Full,
    /// About this number of offsets, or all if there are no more.
    Offsets(u64),
}

/// The slices of each partition, in ascending order. Every non-empty partition gets its share of the sample by its
/// span, in slices spread evenly over its range, so that no part of the range weighs more.
#[must_use]
#[allow(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
pub fn slices(partitions: &[PlannedPartition], size: ScanSize) -> Vec<Vec<Slice>> {
    let total: u64 = partitions.iter().map(PlannedPartition::span).sum();
    partitions
        .iter()
        .map(|partition| {
            let (first, span) = (partition.first.get(), partition.span());
            match size {
                _ if span == 0 => Vec::new(),
                ScanSize::Offsets(wanted) if wanted < total => spread(first, span, quota(wanted, span, total)),
                // Reading sequentially is fastest.
                _ => vec![first..partition.end.get()],
            }
        })
        .collect()
}

fn quota(wanted: u64, span: u64, total: u64) -> u64 {
    let share = u128::from(wanted) * u128::from(span) / u128::from(total.max(1));
    u64::try_from(share).unwrap_or(u64::MAX).max(MIN_SLICE_OFFSETS).min(span)
}

/// Distributes `quota` offsets over up to 16 slices, each in the middle of its part of the range.
fn spread(first: i64, span: u64, quota: u64) -> Vec<Slice> {
    let count = (quota / MIN_SLICE_OFFSETS).clamp(1, MAX_SLICES);
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
    use kreplay_model::domain::{Offset, TopicPartition};
    use proptest::prelude::*;

    use super::*;

    fn partition(number: i32, first: i64, span: i64) -> PlannedPartition {
        let offset = |raw| Offset::new(raw).unwrap();
        PlannedPartition { id: TopicPartition::new("t", number), first: offset(first), end: offset(first + span) }
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "a slice is a range")]
    fn small_plans_are_read_completely() {
        let plan = [partition(0, 5, 100), partition(1, 0, 0)];
        for size in [ScanSize::Full, ScanSize::Offsets(100)] {
            assert_eq!(slices(&plan, size), [vec![5..105], vec![]]);
        }
    }

    #[test]
    fn slices_are_spread_evenly_over_the_range() {
        let all = slices(&[partition(0, 1000, 160_000)], ScanSize::Offsets(1600));
        assert_eq!((all[0].len(), &all[0][0], &all[0][15]), (16, &(5950..6050), &(155_950..156_050)));
    }

    proptest! {
        #[test]
        fn a_sample_stays_within_its_ranges_and_near_its_size(
            spans in prop::collection::vec(0_i64..1_000_000, 1..20), wanted in 1_u64..200_000,
        ) {
            let plan: Vec<_> = (0..).zip(&spans).map(|(n, span)| partition(n, i64::from(n) * 7, *span)).collect();
            let all = slices(&plan, ScanSize::Offsets(wanted));
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
            prop_assert!(size <= wanted.min(total) + MIN_SLICE_OFFSETS * spans.len() as u64, "{size} of {wanted}");
            prop_assert!(size + MAX_SLICES * spans.len() as u64 >= wanted.min(total) / 2, "{size} of {wanted}");
        }
    }
}
