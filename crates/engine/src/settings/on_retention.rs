//! What happens to records that retention deletes first.

use std::{fmt, str::FromStr};

/// What happens if retention deletes records before they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRetention {
    /// The partition fails. The run fails when the other partitions are at their end.
    #[default]
    Fail,
    /// The partition continues with the first record that still exists; the gap is counted.
    Earliest,
    /// The run pauses. When it is resumed, it checks again.
    Pause,
}

impl fmt::Display for OnRetention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fail => "fail",
            Self::Earliest => "earliest",
            Self::Pause => "pause",
        })
    }
}

impl FromStr for OnRetention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fail" => Ok(Self::Fail),
            "earliest" => Ok(Self::Earliest),
            "pause" => Ok(Self::Pause),
            other => Err(format!("`{other}` is not a retention policy; use fail, earliest or pause")),
        }
    }
}
