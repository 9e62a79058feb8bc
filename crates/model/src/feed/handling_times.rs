//! Handling times counted in the buckets of a histogram with fixed bounds, as metrics need them: the bounds of all
//! partitions and of all moments are the same, so that counts can be added and subtracted.

use serde::{Deserialize, Serialize};

/// The upper bounds of the buckets in microseconds, inclusive: 1, 2.5 and 5 in each power of ten, as is usual for
/// durations in Prometheus, from 10 microseconds to one minute.
pub const HANDLING_TIME_BOUNDS_US: [u64; 20] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 60_000_000,
];

/// The number of handled records per bucket of handling time, in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlingTimes {
    /// Records per bucket of [`HANDLING_TIME_BOUNDS_US`]; the last one has those above all bounds.
    counts: [u64; HANDLING_TIME_BOUNDS_US.len() + 1],
    /// The sum of the handling times in microseconds.
    total_us: u64,
}

impl HandlingTimes {
    /// Counts `records` records that took this long each.
    pub fn add(&mut self, microseconds: u64, records: u64) {
        let bucket = HANDLING_TIME_BOUNDS_US.partition_point(|bound| *bound < microseconds);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(records);
        }
        self.total_us = self.total_us.saturating_add(microseconds.saturating_mul(records));
    }

    /// Adds the counts of another partition.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
        self.total_us = self.total_us.saturating_add(other.total_us);
    }

    /// The records counted since an earlier moment of the same run. A count that is lower than before is taken for 0.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut left = *self;
        for (count, before) in left.counts.iter_mut().zip(earlier.counts) {
            *count = count.saturating_sub(before);
        }
        left.total_us = left.total_us.saturating_sub(earlier.total_us);
        left
    }

    /// An estimate of the handling time in milliseconds that this share of the records, 0 to 1, did not exceed; `None`
    /// without records. The times within a bucket are taken to be evenly spread, so it lies in the bucket of the exact
    /// one. Times above all bounds are taken for the last bound, one minute.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let wanted = self.records() as f64 * share.clamp(0.0, 1.0);
        let (mut below, mut lower_us) = (0.0, 0.0);
        let mut estimate_us = None;
        for (count, bound_us) in
            self.counts.into_iter().zip(HANDLING_TIME_BOUNDS_US.map(Some).into_iter().chain([None]))
        {
            let upper_us = bound_us.map_or(lower_us, |bound_us| bound_us as f64);
            if count > 0 {
                let part = ((wanted - below) / count as f64).clamp(0.0, 1.0);
                estimate_us = Some(lower_us + (upper_us - lower_us) * part);
                below += count as f64;
                if below >= wanted {
                    break;
                }
            }
            lower_us = upper_us;
        }
        estimate_us.map(|us| us / 1e3)
    }

    /// The number of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The sum of the handling times in seconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "exact up to 285 years")]
    pub fn total_s(&self) -> f64 {
        self.total_us as f64 / 1e6
    }

    /// The buckets, not cumulative: upper bound in seconds and number of records. The last bound is infinite.
    #[allow(clippy::cast_precision_loss, reason = "bounds of at most one minute")]
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bounds = HANDLING_TIME_BOUNDS_US.iter().map(|bound| *bound as f64 / 1e6);
        bounds.chain([f64::INFINITY]).zip(self.counts)
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(times: &[(u64, u64)]) -> HandlingTimes {
        let mut counted = HandlingTimes::default();
        for (microseconds, records) in times {
            counted.add(*microseconds, *records);
        }
        counted
    }

    fn times() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let bound = prop::sample::select(HANDLING_TIME_BOUNDS_US.to_vec());
        let near_a_bound = (bound, 0..3_u64).prop_map(|(bound, more)| bound - 1 + more);
        prop::collection::vec((prop_oneof![near_a_bound, 0..100_000_000_u64], 1..5_u64), 0..40)
    }

    proptest! {
        #[test]
        fn each_cumulative_count_is_that_of_the_times_up_to_its_bound(times in times()) {
            let counted = counted(&times);
            let mut cumulative = 0;
            for (bound_s, records) in counted.buckets() {
                cumulative += records;
                #[allow(clippy::cast_precision_loss, reason = "small numbers")]
                let up_to = times.iter().filter(|(us, _)| *us as f64 / 1e6 <= bound_s).map(|(_, records)| records);
                prop_assert_eq!(cumulative, up_to.sum::<u64>());
            }
            prop_assert_eq!(counted.records(), times.iter().map(|(_, records)| records).sum::<u64>());
            let total_us: u64 = times.iter().map(|(us, records)| us * records).sum();
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            let total_s = total_us as f64 / 1e6;
            prop_assert!((counted.total_s() - total_s).abs() < 1e-9);
        }

        #[test]
        fn an_estimated_quantile_is_in_the_bucket_of_the_exact_one(times in times(), share in 0.01..=1.0_f64) {
            let counted = counted(&times);
            let mut each: Vec<u64> = times.iter().flat_map(|(us, n)| std::iter::repeat_n(*us, usize::try_from(*n).unwrap())).collect();
            each.sort_unstable();
            let estimate = counted.quantile_ms(share);
            prop_assert_eq!(estimate.is_some(), !each.is_empty());
            if let Some(estimate) = estimate {
                let wanted = each.len() as f64 * share;
                let at = (1..=each.len()).find(|at| *at as f64 >= wanted).unwrap_or(each.len());
                let bucket = HANDLING_TIME_BOUNDS_US.partition_point(|bound| *bound < each[at - 1]);
                let bound = |bucket: usize| HANDLING_TIME_BOUNDS_US[bucket.min(19)] as f64 / 1e3;
                let lowest = if bucket == 0 { 0.0 } else { bound(bucket - 1) };
                prop_assert!(estimate >= lowest - 1e-9 && estimate <= bound(bucket) + 1e-9, "{estimate} {bucket}");
            }
        }

        #[test]
        fn what_was_counted_since_a_moment_is_what_was_added_since(a in times(), b in times()) {
            prop_assert_eq!(counted(&[a.clone(), b.clone()].concat()).since(&counted(&a)), counted(&b));
        }

        #[test]
        fn merged_counts_are_those_of_all_times(a in times(), b in times()) {
            let mut merged = counted(&a);
            merged.merge(&counted(&b));
            prop_assert_eq!(merged, counted(&[a, b].concat()));
        }
    }
}
