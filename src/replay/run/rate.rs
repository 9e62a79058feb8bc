//! Speeds for people: a counter's rise over the last second.

use std::time::{Duration, Instant};

/// What a speed is measured over.
const WINDOW: Duration = Duration::from_secs(1);
/// So many moments of it are kept.
const MOMENTS: usize = 10;
/// They follow each other no faster than this.
const APART: Duration = Duration::from_millis(100);

/// The rate of a rising counter over the last second, or over the time since the first moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    /// The oldest first; those from `len` on mean nothing.
    moments: [Option<(Instant, u64)>; MOMENTS],
    per_s: f64,
}

impl Rate {
    /// Notes the counter's present value and returns the rate per second. Where everything `stands` still, it is 0 at once.
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn update(&mut self, now: Instant, count: u64, stands: bool) -> f64 {
        if stands {
            *self = Self::default();
        }
        let since = |then: Instant| now.saturating_duration_since(then);
        // The oldest moment that still belongs to the second, with a little patience.
        let oldest = self.moments.iter().flatten().find(|(then, _)| since(*then) <= WINDOW + APART / 2);
        let oldest = oldest.or(self.moments.iter().flatten().last());
        if let Some((then, before)) = oldest
            && since(*then) >= Duration::from_millis(1)
        {
            self.per_s = count.saturating_sub(*before) as f64 / since(*then).as_secs_f64();
        }
        let newest = self.moments.iter().flatten().last();
        if newest.is_none_or(|(then, _)| since(*then) >= APART * 9 / 10) {
            if let Some(free) = self.moments.iter_mut().find(|moment| moment.is_none()) {
                *free = Some((now, count));
            } else {
                self.moments.rotate_left(1);
                self.moments[MOMENTS - 1] = Some((now, count));
            }
        }
        self.per_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_last_second_and_falls_to_zero_within_one() {
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
    fn what_stands_still_has_no_speed() {
        let start = Instant::now();
        let mut rate = Rate::default();
        rate.update(start, 0, false);
        assert!(rate.update(start + Duration::from_millis(300), 900, false) > 2_000.0);
        assert!(rate.update(start + Duration::from_millis(400), 950, true).abs() < f64::EPSILON);
        let shown = rate.update(start + Duration::from_millis(500), 960, false);
        assert!((shown - 100.0).abs() < 1e-6, "what was before does not count: {shown}");
    }
}
