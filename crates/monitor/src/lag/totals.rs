//! The lag of a group over its partitions.

use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::{LagTotals, PartitionRow, Progress};

/// Sums up the rows of a group. `first_committed` is the first committed offset seen of a row, for the progress since
/// the watch began.
#[must_use]
pub fn totals<'a>(
    rows: &(impl Iterator<Item = &'a PartitionRow> + Clone),
    first_committed: impl Fn(&PartitionRow) -> Option<Offset>,
) -> LagTotals {
    let counted = || rows.clone().filter(|row| !row.abandoned);
    let known = || counted().filter_map(|row| row.lag);
    let largest = counted().filter_map(|row| Some((row.lag?, row))).reduce(|best, next| {
        // The first of several, so that the partition does not change between looks.
        if next.0 > best.0 { next } else { best }
    });
    let total = sum(known());
    // A part is known if it is known for each row with a known lag; else the parts would not add up.
    let part = |get: fn(&PartitionRow) -> Option<u64>| {
        total?;
        counted().filter(|row| row.lag.is_some()).map(get).try_fold(0_u64, |sum, part| sum.checked_add(part?))
    };
    LagTotals {
        total,
        max: largest.map(|(lag, _)| lag),
        max_partition: largest.map(|(_, row)| TopicPartition::new(row.topic.as_str(), row.partition)),
        mean: total.map(|total| float(total) / count(known())),
        unknown_partitions: counted().filter(|row| row.lag.is_none()).map(|_| 1).sum(),
        readable: part(|row| row.readable),
        lost: part(|row| row.lost),
        held_back: part(|row| row.held_back),
        ahead: part(|row| row.ahead),
        abandoned: sum(rows.clone().filter(|row| row.abandoned).filter_map(|row| row.lag)),
        progress: Progress {
            log: log_progress(counted()),
            watch: watch_progress(counted().map(|row| (row, first_committed(row)))),
        },
    }
}

/// The consumed part of the logs: Σ(max(committed, log start) - log start) / Σ(end - log start), over the rows whose
/// offsets are known; `None` if the logs are empty.
#[must_use]
pub fn log_progress<'a>(rows: impl Iterator<Item = &'a PartitionRow>) -> Option<f64> {
    let parts = rows.filter_map(|row| {
        let (committed, start, end) = (row.committed?, row.log_start?, row.end?);
        Some((committed.min(end).since(start), end.since(start)))
    });
    ratio(parts)
}

/// The part consumed since the watch began: Σ(committed - first) / Σ(end - first).
fn watch_progress<'a>(rows: impl Iterator<Item = (&'a PartitionRow, Option<Offset>)>) -> Option<f64> {
    let parts = rows.filter_map(|(row, first)| {
        let (first, committed, end) = (first?, row.committed?, row.end?);
        Some((committed.min(end).since(first), end.since(first)))
    });
    ratio(parts)
}

/// Σ of the first / Σ of the second; `None` if the second sum is 0.
fn ratio(parts: impl Iterator<Item = (u64, u64)>) -> Option<f64> {
    let (done, all) = parts.fold((0_u128, 0_u128), |(done, all), (a, b)| (done + u128::from(a), all + u128::from(b)));
    // A fraction for display: precision above 2^53 does not matter.
    #[allow(clippy::cast_precision_loss)]
    let ratio = done as f64 / all as f64;
    (all > 0).then_some(ratio)
}

/// The sum; `None` if there is no value, or if the sum does not fit.
fn sum(mut values: impl Iterator<Item = i64>) -> Option<i64> {
    let first = values.next()?;
    let sum: i128 = i128::from(first) + values.map(i128::from).sum::<i128>();
    i64::try_from(sum).ok()
}

#[allow(clippy::cast_precision_loss, reason = "a mean for display")]
fn float(value: i64) -> f64 {
    value as f64
}

#[allow(clippy::cast_precision_loss, reason = "a number of partitions")]
fn count(values: impl Iterator) -> f64 {
    values.count() as f64
}
