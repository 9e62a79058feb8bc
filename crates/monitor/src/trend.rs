//! The trend of a lag: whether it grows or shrinks beyond chance.
//!
//! The slope is that of Theil (1950) and Sen (1968): the median of the slopes of all pairs of points. Whether it
//! differs from 0 is decided by the test of Mann (1945) and Kendall (1975), with the correction for ties. Neither
//! depends on the scale, so that there is no threshold to choose.

use kreplay_model::watch::Trend;

use crate::series::is_set_back;

/// Points that a trend needs.
pub const MIN_POINTS: usize = 8;

/// Points of the lag that are kept.
const MAX_POINTS: usize = 48;

/// The quantile of the normal distribution for a two-sided test with p < 0.05.
const SIGNIFICANT_Z: f64 = 1.959_963_984_540_054;

/// The recent lags of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LagHistory {
    /// Milliseconds since 1970, and the lag.
    points: Vec<(i64, i64)>,
}

impl LagHistory {
    /// Adds a lag. Times that go back are ignored, unless the clock was set back: the lags before are then forgotten.
    pub fn add(&mut self, at_ms: i64, lag: i64) {
        match self.points.last().copied() {
            Some((last, _)) if is_set_back(last, at_ms) => self.points.clear(),
            Some((last, _)) if at_ms <= last => return,
            _ => {}
        }
        if self.points.len() >= MAX_POINTS {
            self.points.remove(0);
        }
        self.points.push((at_ms, lag));
    }

    /// Forgets all lags: the lags after a rewind have nothing to do with those before.
    pub fn clear(&mut self) {
        self.points.clear();
    }

    /// The trend.
    #[must_use]
    pub fn trend(&self) -> Trend {
        let Some(z) = mann_kendall_z(&self.points) else { return Trend::Unclear };
        let slope = self.slope_per_s().unwrap_or(0.0);
        if z.abs() <= SIGNIFICANT_Z || slope == 0.0 {
            Trend::Steady
        } else if slope > 0.0 {
            Trend::Growing
        } else {
            Trend::Shrinking
        }
    }

    /// The slope of the lag in offsets per second; `None` with fewer than two points.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "slopes for display")]
    pub fn slope_per_s(&self) -> Option<f64> {
        let slope = |(a, b): (&(i64, i64), &(i64, i64))| (b.1 as f64 - a.1 as f64) * 1000.0 / (b.0 - a.0) as f64;
        let mut slopes: Vec<f64> = pairs(&self.points).map(slope).collect();
        slopes.sort_by(f64::total_cmp);
        let middle = slopes.len() / 2;
        let upper = slopes.get(middle)?;
        let lower = slopes.get(slopes.len().checked_sub(middle + 1)?)?;
        Some(f64::midpoint(*lower, *upper))
    }
}

fn pairs<T>(points: &[T]) -> impl Iterator<Item = (&T, &T)> {
    points.iter().enumerate().flat_map(|(i, a)| points.iter().skip(i + 1).map(move |b| (a, b)))
}

/// The normal score of the Mann–Kendall test; `None` with too few points.
#[allow(clippy::cast_precision_loss, reason = "at most 48 points")]
fn mann_kendall_z(points: &[(i64, i64)]) -> Option<f64> {
    if points.len() < MIN_POINTS {
        return None;
    }
    let score: i64 = pairs(points).map(|(a, b)| (b.1.cmp(&a.1)) as i64).sum();
    let mut values: Vec<i64> = points.iter().map(|(_, lag)| *lag).collect();
    values.sort_unstable();
    let weight = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let ties: f64 = values.chunk_by(|a, b| a == b).map(|group| weight(group.len() as f64)).sum();
    let variance = (weight(points.len() as f64) - ties) / 18.0;
    if variance <= 0.0 {
        return Some(0.0);
    }
    // The correction for continuity.
    Some((score - score.signum()) as f64 / variance.sqrt())
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
    use crate::series::MAX_STEP_BACK_MS;

    fn history(lags: impl IntoIterator<Item = i64>) -> LagHistory {
        let mut history = LagHistory::default();
        for (at, lag) in (0..).map(|i| i * 2_000).zip(lags) {
            history.add(at, lag);
        }
        history
    }

    #[test]
    fn fewer_than_eight_points_are_unclear() {
        assert_eq!(history(0..7).trend(), Trend::Unclear);
        assert_eq!(history(0..8).trend(), Trend::Growing);
    }

    #[test]
    fn the_trend_begins_again_after_the_clock_was_set_back() {
        let mut lags = LagHistory::default();
        for step in 0..20 {
            lags.add(3_600_000 + step * 2_000, step);
        }
        let before = lags.clone();
        lags.add(3_600_000 + 38_000 - MAX_STEP_BACK_MS, 0);
        assert_eq!(lags, before, "a small step is waited for");
        for step in 0..10 {
            lags.add(40_000 + step * 2_000, 20 - step);
            let expected = if step < 7 { Trend::Unclear } else { Trend::Shrinking };
            assert_eq!(lags.trend(), expected, "at step {step}");
        }
    }

    #[test]
    fn the_score_of_a_published_example_is_reproduced() {
        // Ten values with a tie, computed by hand: S = 27, variance = (10 * 9 * 25 - 2 * 1 * 9) / 18.
        let points: Vec<(i64, i64)> = (0..).zip([1, 3, 2, 5, 5, 4, 7, 6, 9, 8]).collect();
        let score: i64 = pairs(&points).map(|(a, b)| (b.1.cmp(&a.1)) as i64).sum();
        let expected = (score - 1) as f64 / ((10.0 * 9.0 * 25.0 - 2.0 * 9.0) / 18.0_f64).sqrt();
        assert!((mann_kendall_z(&points).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn equal_lags_are_steady() {
        assert_eq!(history([5; 20]).trend(), Trend::Steady);
        assert_eq!(history((0..40).map(|i| i % 5)).trend(), Trend::Steady);
    }

    proptest! {
        #[test]
        fn a_slope_above_the_noise_is_found(rate in 20..100_i64, noise in proptest::collection::vec(-30..30_i64, 30), up in any::<bool>()) {
            let sign = if up { 1 } else { -1 };
            let found = history(noise.iter().zip(0..).map(|(noise, i)| sign * i * rate + noise));
            prop_assert_eq!(found.trend(), if up { Trend::Growing } else { Trend::Shrinking });
            let slope = found.slope_per_s().unwrap() * 2.0;
            prop_assert!((slope - (sign * rate) as f64).abs() < 10.0, "{} instead of {}", slope, rate);
        }

        #[test]
        fn the_trend_does_not_depend_on_the_scale(lags in proptest::collection::vec(0..1_000_i64, 8..40), factor in 1..1_000_i64) {
            prop_assert_eq!(history(lags.clone()).trend(), history(lags.into_iter().map(|lag| lag * factor)).trend());
        }
    }
}
