//! A figure over a stretch of time.

use super::{TimeRange, tier::Cell, tiers::Tiers};

/// A figure over a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// The last value.
    pub last: f64,
    /// The sum of the values, each multiplied with its time in milliseconds.
    sum: f64,
    /// The time in milliseconds that the values cover.
    covered_ms: u32,
}

impl Summary {
    /// A value that holds for some milliseconds.
    #[allow(clippy::cast_precision_loss, reason = "the length of a cell")]
    pub(super) fn of(value: f64, ms: i64) -> Self {
        Self { min: value, max: value, last: value, sum: value * ms as f64, covered_ms: u32::try_from(ms).unwrap_or(0) }
    }

    /// The mean over the time that is covered.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.covered_ms == 0 { self.last } else { self.sum / f64::from(self.covered_ms) }
    }

    /// The time in milliseconds that was measured.
    #[must_use]
    pub fn covered_ms(&self) -> u32 {
        self.covered_ms
    }
}

impl Cell for Summary {
    fn merge(&mut self, next: &Self) {
        *self = Self {
            min: self.min.min(next.min),
            max: self.max.max(next.max),
            last: next.last,
            sum: self.sum + next.sum,
            covered_ms: self.covered_ms.saturating_add(next.covered_ms),
        };
    }
}

/// A figure over time.
pub type Series = Tiers<Summary>;

impl Series {
    /// Adds a value that holds throughout a range. Values that are not finite are ignored.
    pub(super) fn hold(&mut self, range: TimeRange, value: f64) {
        if value.is_finite() {
            self.push(range, |ms| Summary::of(value, ms));
        }
    }

    /// How often something happened in a range, if the figure is a rate per second. A cell that the range covers in
    /// part counts in proportion.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "lengths of cells")]
    pub fn count_in(&self, range: TimeRange) -> f64 {
        self.overlapping(range)
            .map(|(cell_range, cell)| {
                let common_ms = cell_range.to().min(range.to()).ms() - cell_range.from().max(range.from()).ms();
                cell.sum / 1000.0 * common_ms.max(0) as f64 / cell_range.ms() as f64
            })
            .sum()
    }
}
