//! Timestamps of forwarded records.

use std::{fmt, str::FromStr};

/// Why a record with timestamp 0 cannot be sent unchanged.
pub(super) const ZERO_TIMESTAMP: &str = "its timestamp is 0 (1970-01-01T00:00:00Z), which librdkafka cannot write: it would \
                                         be replaced by the time of writing";

/// Which timestamps forwarded records get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// Their own timestamps. Retention is based on them, and a topic may reject timestamps that are too old or in the
    /// future.
    #[default]
    Own,
    /// The time of writing.
    Now,
}

impl Timestamps {
    /// The timestamp to pass to a producer for a record's timestamp, in milliseconds since 1970, -1 if it has none.
    ///
    /// # Errors
    /// The timestamp cannot be kept; in one sentence.
    pub fn of(self, timestamp_ms: i64) -> Result<Option<i64>, &'static str> {
        match (self, timestamp_ms) {
            (Self::Now, _) => Ok(None),
            (Self::Own, 0) => Err(ZERO_TIMESTAMP),
            (Self::Own, own) => Ok(Some(own)),
        }
    }
}

impl FromStr for Timestamps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "own" => Ok(Self::Own),
            "now" => Ok(Self::Now),
            other => Err(format!("`{other}` is not a timestamp mode; use own or now")),
        }
    }
}

impl fmt::Display for Timestamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Own => "own",
            Self::Now => "now",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_timestamps_except_zero_can_be_kept() {
        assert_eq!([-1, 1, i64::MAX].map(|at| Timestamps::Own.of(at)), [Ok(Some(-1)), Ok(Some(1)), Ok(Some(i64::MAX))]);
        assert!(Timestamps::Own.of(0).is_err_and(|text| text.contains("timestamp is 0")));
        assert_eq!([0, 7].map(|at| Timestamps::Now.of(at)), [Ok(None), Ok(None)]);
        for text in ["own", "now"] {
            assert_eq!(text.parse::<Timestamps>().unwrap().to_string(), text);
        }
        assert!("Own".parse::<Timestamps>().is_err());
    }
}
