//! Measurements over time in bounded memory: the whole of a run in one series, the last moments in a short one.

#![allow(clippy::cast_precision_loss, reason = "counts of slices and columns are far below 2^52")]

/// How many things happened in a second, over the time since a run's start, from its first second to its last, in bounded
/// memory.
///
/// Time is cut into equal slices that hold what was counted in them. When there are too many slices, neighbours are merged
/// and every slice is twice as long, so that a long run costs detail and never memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    slice_s: f64,
    slices: Vec<Slice>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Slice {
    count: f64,
    /// For how much of its time that was counted, in seconds.
    covered_s: f64,
}

impl Slice {
    fn per_s(self) -> Option<f64> {
        (self.covered_s > 0.0).then(|| self.count / self.covered_s)
    }

    fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, covered_s: self.covered_s + other.covered_s }
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

    /// Adds what was counted from `from_s` to `to_s` seconds after the start, evenly over that time. Times before the start,
    /// and what is no number, are left out.
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
            *slice = slice.and(Slice { count: count * covered_s / (to_s - from_s), covered_s });
        }
        // What ends on the edge of a slice is none of the next one's.
        while self.slices.last().is_some_and(|slice| slice.covered_s <= 0.0) {
            self.slices.pop();
        }
    }

    /// The series as `columns` values that together cover the first `span_s` seconds; `None` where nothing has been
    /// counted yet. A column between two measurements repeats the earlier one.
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
                last = slices.iter().fold(Slice::default(), |sum, slice| sum.and(*slice)).per_s().or(last);
                last
            })
            .collect()
    }

    /// The largest rate of a slice. One that is hardly begun does not count, unless there is no other.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        let whole = self.slices.iter().filter(|slice| slice.covered_s >= self.slice_s / 2.0);
        let peak = whole.filter_map(|slice| slice.per_s()).reduce(f64::max);
        peak.or_else(|| self.slices.iter().filter_map(|slice| slice.per_s()).reduce(f64::max))
    }

    fn merge(&mut self) {
        self.slice_s *= 2.0;
        self.slices =
            self.slices.chunks(2).map(|pair| pair.iter().fold(Slice::default(), |sum, one| sum.and(*one))).collect();
    }
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

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-6)
    }

    #[test]
    fn columns_cover_the_span_and_stay_empty_where_nothing_is_counted() {
        let mut series = Series::new(0.1);
        for tenth in 0..10 {
            series.push(f64::from(tenth) * 0.1, f64::from(tenth + 1) * 0.1, f64::from(tenth) / 10.0);
        }
        let columns = series.columns(10, 2.0);
        assert!(columns.iter().zip([0.5, 2.5, 4.5, 6.5, 8.5]).all(|(is, should)| close(*is, should)), "{columns:?}");
        assert!(columns[5..].iter().all(Option::is_none));
    }

    #[test]
    fn what_was_counted_is_spread_over_its_time_and_nothing_is_lost() {
        let mut series = Series::new(1.0);
        series.push(0.5, 2.5, 200.0);
        assert_eq!(series.columns(3, 3.0), [Some(100.0); 3]);
        // All at once, and then nothing: no tail.
        let mut burst = Series::new(0.1);
        burst.push(0.0, 0.1, 300.0);
        burst.push(0.1, 1.0, 0.0);
        let columns = burst.columns(10, 1.0);
        assert!(close(columns[0], 3_000.0) && columns[1..].iter().all(|column| close(*column, 0.0)), "{columns:?}");
        assert!(close(burst.peak(), 3_000.0));
    }

    #[test]
    fn a_hole_repeats_the_value_before_it() {
        let mut series = Series::new(1.0);
        series.push(0.0, 1.0, 7.0);
        series.push(3.0, 4.0, 9.0);
        assert_eq!(series.columns(4, 4.0), [Some(7.0), Some(7.0), Some(7.0), Some(9.0)]);
    }

    #[test]
    fn a_long_run_loses_detail_but_neither_its_start_nor_its_peak() {
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
    fn what_is_no_measurement_is_left_out() {
        let mut series = Series::new(0.1);
        series.push(-1.0, 0.0, 1.0);
        series.push(0.0, f64::NAN, 1.0);
        series.push(1.0, 2.0, f64::INFINITY);
        series.push(1.0, 1.0, 5.0);
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
