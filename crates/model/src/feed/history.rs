//! Measurements over time in bounded memory: a whole run as a [`Series`], the last moments as [`Recent`].

#![allow(clippy::cast_precision_loss, reason = "counts of slices and columns are far below 2^52")]

/// Event rates over a whole run, in bounded memory.
///
/// Time is divided into equal slices that hold the counts. When there are too many, neighbouring slices are merged and
/// the slice length doubles. A long run loses detail, but memory stays bounded.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    slice_s: f64,
    slices: Vec<Slice>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Slice {
    count: f64,
    /// The part of the slice that the count covers, in seconds.
    covered_s: f64,
}

impl Slice {
    fn per_s(self) -> Option<f64> {
        (self.covered_s > 0.0).then(|| self.count / self.covered_s)
    }

    fn merged_with(self, other: Self) -> Self {
        Self { count: self.count + other.count, covered_s: self.covered_s + other.covered_s }
    }
}

impl Series {
    /// Maximum number of slices.
    pub const CAPACITY: usize = 1024;

    /// An empty series with slices of initially `slice_s` seconds, at least one millisecond.
    #[must_use]
    pub fn new(slice_s: f64) -> Self {
        Self { slice_s: slice_s.max(0.001), slices: Vec::new() }
    }

    /// Adds a count for the time from `from_s` to `to_s` seconds after the start, spread evenly. Ignores times before
    /// the start and values that are not finite.
    pub fn push(&mut self, from_s: f64, to_s: f64, count: f64) {
        if !(from_s.is_finite() && to_s.is_finite() && count.is_finite() && from_s >= 0.0 && to_s > from_s) {
            return;
        }
        while to_s / self.slice_s >= Self::CAPACITY as f64 {
            self.merge();
        }
        let (first, last) = (index(from_s, self.slice_s), index(to_s, self.slice_s));
        if self.slices.len() <= last {
            self.slices.resize(last + 1, Slice::default());
        }
        for (at, slice) in self.slices.iter_mut().enumerate().take(last + 1).skip(first) {
            let begins_s = at as f64 * self.slice_s;
            let covered_s = (to_s.min(begins_s + self.slice_s) - from_s.max(begins_s)).max(0.0);
            *slice = slice.merged_with(Slice { count: count * covered_s / (to_s - from_s), covered_s });
        }
        // A measurement that ends exactly on a slice boundary does not touch the next slice.
        while self.slices.last().is_some_and(|slice| slice.covered_s <= 0.0) {
            self.slices.pop();
        }
    }

    /// The rates per second as `columns` values covering the first `span_s` seconds; `None` after the last measurement.
    /// A column without a measurement repeats the value before it.
    #[must_use]
    pub fn columns(&self, columns: usize, span_s: f64) -> Vec<Option<f64>> {
        let measured_s = self.slices.len() as f64 * self.slice_s;
        let width_s = span_s / columns.max(1) as f64;
        let mut last = None;
        (0..columns)
            .map(|column| {
                let from_s = column as f64 * width_s;
                if from_s >= measured_s {
                    return None;
                }
                let first = index(from_s, self.slice_s);
                let end = index((from_s + width_s).min(measured_s), self.slice_s).max(first + 1);
                let slices = self.slices.get(first..end.min(self.slices.len())).unwrap_or_default();
                last = slices.iter().fold(Slice::default(), |sum, slice| sum.merged_with(*slice)).per_s().or(last);
                last
            })
            .collect()
    }

    /// The highest rate of any slice. Slices covered to less than half count only if there are no others.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        let whole = self.slices.iter().filter(|slice| slice.covered_s >= self.slice_s / 2.0);
        let peak = whole.filter_map(|slice| slice.per_s()).reduce(f64::max);
        peak.or_else(|| self.slices.iter().filter_map(|slice| slice.per_s()).reduce(f64::max))
    }

    fn merge(&mut self) {
        self.slice_s *= 2.0;
        self.slices = self
            .slices
            .chunks(2)
            .map(|pair| pair.iter().fold(Slice::default(), |sum, one| sum.merged_with(*one)))
            .collect();
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative, and bounded by CAPACITY")]
fn index(at_s: f64, slice_s: f64) -> usize {
    // A time on a slice boundary belongs to the later slice, despite rounding errors such as in 0.3 ÷ 0.1.
    (at_s / slice_s + 1e-9).floor() as usize
}

/// The most recent measurements, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recent {
    values: std::collections::VecDeque<f32>,
}

impl Recent {
    /// Maximum number of measurements.
    pub const CAPACITY: usize = 32;

    /// Adds a measurement and drops the oldest one if full.
    #[allow(clippy::cast_possible_truncation, reason = "precise enough for a sparkline")]
    pub fn push(&mut self, value: f64) {
        if self.values.len() == Self::CAPACITY {
            self.values.pop_front();
        }
        self.values.push_back(value as f32);
    }

    /// The last `count` measurements, oldest first, or fewer if there are not enough.
    pub fn last(&self, count: usize) -> impl Iterator<Item = f32> + '_ {
        self.values.iter().skip(self.values.len().saturating_sub(count)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-6)
    }

    #[test]
    fn columns_cover_the_span_and_are_empty_after_the_last_measurement() {
        let mut series = Series::new(0.1);
        for tenth in 0..10 {
            series.push(f64::from(tenth) * 0.1, f64::from(tenth + 1) * 0.1, f64::from(tenth) / 10.0);
        }
        let columns = series.columns(10, 2.0);
        assert!(columns.iter().zip([0.5, 2.5, 4.5, 6.5, 8.5]).all(|(is, should)| close(*is, should)), "{columns:?}");
        assert!(columns[5..].iter().all(Option::is_none));
    }

    #[test]
    fn counts_are_spread_over_their_time_without_loss() {
        let mut series = Series::new(1.0);
        series.push(0.5, 2.5, 200.0);
        assert_eq!(series.columns(3, 3.0), [Some(100.0); 3]);
        // A burst followed by nothing leaves no tail.
        let mut burst = Series::new(0.1);
        burst.push(0.0, 0.1, 300.0);
        burst.push(0.1, 1.0, 0.0);
        let columns = burst.columns(10, 1.0);
        assert!(close(columns[0], 3_000.0) && columns[1..].iter().all(|column| close(*column, 0.0)), "{columns:?}");
        assert!(close(burst.peak(), 3_000.0));
    }

    #[test]
    fn a_gap_repeats_the_value_before_it() {
        let mut series = Series::new(1.0);
        series.push(0.0, 1.0, 7.0);
        series.push(3.0, 4.0, 9.0);
        assert_eq!(series.columns(4, 4.0), [Some(7.0), Some(7.0), Some(7.0), Some(9.0)]);
    }

    #[test]
    fn a_long_run_keeps_its_start_and_peak() {
        let mut series = Series::new(0.1);
        for second in 0..100_000 {
            series.push(f64::from(second), f64::from(second + 1), if second < 50_000 { 10.0 } else { 20.0 });
        }
        assert!(series.slices.len() <= Series::CAPACITY);
        let columns = series.columns(4, 100_000.0);
        assert!(close(columns[0], 10.0) && close(columns[3], 20.0), "{columns:?}");
        assert!(close(series.peak(), 20.0));
    }

    #[test]
    fn invalid_measurements_are_ignored() {
        let mut series = Series::new(0.1);
        series.push(-1.0, 0.0, 1.0);
        series.push(0.0, f64::NAN, 1.0);
        series.push(1.0, 2.0, f64::INFINITY);
        series.push(1.0, 1.0, 5.0);
        assert_eq!(series.peak(), None);
    }

    #[test]
    fn recent_measurements_are_bounded() {
        let mut recent = Recent::default();
        for value in 0..100_u8 {
            recent.push(f64::from(value));
        }
        assert_eq!(recent.last(2).collect::<Vec<_>>(), [98.0, 99.0]);
        assert_eq!(recent.last(1000).count(), Recent::CAPACITY);
    }
}
