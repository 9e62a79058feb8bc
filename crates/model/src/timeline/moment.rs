//! Moments and ranges of time.

use chrono::{DateTime, Utc};

/// A moment in whole milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// The furthest distance from 1970 in milliseconds, about 140,000 years. Sums of times do not overflow.
    const MAX_MS: i64 = 1 << 52;

    /// The moment this many milliseconds after 1970. Moments beyond the bounds become the bound.
    #[must_use]
    pub fn from_ms(ms: i64) -> Self {
        Self(ms.clamp(-Self::MAX_MS, Self::MAX_MS))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn ms(self) -> i64 {
        self.0
    }

    /// The moment this many milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self::from_ms(self.0.saturating_add(ms))
    }

    /// The moment this many seconds later; `None` if that is not a finite number.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "a conversion that saturates, and is bounded afterwards")]
    pub fn plus_s(self, seconds: f64) -> Option<Self> {
        seconds.is_finite().then(|| self.plus_ms((seconds * 1000.0).round() as i64))
    }
}

impl From<DateTime<Utc>> for Moment {
    fn from(at: DateTime<Utc>) -> Self {
        Self::from_ms(at.timestamp_millis())
    }
}

/// A range of time: its start belongs to it, its end does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    from: Moment,
    to: Moment,
}

impl TimeRange {
    /// The range between two moments, given in any order.
    #[must_use]
    pub fn new(one: Moment, other: Moment) -> Self {
        Self { from: one.min(other), to: one.max(other) }
    }

    /// Its start.
    #[must_use]
    pub fn from(self) -> Moment {
        self.from
    }

    /// Its end.
    #[must_use]
    pub fn to(self) -> Moment {
        self.to
    }

    /// Its length in milliseconds.
    #[must_use]
    pub fn ms(self) -> i64 {
        self.to.0 - self.from.0
    }

    /// Whether a moment belongs to it.
    #[must_use]
    pub fn contains(self, at: Moment) -> bool {
        self.from <= at && at < self.to
    }

    /// Column `index` of `count` columns that cover this range. Columns differ by at most a millisecond in length.
    #[must_use]
    pub fn column(self, index: usize, count: usize) -> Self {
        Self { from: self.border(index, count), to: self.border(index.saturating_add(1), count) }
    }

    /// All of `count` columns that cover this range.
    pub(super) fn columns(self, count: usize) -> Vec<Self> {
        (0..count).map(|index| self.column(index, count)).collect()
    }

    /// The length of one of `count` columns in whole milliseconds.
    pub(super) fn column_ms(self, count: usize) -> i64 {
        self.ms() / i64::try_from(count.max(1)).unwrap_or(i64::MAX)
    }

    fn border(self, index: usize, count: usize) -> Moment {
        let count = i128::try_from(count.max(1)).unwrap_or(i128::MAX);
        let index = i128::try_from(index).unwrap_or(i128::MAX).min(count);
        let ms = i128::from(self.ms()) * index / count;
        self.from.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))
    }
}
