//! Speeds for people: a counter's rise over the last second or so.

use std::time::{Duration, Instant};

/// The time after which an old speed has lost about two thirds of its weight.
const MEMORY: f64 = 1.0;

/// An exponentially weighted rate of a rising counter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    last: Option<(Instant, u64)>,
    per_s: f64,
}

impl Rate {
    /// Notes the counter's present value and returns the rate per second.
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn update(&mut self, now: Instant, count: u64) -> f64 {
        if let Some((then, before)) = self.last {
            let elapsed = now.saturating_duration_since(then);
            if elapsed < Duration::from_millis(1) {
                return self.per_s;
            }
            let seconds = elapsed.as_secs_f64();
            let current = count.saturating_sub(before) as f64 / seconds;
            let weight = 1.0 - (-seconds / MEMORY).exp();
            self.per_s += weight * (current - self.per_s);
            if self.per_s < 0.01 {
                self.per_s = 0.0;
            }
        }
        self.last = Some((now, count));
        self.per_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_a_steady_counter_and_falls_to_zero() {
        let start = Instant::now();
        let mut rate = Rate::default();
        let mut shown = 0.0;
        for tick in 0..80 {
            shown = rate.update(start + Duration::from_millis(tick * 100), tick * 50);
        }
        assert!((shown - 500.0).abs() < 5.0, "{shown}");
        for tick in 80..300 {
            shown = rate.update(start + Duration::from_millis(tick * 100), 79 * 50);
        }
        assert!(shown.abs() < f64::EPSILON, "{shown}");
    }
}
