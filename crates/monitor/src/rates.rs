//! Rates from series of offsets.
//!
//! The log grows steadily, so that its rate is a difference over a window. Commits make a staircase: a consumer that
//! commits every 5 s looks idle for most of a short window and twice as fast in the rest. The rate of commits is
//! therefore the slope of a line through the points where the committed offset changed.

use crate::series::{Point, Series};

/// The windows of rates in seconds, the shortest first.
pub const WINDOWS_S: [u32; 3] = [10, 60, 300];

/// The window of the rates that are shown first, in seconds.
pub const MAIN_WINDOW_S: u32 = 60;

/// After this multiple of its usual interval without a commit, a consumer does not commit any more.
const MISSED_COMMITS: i64 = 3;

/// The growth of a log per second over the window before `now_ms`; `None` if the window has fewer than two looks.
#[must_use]
pub fn in_per_s(end: &Series, now_ms: i64, window_s: u32) -> Option<f64> {
    let seen = end.seen_ms()?.min(now_ms);
    let from = (now_ms - i64::from(window_s) * 1000).max(end.began_ms()?);
    let growth = end.interpolated(seen)? - end.interpolated(from)?;
    (seen > from).then(|| growth / seconds(seen - from))
}

/// The growth of a committed offset per second over the window before `now_ms`.
///
/// If the window has fewer than two changes because commits are rare, it extends to the last two. It is 0 if the last
/// change is longer ago than the window and three usual intervals. `None` before two changes were seen, unless there
/// was none in a whole window of looks.
#[must_use]
pub fn out_per_s(committed: &Series, now_ms: i64, window_s: u32) -> Option<f64> {
    let seen = committed.seen_ms()?.min(now_ms);
    let length_ms = i64::from(window_s) * 1000;
    let changes = committed.changes();
    let last = changes.last().map_or(committed.began_ms()?, |point| point.at_ms);
    let usual = committed.median_interval_ms().unwrap_or(0).saturating_mul(MISSED_COMMITS);
    if seen - last > length_ms.max(usual) {
        return Some(0.0);
    }
    let first_inside = changes.partition_point(|point| point.at_ms < now_ms - length_ms);
    let first = first_inside.min(changes.len().saturating_sub(2));
    slope(changes.get(first..)?)
}

/// The slope of the least-squares line through the points, per second; `None` with fewer than two.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "differences of offsets within a window")]
pub fn slope(points: &[Point]) -> Option<f64> {
    let first = points.first()?;
    let relative = || points.iter().map(|p| (seconds(p.at_ms - first.at_ms), (p.offset - first.offset) as f64));
    let n = points.len() as f64;
    let (sum_t, sum_y) = relative().fold((0.0, 0.0), |(t, y), (a, b)| (t + a, y + b));
    let (mean_t, mean_y) = (sum_t / n, sum_y / n);
    let (covariance, variance) = relative()
        .fold((0.0, 0.0), |(c, v), (t, y)| (c + (t - mean_t) * (y - mean_y), v + (t - mean_t) * (t - mean_t)));
    (variance > 0.0).then(|| covariance / variance)
}

#[allow(clippy::cast_precision_loss, reason = "a duration")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::float_cmp,
        reason = "small numbers in tests"
    )]

    use proptest::prelude::*;

    use super::*;

    /// A consumer of `rate` records per second that commits every `commit_ms`, seen every `look_ms`.
    fn staircase(rate: i64, commit_ms: i64, look_ms: i64, for_ms: i64) -> Series {
        let mut series = Series::default();
        for at in (0..=for_ms).step_by(usize::try_from(look_ms).unwrap()) {
            series.add(at, (at - at % commit_ms) * rate / 1000);
        }
        series
    }

    proptest! {
        #[test]
        fn commits_in_steps_give_the_true_rate(rate in 10..10_000_i64, commit_ms in 1_000..20_000_i64, look_ms in 500..3_000_i64, window in prop::sample::select(vec![60_u32, 300])) {
            let series = staircase(rate, commit_ms, look_ms, 400_000);
            let now = series.seen_ms().unwrap();
            let found = out_per_s(&series, now, window).unwrap();
            // The time of a commit is known to one look, at both ends of a line through at least 60 s - one interval.
            let error = (2.0 * look_ms as f64 + 1.0) / (60_000.0 - 2.0 * commit_ms as f64 - look_ms as f64).max(20_000.0);
            prop_assert!((found / rate as f64 - 1.0).abs() <= error + 0.02, "{} instead of {}", found, rate);
        }

        #[test]
        fn the_growth_of_a_log_is_measured(rate in 1..10_000_i64, look_ms in 500..3_000_i64) {
            let series = staircase(rate, 1, look_ms, 100_000);
            let found = in_per_s(&series, series.seen_ms().unwrap(), 60).unwrap();
            prop_assert!((found - rate as f64).abs() <= 1.0 + rate as f64 * 0.001, "{} instead of {}", found, rate);
        }
    }

    #[test]
    fn rates_are_unknown_at_first_and_0_after_a_silence() {
        let mut series = Series::default();
        assert_eq!(out_per_s(&series, 0, 60), None);
        series.add(0, 5);
        assert_eq!((in_per_s(&series, 0, 60), out_per_s(&series, 0, 60)), (None, None));
        series.add(30_000, 5);
        assert_eq!(in_per_s(&series, 30_000, 60), Some(0.0));
        assert_eq!(out_per_s(&series, 30_000, 60), None);
        series.add(61_000, 5);
        assert_eq!(out_per_s(&series, 61_000, 60), Some(0.0));
    }

    #[test]
    fn rare_commits_are_not_silence() {
        let series = staircase(100, 120_000, 2_000, 460_000);
        let found = out_per_s(&series, 460_000, 60).unwrap();
        assert!((found - 100.0).abs() < 2.0, "{found}");
    }

    #[test]
    fn a_rewind_cuts_the_series() {
        let mut series = staircase(100, 5_000, 1_000, 100_000);
        series.add(101_000, 0);
        assert_eq!(out_per_s(&series, 101_000, 60), None);
    }
}
