//! How many records a worker takes at once.

use super::batch_cost::BatchCost;
use std::time::Duration;

/// A batch should take about this long: short enough that workers share lanes evenly and that pause, cancel and a change of
/// concurrency take effect at once; long enough that handing over costs nothing.
const TARGET: Duration = Duration::from_millis(5);

/// Less work than this is not worth sharing: to wake a sleeping worker takes some 50 µs of it.
const WORTH_SHARING: Duration = Duration::from_micros(200);

/// With a cost of its own, each so-many-th batch has twice as many records: batches of one size do not tell what part of their time
/// is a cost of the batch.
const PROBE_EVERY_BATCHES: u32 = 16;

/// Follows the handling time and keeps batches near the target time.
#[derive(Clone, Copy, Debug)]
pub struct BatchSize {
    most: usize,
    target: Duration,
    now: usize,
    /// What batches cost, where each has a cost of its own.
    cost: Option<BatchCost>,
    /// How many have been learned from.
    batches: u32,
    /// So many records are not worth sharing.
    quick: usize,
}

impl BatchSize {
    /// Starts small, for nothing is known yet.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), target: TARGET, now: most.clamp(1, 4), cost: None, batches: 0, quick: 0 }
    }

    /// A batch should take about so long instead, for each has a cost of its own: a transaction, or a round trip. Where that cost is
    /// more than half of the target, batches take twice the cost: it does not shrink with the batch, so smaller batches would only
    /// handle fewer records in the same time.
    pub fn aim_at(&mut self, target: Duration) {
        self.target = target;
        self.cost = Some(BatchCost::default());
    }

    /// Learns from a batch of `records` that took `elapsed`. It at most doubles at a time, and shrinks at once.
    pub fn learn(&mut self, records: usize, elapsed: Duration) {
        let fitting = |time: Duration| {
            usize::try_from(time.as_nanos() * records as u128 / elapsed.as_nanos().max(1)).unwrap_or(usize::MAX)
        };
        if records > 0 {
            self.quick = fitting(WORTH_SHARING);
        }
        if records == 0 {
            return;
        }
        self.batches = self.batches.wrapping_add(1);
        let known = self.cost.as_mut().and_then(|cost| {
            cost.learn(records, elapsed);
            cost.split()
        });
        let wanted = match known {
            Some(split) => split.records_for(self.target.as_secs_f64()),
            // A small batch that ended early says nothing about a full one.
            None if records < self.now && elapsed < self.target => return,
            None => fitting(self.target),
        };
        self.now = wanted.clamp(1, self.now.saturating_mul(2)).min(self.most);
    }

    /// How many to take now: no more than a fair part of what is waiting, so that the last records are spread over all
    /// workers (guided self-scheduling, Polychronopoulos and Kuck 1987, with half the share), unless they are done sooner
    /// than another worker has woken up.
    #[must_use]
    pub fn take(self, waiting: u64, workers: u32) -> usize {
        let share = waiting / (2 * u64::from(workers.max(1)));
        let probes = self.cost.is_some() && self.batches % PROBE_EVERY_BATCHES == PROBE_EVERY_BATCHES - 1;
        let now = if probes { self.now.saturating_mul(2).min(self.most) } else { self.now };
        now.min(usize::try_from(share).unwrap_or(usize::MAX).max(self.quick).max(1))
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

    /// The weights of old batches fall, but never to nothing.
    fn assert_about(size: usize, expected: usize) {
        assert!(size.abs_diff(expected) <= 1 + expected / 100, "{size} instead of about {expected}");
    }

    /// After so many batches that cost this much themselves, in milliseconds, and this much a record, in microseconds.
    fn go_on(size: &mut BatchSize, batches: u32, own_ms: u64, record_us: u64) -> usize {
        for _ in 0..batches {
            let records = size.take(u64::MAX, 4);
            size.learn(records, Duration::from_micros(own_ms * 1000 + record_us * records as u64));
        }
        size.now
    }

    #[test]
    fn batches_with_a_small_cost_of_their_own_take_the_target_time() {
        let mut size = BatchSize::new(100_000);
        size.aim_at(Duration::from_millis(50));
        assert_about(go_on(&mut size, 200, 5, 10), 4500);
        assert_about(go_on(&mut size, 200, 5, 1000), 45);
        assert_eq!(go_on(&mut size, 200, 0, 300_000), 1, "slow records need no large batches");
    }

    #[test]
    fn batches_with_a_large_cost_of_their_own_take_twice_that() {
        let mut size = BatchSize::new(100_000);
        size.aim_at(Duration::from_millis(50));
        assert_about(go_on(&mut size, 200, 60, 10), 6000);
    }

    #[test]
    fn batches_grow_again_after_a_time_when_each_cost_much() {
        let mut size = BatchSize::new(10_000);
        size.aim_at(Duration::from_millis(50));
        go_on(&mut size, 100, 5, 10);
        assert_eq!(go_on(&mut size, 200, 3000, 10), 10_000);
        assert_about(go_on(&mut size, 200, 5, 10), 4500);
        // Whatever made them small before: one record a batch is where no more could be learned without trying two.
        size.now = 1;
        size.cost = Some(BatchCost::default());
        assert_eq!(go_on(&mut size, 400, 300, 10), 10_000);
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
