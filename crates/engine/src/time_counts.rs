//! Counts the records of topics by time, from the time index of the brokers: no record is read.
//!
//! Two steps, both with a bounded number of lookups: the time of the first and of the last record is narrowed down, and
//! then the records before each border of the buckets between them are counted.

mod buckets;
mod cluster;
mod span;

use kreplay_model::time_counts::TimeCounts;

pub use buckets::MAX_BUCKETS;
use buckets::borders;
pub use cluster::{ClusterCounter, CountError};
use span::SpanSearch;

/// The most lookups of one count.
pub const MAX_LOOKUPS: usize = span::MAX_PROBES + MAX_BUCKETS;

/// Counts `total` records by time. `before` returns how many of them have an offset below the first one that is not
/// before a time; `now_ms` is where the search begins. There are no buckets without records.
///
/// # Errors
/// Those of `before`.
pub fn count<E>(total: u64, now_ms: i64, mut before: impl FnMut(i64) -> Result<u64, E>) -> Result<TimeCounts, E> {
    if total == 0 {
        return Ok(TimeCounts::default());
    }
    let mut search = SpanSearch::new(now_ms, total);
    while let Some(at) = search.next_probe() {
        let found = before(at)?;
        search.learn(at, found);
    }
    let (first_ms, last_ms) = search.span();
    let borders_ms = borders(first_ms, last_ms);
    let mut counts = Vec::with_capacity(borders_ms.len());
    let mut below = 0;
    for (at, border) in borders_ms.iter().enumerate().skip(1) {
        let is_last = at + 1 == borders_ms.len();
        // A log may have grown or lost records meanwhile: counts are never negative, and their sum is the total.
        let found = if is_last { total } else { before(*border)?.clamp(below, total) };
        counts.push(found - below);
        below = found;
    }
    Ok(without_empty_ends(TimeCounts { borders_ms, counts }))
}

/// The span is not known to the millisecond, so that a bucket at either end may be empty.
fn without_empty_ends(counts: TimeCounts) -> TimeCounts {
    let TimeCounts { mut borders_ms, mut counts } = counts;
    let filled = |counts: &[u64]| counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
    counts.truncate(filled(&counts));
    borders_ms.truncate(counts.len() + 1);
    let empty = counts.iter().take_while(|count| **count == 0).count();
    counts.drain(..empty);
    borders_ms.drain(..empty);
    TimeCounts { borders_ms, counts }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_767_225_600_000;

    /// The counts of records with these times, and the number of lookups.
    fn counted(mut times: Vec<i64>) -> (TimeCounts, usize) {
        times.sort_unstable();
        let mut lookups = 0;
        let counts = count(times.len() as u64, NOW, |at| {
            lookups += 1;
            Ok::<_, Infallible>(times.partition_point(|time| *time < at) as u64)
        });
        (counts.unwrap(), lookups)
    }

    fn check(times: &[i64]) {
        let (counts, lookups) = counted(times.to_vec());
        assert!(lookups <= MAX_LOOKUPS, "{lookups}");
        assert_eq!(counts.borders_ms.len(), counts.counts.len() + usize::from(!times.is_empty()));
        for (bucket, pair) in counts.borders_ms.windows(2).enumerate() {
            let inside = times.iter().filter(|time| (pair[0]..pair[1]).contains(*time)).count();
            assert_eq!(counts.counts[bucket], inside as u64, "bucket {bucket} of {counts:?}");
        }
        assert_eq!(counts.total(), times.len() as u64);
    }

    #[test]
    fn without_records_there_are_no_buckets_and_no_lookups() {
        assert_eq!(counted(Vec::new()), (TimeCounts::default(), 0));
    }

    #[test]
    fn typical_logs_need_few_lookups_and_fill_most_of_the_buckets() {
        let hour = 3_600_000;
        for (from, length) in [
            (NOW - 24 * hour, 24 * hour),
            (NOW - 21 * 24 * hour, hour / 6),
            (NOW - 90_000, 60_000),
            (NOW - 5 * 365 * 24 * hour, 5 * 365 * 24 * hour),
        ] {
            let times: Vec<i64> = (0..10_000).map(|at| from + length * at / 10_000).collect();
            check(&times);
            let (counts, lookups) = counted(times);
            let filled = counts.counts.iter().filter(|count| **count > 0).count();
            assert!(lookups <= 80, "{lookups} lookups for {length} ms");
            assert_eq!((filled >= 15, filled), (true, counts.counts.len()), "for {length} ms");
        }
    }

    #[test]
    fn a_single_moment_is_one_bucket() {
        for at in [0, 1, NOW - 1, NOW, NOW + 86_400_000, 4_102_444_800_000] {
            check(&[at, at, at]);
        }
    }

    #[test]
    fn a_log_that_changes_meanwhile_has_counts_all_the_same() {
        let mut lookups = 0_u64;
        let counts = count(100, NOW, |at| {
            lookups += 1;
            Ok::<_, Infallible>(if at < NOW - 60_000 { 0 } else { (lookups * 37) % 200 })
        });
        let counts = counts.unwrap();
        assert_eq!(counts.total(), 100);
        assert!(lookups <= MAX_LOOKUPS as u64);
    }

    #[test]
    fn an_error_ends_the_count() {
        assert_eq!(count(3, NOW, |_| Err("no broker")), Err("no broker"));
    }

    proptest! {
        #[test]
        fn each_bucket_has_the_records_of_its_time(
            centre in prop_oneof![Just(NOW), 0..2 * NOW],
            spread in prop_oneof![Just(0_i64), 1..1_000_i64, 1..100_000_000_i64, 1..1_000_000_000_000_i64],
            shares in prop::collection::vec(0.0..1.0_f64, 1..60),
        ) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "within the spread")]
            let times: Vec<i64> = shares.iter().map(|share| centre + (spread as f64 * share) as i64).collect();
            check(&times);
        }
    }
}
