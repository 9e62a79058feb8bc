//! Measurements over time in bounded memory: the whole of a run in one series, the last moments in a short one.

#![allow(clippy::cast_precision_loss, reason = "counts of slices and columns are far below 2^52")]

/// A value over the time since a run's start, from its first second to its last, in bounded memory.
///
/// Time is cut into equal slices that hold the mean of what was measured in them. When there are too many slices,
/// neighbours are merged and every slice is twice as long, so that a long run costs detail and never memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    slice_s: f64,
    slices: Vec<Slice>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Slice {
    sum: f64,
    count: u32,
}

impl Slice {
    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

impl Series {
    /// The most slices that are kept.
    pub const CAPACITY: usize = 1024;

    /// An empty series whose slices are `slice_s` seconds long at first; anything under a millisecond counts as one.
    #[must_use]
    pub fn new(slice_s: f64) -> Self {
        Self { slice_s: slice_s.max(0.001), slices: Vec::new() }
    }

    /// Adds what was measured `at_s` seconds after the start. Times before the start, and what is no number, are left
    /// out.
    pub fn push(&mut self, at_s: f64, value: f64) {
        if !(at_s.is_finite() && value.is_finite() && at_s >= 0.0) {
            return;
        }
        while at_s / self.slice_s >= Self::CAPACITY as f64 {
            self.merge();
        }
        let index = index(at_s, self.slice_s);
        if self.slices.len() <= index {
            self.slices.resize(index + 1, Slice::default());
        }
        if let Some(slice) = self.slices.get_mut(index) {
            slice.sum += value;
            slice.count = slice.count.saturating_add(1);
        }
    }

    /// The series as `columns` values that together cover the first `span_s` seconds; `None` where nothing has been
    /// measured yet. A column between two measurements repeats the earlier one.
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
                last = mean(self.slices.get(first..end.min(self.slices.len())).unwrap_or_default()).or(last);
                last
            })
            .collect()
    }

    /// The largest mean of a slice.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        self.slices.iter().filter_map(|slice| slice.mean()).reduce(f64::max)
    }

    fn merge(&mut self) {
        self.slice_s *= 2.0;
        self.slices = self
            .slices
            .chunks(2)
            .map(|pair| {
                pair.iter().fold(Slice::default(), |a, b| Slice { sum: a.sum + b.sum, count: a.count + b.count })
            })
            .collect();
    }
}

fn mean(slices: &[Slice]) -> Option<f64> {
    let means = slices.iter().filter_map(|slice| slice.mean());
    let (sum, count) = means.fold((0.0, 0_u32), |(sum, count), mean| (sum + mean, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative, and bounded by CAPACITY")]
fn index(at_s: f64, slice_s: f64) -> usize {
    // A time on the edge of a slice belongs to the later one, whatever the division makes of 0.3 ÷ 0.1.
    (at_s / slice_s + 1e-9).floor() as usize
}

/// The last few measurements, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recent {
    values: std::collections::VecDeque<f32>,
}

impl Recent {
    /// How many measurements are kept.
    pub const CAPACITY: usize = 32;

    /// Adds one; the oldest goes when there are too many.
    #[allow(clippy::cast_possible_truncation, reason = "a trend for the eye needs no more digits")]
    pub fn push(&mut self, value: f64) {
        if self.values.len() == Self::CAPACITY {
            self.values.pop_front();
        }
        self.values.push_back(value as f32);
    }

    /// The last `count` of them, oldest first; fewer where there are not so many.
    pub fn last(&self, count: usize) -> impl Iterator<Item = f32> + '_ {
        self.values.iter().skip(self.values.len().saturating_sub(count)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_cover_the_span_and_stay_empty_where_nothing_is_measured() {
        let mut series = Series::new(0.1);
        for tenth in 0..10 {
            series.push(f64::from(tenth) * 0.1, f64::from(tenth));
        }
        let columns = series.columns(10, 2.0);
        assert_eq!(columns[..5], [Some(0.5), Some(2.5), Some(4.5), Some(6.5), Some(8.5)]);
        assert!(columns[5..].iter().all(Option::is_none));
    }

    #[test]
    fn a_hole_repeats_the_value_before_it() {
        let mut series = Series::new(1.0);
        series.push(0.5, 7.0);
        series.push(3.5, 9.0);
        assert_eq!(series.columns(4, 4.0), [Some(7.0), Some(7.0), Some(7.0), Some(9.0)]);
    }

    #[test]
    fn a_long_run_loses_detail_but_neither_its_start_nor_its_peak() {
        let mut series = Series::new(0.1);
        for second in 0..100_000 {
            series.push(f64::from(second), if second < 50_000 { 10.0 } else { 20.0 });
        }
        assert!(series.slices.len() <= Series::CAPACITY);
        let columns = series.columns(4, 100_000.0);
        assert_eq!((columns[0], columns[3]), (Some(10.0), Some(20.0)));
        assert_eq!(series.peak(), Some(20.0));
    }

    #[test]
    fn what_is_no_measurement_is_left_out() {
        let mut series = Series::new(0.1);
        series.push(-1.0, 1.0);
        series.push(f64::NAN, 1.0);
        series.push(1.0, f64::INFINITY);
        assert_eq!(series.peak(), None);
    }

    #[test]
    fn recent_values_are_bounded() {
        let mut recent = Recent::default();
        for value in 0..100_u8 {
            recent.push(f64::from(value));
        }
        assert_eq!(recent.last(2).collect::<Vec<_>>(), [98.0, 99.0]);
        assert_eq!(recent.last(1000).count(), Recent::CAPACITY);
    }
}
