//! Handling times counted in buckets. Counts of two moments can be subtracted, which percentiles cannot.

use serde::{Deserialize, Serialize};

use super::LatencyMs;

/// The number of records per bucket of handling time, since the start of the run, without empty buckets.
///
/// A power of two of nanoseconds is divided into eight buckets, as in an HDR histogram, so that a time read from a
/// bucket differs from the measured one by at most 1/16.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LatencyCounts {
    /// Buckets with their counts, in the order of the buckets.
    counts: Vec<(u16, u64)>,
}

/// log₂ of the buckets per power of two.
const BUCKET_BITS: u32 = 3;
/// Buckets per power of two.
const BUCKETS_PER_OCTAVE: u16 = 1 << BUCKET_BITS;
/// The bucket of `u64::MAX` nanoseconds: the first eight are 1 ns wide, and 61 powers of two follow.
const LAST_BUCKET: u16 = 62 * BUCKETS_PER_OCTAVE - 1;

impl LatencyCounts {
    /// Counts `records` records with this handling time in nanoseconds.
    pub fn add(&mut self, nanoseconds: u64, records: u64) {
        let bucket = bucket_of(nanoseconds);
        match self.counts.last_mut() {
            Some((last, count)) if *last == bucket => *count = count.saturating_add(records),
            Some((last, _)) if *last > bucket => match self.counts.binary_search_by_key(&bucket, |(known, _)| *known) {
                Ok(at) => {
                    if let Some((_, count)) = self.counts.get_mut(at) {
                        *count = count.saturating_add(records);
                    }
                }
                Err(at) => self.counts.insert(at, (bucket, records)),
            },
            _ => self.counts.push((bucket, records)),
        }
    }

    /// The records counted since an earlier moment of the same run.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |bucket: u16| {
            let at = earlier.counts.binary_search_by_key(&bucket, |(known, _)| *known).ok()?;
            earlier.counts.get(at).map(|(_, count)| *count)
        };
        let left =
            self.counts.iter().map(|(bucket, count)| (*bucket, count.saturating_sub(before(*bucket).unwrap_or(0))));
        Self { counts: left.filter(|(_, count)| *count > 0).collect() }
    }

    /// Adds the counts of another process.
    pub fn merge(&mut self, other: &Self) {
        let (mine, theirs) = (std::mem::take(&mut self.counts), &other.counts);
        let (mut mine, mut theirs) = (mine.into_iter().peekable(), theirs.iter().copied().peekable());
        loop {
            let next = match (mine.peek(), theirs.peek()) {
                (Some((one, _)), Some((other, _))) if one == other => {
                    let (Some((bucket, count)), Some((_, more))) = (mine.next(), theirs.next()) else { return };
                    Some((bucket, count.saturating_add(more)))
                }
                (Some((one, _)), Some((other, _))) if one > other => theirs.next(),
                (None, _) => theirs.next(),
                _ => mine.next(),
            };
            let Some(next) = next else { return };
            self.counts.push(next);
        }
    }

    /// The number of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.counts.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Percentiles and maximum; `None` without records.
    #[must_use]
    pub fn percentiles(&self) -> Option<LatencyMs> {
        Some(LatencyMs {
            p50: self.quantile_ms(1, 2)?,
            p95: self.quantile_ms(19, 20)?,
            p99: self.quantile_ms(99, 100)?,
            max: self.quantile_ms(1, 1)?,
        })
    }

    /// The time that `part` of `whole` records did not exceed.
    fn quantile_ms(&self, part: u64, whole: u64) -> Option<f64> {
        let rank = (u128::from(self.records()) * u128::from(part)).div_ceil(u128::from(whole)).max(1);
        let mut counted = 0_u128;
        let reached = self.counts.iter().find(|(_, count)| {
            counted += u128::from(*count);
            counted >= rank
        });
        reached.map(|(bucket, _)| middle_ms(*bucket))
    }
}

fn bucket_of(nanoseconds: u64) -> u16 {
    let octave = nanoseconds.max(1).ilog2();
    let Some(shift) = octave.checked_sub(BUCKET_BITS) else {
        return u16::try_from(nanoseconds).unwrap_or(LAST_BUCKET);
    };
    let within = (nanoseconds >> shift) % u64::from(BUCKETS_PER_OCTAVE);
    let bucket = u64::from(shift + 1) * u64::from(BUCKETS_PER_OCTAVE) + within;
    u16::try_from(bucket).unwrap_or(LAST_BUCKET)
}

/// The middle of a bucket. A number that is no bucket, which only foreign data has, counts as the last one.
#[allow(clippy::cast_precision_loss, reason = "the bucket is far wider than the error")]
fn middle_ms(bucket: u16) -> f64 {
    let bucket = bucket.min(LAST_BUCKET);
    let within = u64::from(bucket % BUCKETS_PER_OCTAVE);
    let Some(shift) = (bucket / BUCKETS_PER_OCTAVE).checked_sub(1) else { return within as f64 / 1e6 };
    let width = 1_u64 << shift;
    let first = (u64::from(BUCKETS_PER_OCTAVE) + within) * width;
    (first as f64 + (width - 1) as f64 / 2.0) / 1e6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(times: &[u64]) -> LatencyCounts {
        let mut counts = LatencyCounts::default();
        for time in times {
            counts.add(*time, 1);
        }
        counts
    }

    proptest! {
        #[test]
        fn a_time_read_from_its_bucket_differs_by_at_most_a_sixteenth(nanoseconds in 0..=u64::MAX) {
            #[allow(clippy::cast_precision_loss, reason = "compared with a tolerance")]
            let exact_ms = nanoseconds as f64 / 1e6;
            let read_ms = counted(&[nanoseconds]).percentiles().unwrap().max;
            prop_assert!((read_ms - exact_ms).abs() <= exact_ms / 16.0 * 1.000_001, "{read_ms} for {exact_ms}");
        }

        #[test]
        fn the_difference_of_two_moments_counts_what_happened_between(
            before in prop::collection::vec(0..=u64::MAX, 0..20),
            after in prop::collection::vec(0..=u64::MAX, 0..20),
        ) {
            let all = [before.clone(), after.clone()].concat();
            prop_assert_eq!(counted(&all).since(&counted(&before)), counted(&after));
        }

        #[test]
        fn merged_counts_are_those_of_all_times(
            one in prop::collection::vec(0..=u64::MAX, 0..20),
            other in prop::collection::vec(0..=u64::MAX, 0..20),
        ) {
            let mut merged = counted(&one);
            merged.merge(&counted(&other));
            prop_assert_eq!(merged, counted(&[one, other].concat()));
        }

        #[test]
        fn percentiles_are_those_of_the_sorted_times(mut times in prop::collection::vec(1_u64..1 << 40, 1..200)) {
            let read = counted(&times).percentiles().unwrap();
            times.sort_unstable();
            let exact = |part: usize, whole: usize| times[(times.len() * part).div_ceil(whole).max(1) - 1];
            for (read_ms, nanoseconds) in
                [(read.p50, exact(1, 2)), (read.p95, exact(19, 20)), (read.p99, exact(99, 100)), (read.max, exact(1, 1))]
            {
                prop_assert_eq!(read_ms.to_bits(), middle_ms(bucket_of(nanoseconds)).to_bits());
            }
        }

        #[test]
        fn any_numbers_are_read(pairs in prop::collection::vec((any::<u16>(), any::<u64>()), 0..8)) {
            let counts: LatencyCounts = serde_json::from_str(&serde_json::to_string(&pairs).unwrap()).unwrap();
            prop_assert!(counts.percentiles().is_none_or(|latency| latency.max.is_finite()));
        }
    }

    #[test]
    fn nothing_counted_has_no_percentiles() {
        assert_eq!(LatencyCounts::default().percentiles(), None);
    }
}
