//! Time in columns of equal length, for screens that draw it from left to right.

use kreplay_model::timeline::{Moment, TimeRange};

/// The lengths that a column can have, in milliseconds. They are multiples of the lengths of the timeline's cells, so
/// that a cell is in one column.
pub const COLUMN_LENGTHS_MS: [i64; 19] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000,
    3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000,
];

/// The columns that a screen shows. Columns are numbered since 1970. The moment at which a column ends belongs to it,
/// because a measurement describes the time up to its own moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeColumns {
    first: i64,
    count: usize,
    length_ms: i64,
}

impl TimeColumns {
    /// Columns of which the last one has a moment. Their number is at least 1, and their length at least a millisecond.
    #[must_use]
    pub fn ending_with(at: Moment, count: usize, length_ms: i64) -> Self {
        let (count, length_ms) = (count.max(1), length_ms.max(1));
        let last = number(at, length_ms);
        Self { first: last.saturating_sub(signed(count)).saturating_add(1), count, length_ms }
    }

    /// The same number of columns of the same length, moved as little as possible so that one of them has a moment.
    #[must_use]
    pub fn showing(self, at: Moment) -> Self {
        let number = number(at, self.length_ms);
        let last = self.first.saturating_add(signed(self.count)).saturating_sub(1);
        let first =
            if number < self.first { number } else { self.first.saturating_add(number.saturating_sub(last).max(0)) };
        Self { first, ..self }
    }

    /// The shortest length with which `count` columns show a range.
    #[must_use]
    pub fn length_for(range: TimeRange, count: usize) -> i64 {
        let fits = |length_ms: &i64| Self::ending_with(range.to(), count, *length_ms).range().from() <= range.from();
        let longest = COLUMN_LENGTHS_MS.last().copied().unwrap_or(1);
        COLUMN_LENGTHS_MS.into_iter().find(fits).unwrap_or_else(|| {
            // Years: whole multiples of the longest one.
            let share = range.ms() / signed(count.saturating_sub(1).max(1));
            (share / longest).saturating_add(1).saturating_mul(longest)
        })
    }

    /// The number of columns.
    #[must_use]
    pub fn count(self) -> usize {
        self.count
    }

    /// The length of a column in milliseconds.
    #[must_use]
    pub fn length_ms(self) -> i64 {
        self.length_ms
    }

    /// The time of all columns.
    #[must_use]
    pub fn range(self) -> TimeRange {
        let from = self.first.saturating_mul(self.length_ms);
        let ms = signed(self.count).saturating_mul(self.length_ms);
        TimeRange::new(Moment::from_ms(from), Moment::from_ms(from.saturating_add(ms)))
    }

    /// The time of a column.
    #[must_use]
    pub fn column(self, index: usize) -> TimeRange {
        let from = self.first.saturating_add(signed(index)).saturating_mul(self.length_ms);
        TimeRange::new(Moment::from_ms(from), Moment::from_ms(from.saturating_add(self.length_ms)))
    }

    /// The column of a moment, if it is one of them.
    #[must_use]
    pub fn index_of(self, at: Moment) -> Option<usize> {
        let index = number(at, self.length_ms).checked_sub(self.first)?;
        usize::try_from(index).ok().filter(|index| *index < self.count)
    }

    /// The end of the column that is `by` columns after that of a moment, or before it if negative.
    #[must_use]
    pub fn step(self, at: Moment, by: i64) -> Moment {
        let number = number(at, self.length_ms).saturating_add(by);
        Moment::from_ms(number.saturating_add(1).saturating_mul(self.length_ms))
    }
}

/// The number of the column of a moment.
fn number(at: Moment, length_ms: i64) -> i64 {
    at.ms().saturating_sub(1).div_euclid(length_ms)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moment() -> impl Strategy<Value = Moment> {
        (0..4_000_000_000_000_i64).prop_map(Moment::from_ms)
    }

    fn length() -> impl Strategy<Value = i64> {
        prop::sample::select(COLUMN_LENGTHS_MS.to_vec())
    }

    proptest! {
        #[test]
        fn a_moment_is_in_the_column_that_ends_with_it_or_later(
            (end, count, length_ms) in (moment(), 1..300_usize, length()),
            back_ms in 0..1_000_000_i64,
        ) {
            let columns = TimeColumns::ending_with(end, count, length_ms);
            prop_assert_eq!(columns.index_of(end), Some(count - 1));
            let at = end.plus_ms(-back_ms);
            match columns.index_of(at) {
                Some(index) => {
                    let column = columns.column(index);
                    prop_assert!(column.from() < at && at <= column.to());
                }
                None => prop_assert!(at <= columns.range().from()),
            }
        }

        #[test]
        fn columns_move_only_as_far_as_needed(
            (end, at, count, length_ms) in (moment(), moment(), 1..300_usize, length()),
        ) {
            let columns = TimeColumns::ending_with(end, count, length_ms);
            let moved = columns.showing(at);
            let index = moved.index_of(at).unwrap();
            match columns.index_of(at) {
                Some(_) => prop_assert_eq!(moved, columns),
                None => prop_assert!(index == 0 || index == count - 1),
            }
        }

        #[test]
        fn a_range_fits_into_the_columns_of_its_length(
            (from, ms, count) in (moment(), 0..100_000_000_000_i64, 2..300_usize),
        ) {
            let range = TimeRange::new(from, from.plus_ms(ms));
            let length_ms = TimeColumns::length_for(range, count);
            let columns = TimeColumns::ending_with(range.to(), count, length_ms);
            prop_assert!(columns.range().from() <= range.from());
        }

        #[test]
        fn steps_forth_and_back_return(at in moment(), length_ms in length(), by in 1..50_i64) {
            let columns = TimeColumns::ending_with(at, 10, length_ms);
            let there = columns.step(at, by);
            prop_assert_eq!(columns.step(there, -by), columns.step(at, 0));
        }
    }
}
