//! Whether records keep their timestamps where they are written again.

use std::{fmt, str::FromStr};

/// A record with the timestamp 0 cannot be sent as it is.
pub(super) const ZERO_TIMESTAMP: &str = "its timestamp is 0 (1970-01-01T00:00:00Z), which librdkafka cannot write: it would \
                                         become the time of writing";

/// Which timestamps records get where they are written again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// Those they have. Retention goes by them, and a topic may refuse what is too old or in the future.
    #[default]
    Own,
    /// The time of writing.
    Now,
}

impl Timestamps {
    /// What a producer is to write for a record's timestamp in milliseconds since 1970, -1 where it has none.
    ///
    /// # Errors
    /// It cannot be kept; in one sentence.
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
            other => Err(format!("`{other}` is neither own nor now")),
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
    fn every_timestamp_but_zero_can_be_kept() {
        assert_eq!([-1, 1, i64::MAX].map(|at| Timestamps::Own.of(at)), [Ok(Some(-1)), Ok(Some(1)), Ok(Some(i64::MAX))]);
        assert!(Timestamps::Own.of(0).is_err_and(|text| text.contains("timestamp is 0")));
        assert_eq!([0, 7].map(|at| Timestamps::Now.of(at)), [Ok(None), Ok(None)]);
        for text in ["own", "now"] {
            assert_eq!(text.parse::<Timestamps>().unwrap().to_string(), text);
        }
        assert!("Own".parse::<Timestamps>().is_err());
    }
}
