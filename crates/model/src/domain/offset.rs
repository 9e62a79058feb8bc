//! Offsets and lag as separate types, so that they cannot be confused with counts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A record's offset in its partition: 0 or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(i64);

impl Offset {
    /// The smallest offset.
    pub const ZERO: Self = Self(0);

    /// Returns `None` for negative numbers: those are Kafka's logical offsets ("end", "stored"), which are not
    /// positions in a log.
    #[must_use]
    #[inline]
    pub fn new(raw: i64) -> Option<Self> {
        (raw >= 0).then_some(Self(raw))
    }

    /// The offset as a number.
    #[must_use]
    #[inline]
    pub fn get(self) -> i64 {
        self.0
    }

    /// The next offset; saturates at the maximum.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number of offsets from `start` (inclusive) to this one (exclusive); 0 if `start` is greater.
    #[must_use]
    pub fn since(self, start: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(start.0)).unwrap_or(0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The distance in offsets from a position to the end of the records to read; never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lag {
    /// The position or the end is not known yet.
    #[default]
    Unknown,
    /// The distance in offsets.
    Known(u64),
}

impl Lag {
    /// The distance from `position` to `end`.
    #[must_use]
    pub fn between(position: Offset, end: Offset) -> Self {
        Self::Known(end.since(position))
    }

    /// The number of offsets, if known.
    #[must_use]
    pub fn known(self) -> Option<u64> {
        match self {
            Self::Known(lag) => Some(lag),
            Self::Unknown => None,
        }
    }
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(lag) => lag.fmt(f),
            Self::Unknown => f.write_str("?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logical_offsets_are_rejected() {
        assert_eq!(Offset::new(-1), None);
        assert_eq!(Offset::new(7).map(Offset::get), Some(7));
    }

    #[test]
    fn lag_is_never_negative() {
        let (low, high) = (Offset(3), Offset(10));
        assert_eq!(Lag::between(low, high), Lag::Known(7));
        assert_eq!(Lag::between(high, low), Lag::Known(0));
        assert_eq!(Lag::Unknown.to_string(), "?");
    }
}
