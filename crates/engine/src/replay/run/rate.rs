//! Displayed rates: the increase of a counter over the last second.

use std::time::{Duration, Instant};

/// The time that a rate covers.
const RATE_WINDOW: Duration = Duration::from_secs(1);
/// The number of moments kept.
const MAX_MOMENTS: usize = 10;
/// The shortest time between two moments.
const MOMENT_INTERVAL: Duration = Duration::from_millis(100);

/// The rate of an increasing counter over the last second, or since the first moment if that is later.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    /// The oldest first, then unused ones.
    moments: [Option<(Instant, u64)>; MAX_MOMENTS],
    per_s: f64,
}

impl Rate {
    /// Adds the counter's current value and returns the rate per second. If `is_stalled`, the rate is 0 immediately.
    #[allow(clippy::cast_precision_loss, reason = "a displayed rate")]
    pub fn update(&mut self, now: Instant, count: u64, is_stalled: bool) -> f64 {
        if is_stalled {
            *self = Self::default();
        }
        let since = |then: Instant| now.saturating_duration_since(then);
        // The oldest moment within the last second, with some tolerance.
        let oldest = self.moments.iter().flatten().find(|(then, _)| since(*then) <= RATE_WINDOW + MOMENT_INTERVAL / 2);
        let oldest = oldest.or(self.moments.iter().flatten().last());
        if let Some((then, before)) = oldest
            && since(*then) >= Duration::from_millis(1)
        {
            self.per_s = count.saturating_sub(*before) as f64 / since(*then).as_secs_f64();
        }
        let newest = self.moments.iter().flatten().last();
        if newest.is_none_or(|(then, _)| since(*then) >= MOMENT_INTERVAL * 9 / 10) {
            if let Some(free) = self.moments.iter_mut().find(|moment| moment.is_none()) {
                *free = Some((now, count));
            } else {
                self.moments.rotate_left(1);
                self.moments[MAX_MOMENTS - 1] = Some((now, count));
            }
        }
        self.per_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_covers_the_last_second_and_falls_to_zero_within_one() {
        let start = Instant::now();
        let at = |tick: u64| start + Duration::from_millis(tick * 100);
        let mut rate = Rate::default();
        assert!(rate.update(start, 0, false).abs() < f64::EPSILON);
        let mut shown = rate.update(at(1), 50, false);
        assert!((shown - 500.0).abs() < 1e-6, "the first value counts in full: {shown}");
        for tick in 2..80 {
            shown = rate.update(at(tick), tick * 50, false);
        }
        assert!((shown - 500.0).abs() < 1e-6, "{shown}");
        for tick in 80..92 {
            shown = rate.update(at(tick), 79 * 50, false);
        }
        assert!(shown.abs() < f64::EPSILON, "{shown}");
    }

    #[test]
    fn a_stalled_counter_has_no_rate() {
        let start = Instant::now();
        let mut rate = Rate::default();
        rate.update(start, 0, false);
        assert!(rate.update(start + Duration::from_millis(300), 900, false) > 2_000.0);
        assert!(rate.update(start + Duration::from_millis(400), 950, true).abs() < f64::EPSILON);
        let shown = rate.update(start + Duration::from_millis(500), 960, false);
        assert!((shown - 100.0).abs() < 1e-6, "earlier values do not count: {shown}");
    }
}
