//! Advice: how much faster a run would be if one limit were lifted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A limit that is lifted alone, with everything else unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiftedLimit {
    /// The run has twice the workers.
    TwiceTheWorkers,
    /// Records are handled in any order.
    NoOrdering,
    /// The heaviest key is split into four keys with a quarter of its records each.
    KeySplitFourWays,
    /// Commits take no time.
    FreeCommits,
    /// Records are read before workers ask for them.
    InstantReading,
    /// There is neither a rate limit nor a lag guard.
    NoRateLimit,
    /// Each partition is split into two with half of its records.
    TwiceThePartitions,
}

/// What lifting one limit would gain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhatIf {
    /// The limit.
    #[serde(rename = "change")]
    pub lifted: LiftedLimit,
    /// The key concerned, if known. External data: views must escape it.
    pub key: Option<String>,
    /// The time of the run ÷ its time without the limit; at most [`WhatIf::MAX_SPEEDUP`].
    pub speedup: f64,
    /// The difference between these times, in seconds.
    pub seconds_saved: f64,
}

impl WhatIf {
    /// Higher speed-ups are not predicted: what is left of the run is then shorter than what the model leaves out.
    pub const MAX_SPEEDUP: f64 = 100.0;

    /// Several of them in one line: `twice the workers: 1.90×; no ordering: 1.05×`.
    #[must_use]
    pub fn line(advice: &[Self]) -> String {
        advice.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.lifted, &self.key) {
            (LiftedLimit::TwiceTheWorkers, _) => f.write_str("twice the workers"),
            (LiftedLimit::NoOrdering, _) => f.write_str("no ordering"),
            (LiftedLimit::KeySplitFourWays, Some(key)) => write!(f, "key {key} split four ways"),
            (LiftedLimit::KeySplitFourWays, None) => f.write_str("the heaviest key split four ways"),
            (LiftedLimit::FreeCommits, _) => f.write_str("commits that take no time"),
            (LiftedLimit::InstantReading, _) => f.write_str("reading without delay"),
            (LiftedLimit::NoRateLimit, _) => f.write_str("no rate limit"),
            (LiftedLimit::TwiceThePartitions, _) => f.write_str("twice the partitions"),
        }?;
        write!(f, ": {:.2}×", self.speedup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_one_line_with_the_name_of_the_key() {
        let one = |lifted, key: Option<&str>, speedup| WhatIf {
            lifted,
            key: key.map(str::to_owned),
            speedup,
            seconds_saved: 1.0,
        };
        let advice =
            [one(LiftedLimit::KeySplitFourWays, Some("user-17"), 1.9), one(LiftedLimit::TwiceTheWorkers, None, 1.034)];
        assert_eq!(WhatIf::line(&advice), "key user-17 split four ways: 1.90×; twice the workers: 1.03×");
        let json = serde_json::to_string(&advice[1]).unwrap();
        assert_eq!(json, r#"{"change":"twice_the_workers","key":null,"speedup":1.034,"seconds_saved":1.0}"#);
    }
}
