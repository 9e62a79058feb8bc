//! How many records a worker takes at once.

use std::time::Duration;

/// A batch should take about this long: short enough that workers share lanes evenly and that pause, cancel and a change of
/// concurrency take effect at once; long enough that handing over costs nothing.
const TARGET: Duration = Duration::from_millis(5);

/// Where each batch has a cost of its own, it never has fewer records than this for the time that it takes: the cost does not shrink
/// with the batch, so on a slow day batches would shrink to single records, and never grow again.
const LEAST_RECORDS_WITH_OWN_COST: usize = 64;

/// Less work than this is not worth sharing: to wake a sleeping worker takes some 50 µs of it.
const WORTH_SHARING: Duration = Duration::from_micros(200);

/// Follows the handling time and keeps batches near the target time.
#[derive(Clone, Copy, Debug)]
pub struct BatchSize {
    most: usize,
    target: Duration,
    now: usize,
    /// It does not fall below this.
    least: usize,
    /// So many records are not worth sharing.
    quick: usize,
}

impl BatchSize {
    /// Starts small, for nothing is known yet.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), target: TARGET, now: most.clamp(1, 4), least: 1, quick: 0 }
    }

    /// A batch should take about so long instead, for each has a cost of its own.
    pub fn aim_at(&mut self, target: Duration) {
        self.target = target;
        self.least = LEAST_RECORDS_WITH_OWN_COST.min(self.most);
    }

    /// Learns from a batch of `records` that took `elapsed`. It at most doubles at a time, and shrinks at once.
    pub fn learn(&mut self, records: usize, elapsed: Duration) {
        let fitting = |time: Duration| {
            usize::try_from(time.as_nanos() * records as u128 / elapsed.as_nanos().max(1)).unwrap_or(usize::MAX)
        };
        if records > 0 {
            self.quick = fitting(WORTH_SHARING);
        }
        if records == 0 || records < self.now && elapsed < self.target {
            // A small batch that ended early says nothing about a full one.
            return;
        }
        self.now = fitting(self.target).clamp(1, self.now.saturating_mul(2)).max(self.least).min(self.most);
    }

    /// How many to take now: no more than a fair part of what is waiting, so that the last records are spread over all
    /// workers (guided self-scheduling, Polychronopoulos and Kuck 1987, with half the share), unless they are done sooner
    /// than another worker has woken up.
    #[must_use]
    pub fn take(self, waiting: u64, workers: u32) -> usize {
        let share = waiting / (2 * u64::from(workers.max(1)));
        self.now.min(usize::try_from(share).unwrap_or(usize::MAX).max(self.quick).max(1))
    }

    /// How many batches what is waiting makes: more workers than that would find nothing.
    #[must_use]
    pub fn batches(self, waiting: u64, workers: u32) -> usize {
        usize::try_from(waiting).unwrap_or(usize::MAX).div_ceil(self.take(waiting, workers))
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
    fn batches_with_a_cost_of_their_own_do_not_shrink_to_nothing() {
        let mut size = BatchSize::new(1000);
        size.aim_at(Duration::from_millis(50));
        for _ in 0..30 {
            size.learn(size.take(u64::MAX, 4), Duration::from_millis(300));
        }
        assert_eq!(size.take(u64::MAX, 4), LEAST_RECORDS_WITH_OWN_COST);
        for _ in 0..30 {
            size.learn(size.take(u64::MAX, 4), Duration::from_millis(10));
        }
        assert_eq!(size.take(u64::MAX, 4), 1000);
    }

    #[test]
    fn the_last_records_are_spread() {
        let mut size = BatchSize::new(1000);
        for _ in 0..20 {
            size.learn(5, Duration::from_millis(5));
        }
        assert_eq!((size.take(1000, 10), size.batches(1000, 10)), (5, 200));
        assert_eq!((size.take(60, 10), size.batches(60, 10)), (3, 20));
        assert_eq!((size.take(3, 10), size.batches(3, 10)), (1, 3));
        assert_eq!(size.batches(0, 10), 0);
    }

    #[test]
    fn what_takes_no_time_is_not_spread() {
        let mut size = BatchSize::new(1000);
        for _ in 0..20 {
            size.learn(1000, Duration::from_micros(100));
        }
        assert_eq!((size.take(1000, 100), size.batches(1000, 100)), (1000, 1));
        // Work of 10 µs: twenty records are worth a wake-up.
        size.learn(1000, Duration::from_millis(10));
        assert_eq!((size.take(1000, 100), size.batches(1000, 100)), (20, 50));
    }
}
