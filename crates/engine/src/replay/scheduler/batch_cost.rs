//! Splits the time of a batch into a fixed cost per batch and a cost per record.

use std::time::Duration;

/// The factor by which older batches lose weight with each new one: 14 batches later a batch counts half.
const DECAY: f64 = 0.95;

/// The minimum standard deviation of batch sizes, relative to their mean, at which the two costs can be told apart.
const MIN_RELATIVE_SPREAD: f64 = 0.15;

/// A linear regression of batch time on batch size (least squares, exponentially weighted towards recent batches).
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchCost {
    weight: f64,
    records: f64,
    seconds: f64,
    records_squared: f64,
    records_seconds: f64,
}

/// The cost of a batch, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostSplit {
    /// Fixed, per batch.
    pub batch: f64,
    /// Per record.
    pub record: f64,
}

impl BatchCost {
    /// Adds a batch.
    #[allow(clippy::cast_precision_loss, reason = "no batch has 2^52 records")]
    pub fn learn(&mut self, records: usize, elapsed: Duration) {
        let (n, t) = (records as f64, elapsed.as_secs_f64());
        let add = |sum: &mut f64, value: f64| *sum = *sum * DECAY + value;
        add(&mut self.weight, 1.0);
        add(&mut self.records, n);
        add(&mut self.seconds, t);
        add(&mut self.records_squared, n * n);
        add(&mut self.records_seconds, n * t);
    }

    /// The two costs; `None` while the batch sizes are too similar.
    #[must_use]
    pub fn split(&self) -> Option<CostSplit> {
        let (n, t) = (self.records / self.weight, self.seconds / self.weight);
        let variance = self.records_squared / self.weight - n * n;
        // NaN before the first batch.
        if variance.is_nan() || variance <= (MIN_RELATIVE_SPREAD * n).powi(2) {
            return None;
        }
        let slope = (self.records_seconds / self.weight - n * t) / variance;
        // Noise must not make either cost negative.
        let record = slope.clamp(0.0, t / n);
        Some(CostSplit { batch: t - record * n, record })
    }
}

impl CostSplit {
    /// The number of records for a batch to take `target` seconds, or twice the fixed cost if that is longer.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturating is right: as many records as possible if a record costs nothing"
    )]
    pub fn records_for(self, target: f64) -> usize {
        let for_records = (target - self.batch).max(self.batch);
        (for_records / self.record).round() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(batch_ms: u64, record_us: u64, sizes: &[usize]) -> BatchCost {
        let mut cost = BatchCost::default();
        for records in sizes {
            cost.learn(*records, Duration::from_micros(batch_ms * 1000 + record_us * *records as u64));
        }
        cost
    }

    #[test]
    fn the_costs_per_batch_and_per_record_are_separated() {
        let split = line(20, 50, &[10, 40, 20, 80, 10]).split().unwrap();
        assert!((split.batch - 0.020).abs() < 1e-9 && (split.record - 50e-6).abs() < 1e-9, "{split:?}");
    }

    #[test]
    fn batches_of_equal_size_give_no_split() {
        assert_eq!(BatchCost::default().split(), None);
        assert_eq!(line(20, 50, &[64; 100]).split(), None);
    }

    #[test]
    fn noise_makes_neither_cost_negative() {
        let mut falling = BatchCost::default();
        falling.learn(10, Duration::from_millis(50));
        falling.learn(100, Duration::from_millis(5));
        let split = falling.split().unwrap();
        assert!(split.record.abs() < 1e-12, "{split:?}");
        assert_eq!(split.records_for(0.05), usize::MAX);
        let mut steep = BatchCost::default();
        steep.learn(10, Duration::from_millis(1));
        steep.learn(100, Duration::from_millis(500));
        assert!(steep.split().unwrap().batch.abs() < 1e-9);
    }
}
