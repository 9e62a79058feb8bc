//! Bounded series of offsets over time.

/// Points that a series keeps. At one look in 2 s this is more than 3 min; older points are thinned out.
pub const MAX_POINTS: usize = 96;

/// How far a time may lie before the last one without being the sign of a clock that was set back, in milliseconds.
///
/// Corrections of clocks are mostly slewed: the clock runs slower, and never goes back. What remains are small steps,
/// after which the clock soon reaches the time that it had; to begin again would cost minutes of observations.
pub const MAX_STEP_BACK_MS: i64 = 5_000;

/// Whether the clock was set back between two times: what was observed before cannot be compared with what follows.
pub(crate) fn is_set_back(before_ms: i64, at_ms: i64) -> bool {
    before_ms.saturating_sub(at_ms) > MAX_STEP_BACK_MS
}

/// An offset at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The offset.
    pub offset: i64,
}

/// What a new offset means for a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is the first one, the same, or larger.
    Forward,
    /// It is smaller: the series was cut and begins again here.
    Back {
        /// The offset before.
        from: i64,
    },
}

/// The points at which an offset changed, and the time until which it is known not to have changed since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    points: Vec<Point>,
    /// When the offset was seen last.
    seen_ms: Option<i64>,
    /// When the offset was seen for the first time since the last cut, or since the clock was set back.
    began_ms: Option<i64>,
    /// Whether the first point is a change: the time of the first offset of a series is not that of its commit.
    first_is_change: bool,
}

impl Series {
    /// Adds an offset. Times that go back are ignored; if they go back by more than [`MAX_STEP_BACK_MS`], the series
    /// begins again.
    pub fn add(&mut self, at_ms: i64, offset: i64) -> Change {
        let is_set_back = self.is_set_back(at_ms);
        if !is_set_back && self.seen_ms.is_some_and(|seen| at_ms < seen) {
            return Change::Forward;
        }
        self.seen_ms = Some(at_ms);
        let Some(last) = self.points.last().copied() else {
            self.restart(at_ms, offset, false);
            return Change::Forward;
        };
        if offset < last.offset {
            self.restart(at_ms, offset, true);
            return Change::Back { from: last.offset };
        }
        if is_set_back {
            self.restart(at_ms, offset, offset > last.offset);
        } else if offset > last.offset {
            self.points.push(Point { at_ms, offset });
            if self.points.len() > MAX_POINTS {
                self.thin_out();
            }
        }
        Change::Forward
    }

    /// Takes an offset that is no change: the points before are moved by the difference to the last one, so that rates
    /// and intervals remain those of the changes. Returns the difference. Times that go back are treated as by
    /// [`Series::add`].
    pub fn move_to(&mut self, at_ms: i64, offset: i64) -> i64 {
        let is_set_back = self.is_set_back(at_ms);
        if !is_set_back && self.seen_ms.is_some_and(|seen| at_ms < seen) {
            return 0;
        }
        self.seen_ms = Some(at_ms);
        let Some(last) = self.last() else {
            self.restart(at_ms, offset, false);
            return 0;
        };
        let difference = offset.saturating_sub(last);
        if is_set_back {
            self.restart(at_ms, offset, false);
            return difference;
        }
        for point in &mut self.points {
            point.offset = point.offset.saturating_add(difference);
        }
        difference
    }

    fn is_set_back(&self, at_ms: i64) -> bool {
        self.seen_ms.is_some_and(|seen| is_set_back(seen, at_ms))
    }

    fn restart(&mut self, at_ms: i64, offset: i64, first_is_change: bool) {
        self.points.clear();
        self.points.push(Point { at_ms, offset });
        self.began_ms = Some(at_ms);
        self.first_is_change = first_is_change;
    }

    /// Drops every second point of the older half, except the first.
    fn thin_out(&mut self) {
        let half = self.points.len() / 2;
        let mut index = 0;
        self.points.retain(|_| {
            index += 1;
            index > half || index % 2 == 1
        });
    }

    /// The points at which the offset changed, the oldest first.
    #[must_use]
    pub fn changes(&self) -> &[Point] {
        let skip = usize::from(!self.first_is_change);
        self.points.get(skip..).unwrap_or_default()
    }

    /// All points: the first offset, and the changes.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The last offset.
    #[must_use]
    pub fn last(&self) -> Option<i64> {
        self.points.last().map(|point| point.offset)
    }

    /// When the last change was seen; `None` if there was none.
    #[must_use]
    pub fn last_change_ms(&self) -> Option<i64> {
        self.changes().last().map(|point| point.at_ms)
    }

    /// When the offset was seen last.
    #[must_use]
    pub fn seen_ms(&self) -> Option<i64> {
        self.seen_ms
    }

    /// When the series began, or began again after an offset or the clock went back.
    #[must_use]
    pub fn began_ms(&self) -> Option<i64> {
        self.began_ms
    }

    /// The offset at a time, taken between the nearest changes in proportion; the last one afterwards. `None` before
    /// the first point.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "rates need no more than 53 bits")]
    pub fn interpolated(&self, at_ms: i64) -> Option<f64> {
        let next = self.points.partition_point(|point| point.at_ms <= at_ms);
        let before = self.points.get(next.checked_sub(1)?)?;
        let Some(after) = self.points.get(next) else { return Some(before.offset as f64) };
        let part = (at_ms - before.at_ms) as f64 / (after.at_ms - before.at_ms) as f64;
        Some(before.offset as f64 + part * (after.offset - before.offset) as f64)
    }

    /// The median time between changes in milliseconds; `None` with fewer than two changes. Older points are thinned
    /// out, so that only the younger half counts.
    #[must_use]
    pub fn median_interval_ms(&self) -> Option<i64> {
        let changes = self.changes();
        let young = changes.get(changes.len().saturating_sub(MAX_POINTS / 2)..)?;
        let mut intervals: Vec<i64> = young.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms).collect();
        intervals.sort_unstable();
        intervals.get(intervals.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::float_cmp,
        reason = "small numbers in tests"
    )]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_series_is_bounded_ordered_and_ends_with_the_last_offset(steps in proptest::collection::vec((1..5_000_i64, -3..40_i64), 1..400)) {
            let mut series = Series::default();
            let (mut at, mut offset) = (0, 1_000);
            for (wait, step) in steps {
                at += wait;
                let before = offset;
                offset += step;
                let change = series.add(at, offset);
                prop_assert_eq!(change != Change::Forward, at > wait && offset < before);
                prop_assert_eq!(series.last(), Some(offset));
                prop_assert!(series.points().len() <= MAX_POINTS);
                prop_assert!(series.points().windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms && pair[0].offset < pair[1].offset));
            }
        }
    }

    #[test]
    fn the_first_offset_is_no_change_but_one_that_went_back_is() {
        let mut series = Series::default();
        series.add(0, 10);
        assert_eq!((series.changes().len(), series.last_change_ms()), (0, None));
        series.add(5, 12);
        assert_eq!(series.last_change_ms(), Some(5));
        assert_eq!(series.add(7, 3), Change::Back { from: 12 });
        assert_eq!((series.changes().len(), series.last_change_ms(), series.began_ms()), (1, Some(7), Some(7)));
    }

    #[test]
    fn a_series_begins_again_after_the_clock_was_set_back() {
        let hour = 3_600_000;
        let mut series = Series::default();
        for (at, offset) in [(hour, 10), (hour + 2_000, 20), (hour + 4_000, 30)] {
            series.add(at, offset);
        }
        let before = series.clone();
        assert_eq!(series.add(hour + 4_000 - MAX_STEP_BACK_MS, 40), Change::Forward);
        assert_eq!(series, before, "a small step is waited for");
        assert_eq!(series.add(6_000, 40), Change::Forward);
        assert_eq!((series.began_ms(), series.seen_ms(), series.last()), (Some(6_000), Some(6_000), Some(40)));
        assert_eq!(series.changes(), [Point { at_ms: 6_000, offset: 40 }], "it has changed since the last look");
        series.add(8_000, 50);
        let growth = series.interpolated(8_000).unwrap() - series.interpolated(6_000).unwrap();
        assert_eq!((growth, series.last_change_ms()), (10.0, Some(8_000)));
        // An offset that has not changed, one that was changed from outside, and one that went back.
        for (offset, changes) in [(30, 0), (25, 1)] {
            let mut series = before.clone();
            let change = if offset < 30 { Change::Back { from: 30 } } else { Change::Forward };
            assert_eq!((series.add(6_000, offset), series.changes().len()), (change, changes));
            let mut series = before.clone();
            assert_eq!((series.move_to(6_000, offset), series.changes().len()), (offset - 30, 0));
            assert_eq!((series.began_ms(), series.last()), (Some(6_000), Some(offset)));
        }
    }

    #[test]
    fn an_offset_that_is_no_change_leaves_changes_and_growth_as_they_were() {
        let mut series = Series::default();
        for (at, offset) in [(0, 10), (5_000, 60), (10_000, 110)] {
            series.add(at, offset);
        }
        let growth = |series: &Series| series.interpolated(8_000).unwrap() - series.interpolated(2_000).unwrap();
        let before = (growth(&series), series.last_change_ms(), series.median_interval_ms());
        assert_eq!((series.move_to(12_000, 30), series.last(), series.seen_ms()), (-80, Some(30), Some(12_000)));
        assert_eq!((growth(&series), series.last_change_ms(), series.median_interval_ms()), before);
        assert_eq!(series.add(13_000, 31), Change::Forward);
        assert_eq!(series.last_change_ms(), Some(13_000));
    }

    #[test]
    fn offsets_between_changes_are_interpolated() {
        let mut series = Series::default();
        for (at, offset) in [(0, 0), (10, 100), (15, 100), (20, 100)] {
            series.add(at, offset);
        }
        assert_eq!(series.interpolated(-1), None);
        assert_eq!(series.interpolated(5), Some(50.0));
        assert_eq!(series.interpolated(20), Some(100.0));
    }
}
