//! Numbers restricted to a range. A value of these types is always valid.

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};

/// A number outside the range that its setting allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// The number is too small or too large.
    #[error("{what} must be {min} to {max}, not {got}")]
    OutOfRange {
        /// The setting's name.
        what: &'static str,
        /// The smallest allowed value.
        min: u32,
        /// The largest allowed value.
        max: u32,
        /// The rejected number.
        got: u64,
    },
    /// The text is not a number.
    #[error("{what} must be a whole number from {min} to {max}: {source}")]
    NotANumber {
        /// The setting's name.
        what: &'static str,
        /// The smallest allowed value.
        min: u32,
        /// The largest allowed value.
        max: u32,
        /// The parser's error.
        source: ParseIntError,
    },
}

macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident, $what:literal, $min:literal..=$max:literal, default $default:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u64", into = "u32")]
        pub struct $name(u32);

        impl $name {
            /// The smallest allowed value.
            pub const MIN: Self = Self($min);
            /// The largest allowed value.
            pub const MAX: Self = Self($max);

            /// A number known at compile time. A number out of range is a compile error.
            #[must_use]
            #[allow(unused_comparisons, clippy::absurd_extreme_comparisons, reason = "one of the ranges starts at 0")]
            pub const fn of<const VALUE: u32>() -> Self {
                const { assert!($min <= VALUE && VALUE <= $max) };
                Self(VALUE)
            }

            /// Creates a value after checking the range.
            ///
            /// # Errors
            /// [`BoundsError::OutOfRange`], which contains the range.
            pub fn new(value: u64) -> Result<Self, BoundsError> {
                match u32::try_from(value) {
                    Ok(small) if ($min..=$max).contains(&small) => Ok(Self(small)),
                    _ => Err(BoundsError::OutOfRange { what: $what, min: $min, max: $max, got: value }),
                }
            }

            /// The number.
            #[must_use]
            pub fn get(self) -> u32 {
                self.0
            }

            /// The number as `usize`.
            #[must_use]
            pub fn as_usize(self) -> usize {
                self.0 as usize
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self($default)
            }
        }

        impl TryFrom<u64> for $name {
            type Error = BoundsError;

            fn try_from(value: u64) -> Result<Self, BoundsError> {
                Self::new(value)
            }
        }

        impl From<$name> for u32 {
            fn from(value: $name) -> u32 {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = BoundsError;

            fn from_str(text: &str) -> Result<Self, BoundsError> {
                let value = text
                    .parse::<u64>()
                    .map_err(|source| BoundsError::NotANumber { what: $what, min: $min, max: $max, source })?;
                Self::new(value)
            }
        }
    };
}

bounded!(
    /// The number of workers, which handle records in parallel: 1 to 1000.
    Concurrency, "concurrency", 1..=1000, default 6
);
bounded!(
    /// The maximum number of records that a handler gets in one call: 1 to 100,000. Slow handlers get fewer.
    Batch, "batch", 1..=100_000, default 1000
);
bounded!(
    /// The number of partitions of a new topic: 1 to 100.
    PartitionCount, "partitions", 1..=100, default 6
);
bounded!(
    /// The number of datasets of the demo: 1 to 1000.
    DatasetCount, "datasets", 1..=1000, default 10
);
bounded!(
    /// The number of events that the demo produces: 0 to 10,000,000. The embedded broker may hold fewer.
    EventCount, "events", 0..=10_000_000, default 10_000
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_range_error_contains_the_range() {
        let error = Concurrency::new(1001).unwrap_err();
        assert_eq!(error.to_string(), "concurrency must be 1 to 1000, not 1001");
        assert!("0".parse::<Batch>().is_err());
        assert!("six".parse::<Concurrency>().unwrap_err().to_string().contains("whole number from 1 to 1000"));
    }

    #[test]
    fn range_is_checked_when_deserialising() {
        assert!(serde_json::from_str::<Concurrency>("0").is_err());
        assert_eq!(serde_json::from_str::<Concurrency>("1000").unwrap().get(), 1000);
    }
}
