//! Figures of groups and partitions: totals of lag, times, rates.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::TopicPartition;

/// The lag of a group over its partitions. Abandoned partitions are not included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LagTotals {
    /// The sum of the known lags, in offsets; `None` if no lag is known. With `unknown_partitions` it is a partial sum.
    pub total: Option<i64>,
    /// The largest lag of a partition.
    pub max: Option<i64>,
    /// The partition with the largest lag.
    pub max_partition: Option<TopicPartition>,
    /// The mean of the known lags.
    pub mean: Option<f64>,
    /// The number of partitions whose lag is not known.
    pub unknown_partitions: u64,
    /// The sum of `readable`. It and the three parts below are known if they are known for each partition with a known
    /// lag; then `total = lost + readable + held_back - ahead`.
    pub readable: Option<u64>,
    /// The sum of `lost`.
    pub lost: Option<u64>,
    /// The sum of `held_back`.
    pub held_back: Option<u64>,
    /// The sum of `ahead`.
    pub ahead: Option<u64>,
    /// The sum of the known lags of abandoned partitions.
    pub abandoned: Option<i64>,
    /// How far the group is.
    pub progress: Progress,
}

/// How far a group is, as fractions. `None` where the denominator is 0 or a part is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The consumed part of the log: (max(committed, log start) - log start) / (end - log start).
    pub log: Option<f64>,
    /// The part consumed since the watch began: (committed - first) / (end - first), where `first` is the first
    /// committed offset that was seen.
    pub watch: Option<f64>,
}

/// A duration with its bounds, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondsRange {
    /// The best single value. It is within the bounds.
    pub value: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl SecondsRange {
    /// A value without an error.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }
}

/// How well the time of the first unread record is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeExactness {
    /// The broker named the time of that record.
    Exact,
    /// The time lies within the bounds.
    Bracket,
    /// Timestamps are not in order in this partition: the age is at least the value.
    AtLeast,
    /// The record's time is in the future: the producer's clock is ahead. The age is shown as 0.
    ClockAhead,
}

/// Whether a group catches up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EtaVerdict {
    /// It does, in `value_s`.
    #[serde(rename = "known")]
    Known,
    /// It does not at the present rates.
    #[serde(rename = "never")]
    Never,
    /// Too few commits were seen.
    #[default]
    #[serde(rename = "not known yet")]
    NotKnownYet,
    /// Nothing is left to read.
    #[serde(rename = "done")]
    Done,
}

/// Why a group cannot catch up, however fast it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EtaBlock {
    /// A transaction that does not end holds the last stable offset.
    Wedged,
    /// A committed offset is beyond the end of the log.
    Ahead,
}

impl fmt::Display for EtaBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Wedged => "wedged",
            Self::Ahead => "ahead of the log",
        })
    }
}

/// When a group will have caught up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EtaView {
    /// Seconds until the slowest owner has caught up.
    pub value_s: Option<f64>,
    /// The 10th percentile.
    pub low_s: Option<f64>,
    /// The 90th percentile; `None` with a known value means that more than a tenth of the simulated drains do not end.
    pub high_s: Option<f64>,
    /// Whether the group catches up.
    pub verdict: EtaVerdict,
    /// Why it cannot catch up in the partition that `slowest` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<EtaBlock>,
    /// Seconds it would take if the owners shared the work evenly. The difference to `value_s` is the cost of skew.
    pub shared_evenly_s: Option<f64>,
    /// The fraction of simulated drains that do not end within 30 days.
    pub never_share: Option<f64>,
    /// The number of commits seen of the owner with the fewest, while the time is not known yet.
    pub commits_seen: Option<u32>,
    /// The number of commits needed.
    pub commits_needed: u32,
    /// The owner that takes longest: a member's name, or a partition without owner.
    pub slowest: Option<String>,
}

/// Rates in offsets per second over the last minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RatesView {
    /// Growth of the log.
    pub in_per_s: Option<f64>,
    /// Growth of the committed offsets.
    pub out_per_s: Option<f64>,
    /// The same over other windows, the shortest first. Empty on the rows of partitions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<RateWindow>,
}

/// Rates over one window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateWindow {
    /// The length of the window in seconds.
    pub seconds: u32,
    /// Growth of the log per second.
    pub in_per_s: Option<f64>,
    /// Growth of the committed offsets per second.
    pub out_per_s: Option<f64>,
}

/// Whether a lag grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// It grows.
    Growing,
    /// It shrinks.
    Shrinking,
    /// It does neither.
    Steady,
    /// Too few looks were made.
    #[default]
    Unclear,
}
