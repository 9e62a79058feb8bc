//! A token bucket: how much of a limited rate may be used now.
//!
//! A bucket fills evenly up to its capacity. In every interval of length t, at most `rate × t + capacity` is taken, and
//! one amount more that the caller could not split. (Turner, "New directions in communications", 1986; RFC 2697
//! describes the same meter.)
//!
//! Pure: the caller passes the time.

use std::time::{Duration, Instant};

/// Longer waits are checked again after this time.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// A bucket of records, bytes or lines.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    per_s: f64,
    capacity: f64,
    /// The content; negative after more was taken than there was.
    level: f64,
    at: Instant,
}

impl TokenBucket {
    /// An empty bucket that fills at a rate per second.
    #[must_use]
    pub fn empty(per_s: f64, capacity: f64, now: Instant) -> Self {
        Self { per_s, capacity, level: 0.0, at: now }
    }

    /// A full bucket that fills at a rate per second.
    #[must_use]
    pub fn full(per_s: f64, capacity: f64, now: Instant) -> Self {
        Self { per_s, capacity, level: capacity, at: now }
    }

    /// Changes rate and capacity. What is in the bucket stays in it, up to the new capacity.
    pub fn set(&mut self, per_s: f64, capacity: f64, now: Instant) {
        self.level(now);
        (self.per_s, self.capacity) = (per_s, capacity);
    }

    /// The rate per second.
    #[must_use]
    pub fn per_s(&self) -> f64 {
        self.per_s
    }

    /// The most that the bucket holds.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        self.capacity
    }

    /// What the bucket holds now; negative if more was taken than there was.
    pub fn level(&mut self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.level = (self.level + passed * self.per_s).min(self.capacity);
        self.level
    }

    /// Takes an amount, even if there is less.
    pub fn take(&mut self, amount: f64) {
        self.level -= amount;
    }

    /// The time until the bucket holds `level`, which is at most its capacity; at most an hour.
    #[must_use]
    pub fn time_until(&self, level: f64) -> Duration {
        let seconds = ((level - self.level) / self.per_s).max(0.0);
        Duration::try_from_secs_f64(seconds).unwrap_or(MAX_WAIT).min(MAX_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn a_bucket_fills_evenly_up_to_its_capacity() {
        let start = Instant::now();
        let mut bucket = TokenBucket::empty(10.0, 5.0, start);
        assert!(close(bucket.level(start), 0.0));
        assert!(close(bucket.level(start + Duration::from_millis(200)), 2.0));
        assert!(close(bucket.level(start + Duration::from_secs(9)), 5.0));
        // Time that goes back changes nothing.
        assert!(close(bucket.level(start), 5.0));
    }

    #[test]
    fn what_was_taken_too_much_delays_what_follows() {
        let start = Instant::now();
        let mut bucket = TokenBucket::full(10.0, 5.0, start);
        bucket.take(25.0);
        assert_eq!(bucket.time_until(0.0), Duration::from_secs(2));
        assert_eq!(bucket.time_until(-30.0), Duration::ZERO);
        assert!(close(bucket.level(start + Duration::from_secs(2)), 0.0));
    }

    #[test]
    fn a_new_rate_does_not_fill_the_bucket() {
        let start = Instant::now();
        let mut bucket = TokenBucket::empty(10.0, 5.0, start);
        bucket.set(1000.0, 100.0, start + Duration::from_millis(100));
        assert!(close(bucket.level(start + Duration::from_millis(100)), 1.0));
        assert_eq!(TokenBucket::empty(0.0, 1.0, start).time_until(1.0), MAX_WAIT);
    }
}
