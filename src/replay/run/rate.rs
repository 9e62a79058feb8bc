//! Speeds for people: a counter's rise over the last second or so.

use std::time::{Duration, Instant};

/// The time, in seconds, after which an old speed has lost about two thirds of its weight.
const MEMORY: f64 = 0.7;

/// An exponentially weighted rate of a rising counter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    last: Option<(Instant, u64)>,
    sum: f64,
    /// The weights in `sum`, which approach 1: dividing by them makes the first values count in full.
    weight: f64,
}

impl Rate {
    /// Notes the counter's present value and returns the rate per second.
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn update(&mut self, now: Instant, count: u64) -> f64 {
        if let Some((then, before)) = self.last {
            let elapsed = now.saturating_duration_since(then);
            if elapsed < Duration::from_millis(1) {
                return self.per_s();
            }
            let seconds = elapsed.as_secs_f64();
            let current = count.saturating_sub(before) as f64 / seconds;
            let weight = 1.0 - (-seconds / MEMORY).exp();
            self.sum += weight * (current - self.sum);
            self.weight += weight * (1.0 - self.weight);
        }
        self.last = Some((now, count));
        self.per_s()
    }

    fn per_s(&self) -> f64 {
        let rate = if self.weight > 0.0 { self.sum / self.weight } else { 0.0 };
        if rate < 0.01 { 0.0 } else { rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_a_steady_counter_and_falls_to_zero() {
        let start = Instant::now();
        let mut rate = Rate::default();
        assert!(rate.update(start, 0).abs() < f64::EPSILON);
        let mut shown = rate.update(start + Duration::from_millis(100), 50);
        assert!((shown - 500.0).abs() < 1e-6, "the first value counts in full: {shown}");
        for tick in 2..80 {
            shown = rate.update(start + Duration::from_millis(tick * 100), tick * 50);
        }
        assert!((shown - 500.0).abs() < 1e-6, "{shown}");
        for tick in 80..300 {
            shown = rate.update(start + Duration::from_millis(tick * 100), 79 * 50);
        }
        assert!(shown.abs() < f64::EPSILON, "{shown}");
    }
}
