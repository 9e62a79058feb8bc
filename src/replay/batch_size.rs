//! How many records a worker takes at once.

use std::time::Duration;

/// A batch should take about this long: short enough that workers share lanes evenly and that pause, cancel and a change of
/// concurrency take effect at once; long enough that handing over costs nothing.
const TARGET: Duration = Duration::from_millis(5);

/// Follows the handling time and keeps batches near the target time.
#[derive(Clone, Copy, Debug)]
pub struct BatchSize {
    most: usize,
    now: usize,
}

impl BatchSize {
    /// Starts small, for nothing is known yet.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), now: most.clamp(1, 4) }
    }

    /// Learns from a batch of `records` that took `elapsed`. It at most doubles at a time, and shrinks at once.
    pub fn learn(&mut self, records: usize, elapsed: Duration) {
        if records == 0 || records < self.now && elapsed < TARGET {
            // A small batch that ended early says nothing about a full one.
            return;
        }
        let fitting = TARGET.as_nanos() * records as u128 / elapsed.as_nanos().max(1);
        let fitting = usize::try_from(fitting).unwrap_or(usize::MAX);
        self.now = fitting.clamp(1, self.now.saturating_mul(2)).min(self.most);
    }

    /// How many to take now: no more than a fair part of what is waiting, so that the last records are spread over all
    /// workers (guided self-scheduling, Polychronopoulos and Kuck 1987, with half the share).
    #[must_use]
    pub fn take(self, waiting: u64, workers: u32) -> usize {
        let share = waiting / (2 * u64::from(workers.max(1)));
        self.now.min(usize::try_from(share).unwrap_or(usize::MAX).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(per_record: Duration) -> usize {
        let mut size = BatchSize::new(1000);
        for _ in 0..30 {
            let records = size.take(u64::MAX, 1);
            size.learn(records, per_record * u32::try_from(records).unwrap());
        }
        size.take(u64::MAX, 1)
    }

    #[test]
    fn slow_records_come_in_small_batches_and_fast_ones_in_large() {
        assert_eq!(settled(Duration::from_millis(1)), 5);
        assert_eq!(settled(Duration::from_millis(50)), 1);
        assert_eq!(settled(Duration::from_nanos(50)), 1000);
    }

    #[test]
    fn the_last_records_are_spread() {
        let mut size = BatchSize::new(1000);
        for _ in 0..20 {
            size.learn(1000, Duration::from_micros(10));
        }
        assert_eq!(size.take(100, 10), 5);
        assert_eq!(size.take(3, 10), 1);
    }
}
