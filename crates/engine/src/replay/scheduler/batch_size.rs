//! The number of records that a worker takes at once.

use super::batch_cost::BatchCost;
use std::time::Duration;

/// The target handling time of a batch. Short enough that workers share lanes evenly, and that pause, stop and changes
/// of concurrency take effect at once; long enough that the overhead per batch does not matter.
const TARGET_BATCH_TIME: Duration = Duration::from_millis(5);

/// Less work than this is not shared with another worker: waking one takes about 50 µs.
const MIN_SHARED_WORK: Duration = Duration::from_micros(200);

/// If batches have a fixed cost, every n-th batch has twice as many records: batches of equal size do not show which
/// part of their time is the fixed cost.
const PROBE_EVERY_BATCHES: u32 = 16;

/// Follows the handling time, and keeps batches near the target time.
#[derive(Clone, Copy, Debug)]
pub struct BatchSize {
    max: usize,
    target: Duration,
    current: usize,
    /// The cost of a batch, for handlers whose batches have a fixed cost.
    cost: Option<BatchCost>,
    /// Number of batches learned from.
    batches: u32,
    /// This many records are not worth sharing.
    min_shared_records: usize,
}

impl BatchSize {
    /// Starts small, because nothing is known yet.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            target: TARGET_BATCH_TIME,
            current: max.clamp(1, 4),
            cost: None,
            batches: 0,
            min_shared_records: 0,
        }
    }

    /// Sets the target time for handlers whose batches have a fixed cost: a transaction, or a round trip. If that cost
    /// exceeds half of the target, batches take twice the cost instead: the fixed cost does not shrink with the batch,
    /// so smaller batches would only handle fewer records in the same time.
    pub fn set_target_time(&mut self, target: Duration) {
        self.target = target;
        self.cost = Some(BatchCost::default());
    }

    /// Learns from a batch of `records` that took `elapsed`. The size at most doubles at a time, and shrinks at once.
    pub fn learn(&mut self, records: usize, elapsed: Duration) {
        let fitting = |time: Duration| {
            usize::try_from(time.as_nanos() * records as u128 / elapsed.as_nanos().max(1)).unwrap_or(usize::MAX)
        };
        if records > 0 {
            self.min_shared_records = fitting(MIN_SHARED_WORK);
        }
        if records == 0 {
            return;
        }
        self.batches = self.batches.wrapping_add(1);
        let split = self.cost.as_mut().and_then(|cost| {
            cost.learn(records, elapsed);
            cost.split()
        });
        let wanted = match split {
            Some(split) => split.records_for(self.target.as_secs_f64()),
            // A small batch that ended early does not show the time of a full one.
            None if records < self.current && elapsed < self.target => return,
            None => fitting(self.target),
        };
        self.current = wanted.clamp(1, self.current.saturating_mul(2)).min(self.max);
    }

    /// The number of records to take now: at most a fair share of the waiting records, so that the last ones are spread
    /// over all workers (guided self-scheduling, Polychronopoulos and Kuck 1987, with half the share), unless they take
    /// less time than waking another worker.
    #[must_use]
    pub fn take(self, waiting: u64, workers: u32) -> usize {
        let share = waiting / (2 * u64::from(workers.max(1)));
        let probes = self.cost.is_some() && self.batches % PROBE_EVERY_BATCHES == PROBE_EVERY_BATCHES - 1;
        let size = if probes { self.current.saturating_mul(2).min(self.max) } else { self.current };
        size.min(usize::try_from(share).unwrap_or(usize::MAX).max(self.min_shared_records).max(1))
    }

    /// The number of batches in the waiting records. More workers than that would find none.
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
    fn slow_records_get_small_batches_and_fast_ones_large() {
        assert_eq!(settled(Duration::from_millis(1)), 5);
        assert_eq!(settled(Duration::from_millis(50)), 1);
        assert_eq!(settled(Duration::from_nanos(50)), 1000);
    }

    /// Old batches lose weight but never count zero, so the size is only approximate.
    fn assert_about(size: usize, expected: usize) {
        assert!(size.abs_diff(expected) <= 1 + expected / 100, "{size} instead of about {expected}");
    }

    /// The batch size after a number of batches with this fixed cost, in milliseconds, and this cost per record, in
    /// microseconds.
    fn size_after(size: &mut BatchSize, batches: u32, batch_ms: u64, record_us: u64) -> usize {
        for _ in 0..batches {
            let records = size.take(u64::MAX, 4);
            size.learn(records, Duration::from_micros(batch_ms * 1000 + record_us * records as u64));
        }
        size.current
    }

    #[test]
    fn batches_with_a_small_fixed_cost_take_the_target_time() {
        let mut size = BatchSize::new(100_000);
        size.set_target_time(Duration::from_millis(50));
        assert_about(size_after(&mut size, 200, 5, 10), 4500);
        assert_about(size_after(&mut size, 200, 5, 1000), 45);
        assert_eq!(size_after(&mut size, 200, 0, 300_000), 1, "slow records need no large batches");
    }

    #[test]
    fn batches_with_a_large_fixed_cost_take_twice_that_cost() {
        let mut size = BatchSize::new(100_000);
        size.set_target_time(Duration::from_millis(50));
        assert_about(size_after(&mut size, 200, 60, 10), 6000);
    }

    #[test]
    fn batches_shrink_and_grow_again_when_the_fixed_cost_changes() {
        let mut size = BatchSize::new(10_000);
        size.set_target_time(Duration::from_millis(50));
        size_after(&mut size, 100, 5, 10);
        assert_eq!(size_after(&mut size, 200, 3000, 10), 10_000);
        assert_about(size_after(&mut size, 200, 5, 10), 4500);
        // From one record per batch, the size can only grow again if batches of two are probed.
        size.current = 1;
        size.cost = Some(BatchCost::default());
        assert_eq!(size_after(&mut size, 400, 300, 10), 10_000);
    }

    #[test]
    fn the_last_records_are_spread_over_all_workers() {
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
    fn fast_records_are_not_spread() {
        let mut size = BatchSize::new(1000);
        for _ in 0..20 {
            size.learn(1000, Duration::from_micros(100));
        }
        assert_eq!((size.take(1000, 100), size.batches(1000, 100)), (1000, 1));
        // Work of 10 µs per record: twenty records are worth a wake-up.
        size.learn(1000, Duration::from_millis(10));
        assert_eq!((size.take(1000, 100), size.batches(1000, 100)), (20, 50));
    }
}
