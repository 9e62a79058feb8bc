//! Limits on a run that the user has set.

use serde::{Deserialize, Serialize};

use crate::domain::RateLimit;

/// The limits on a run that the user has set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitsView {
    /// Whether kreplay adjusts the number of workers automatically.
    pub adaptive: bool,
    /// Whether the run has one worker and one lane.
    pub single_threaded: bool,
    /// The throttle, if any.
    pub rate: Option<RateLimit>,
    /// The lag guard, if any.
    pub guard: Option<GuardView>,
}

/// The state of the lag guard, which protects another consumer group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GuardView {
    /// The protected group's id.
    pub group: String,
    /// The group's lag at the last lookup; `None` if unknown.
    pub lag: Option<u64>,
    /// The partition with the largest lag, such as `orders-3`.
    #[serde(default)]
    pub partition: Option<String>,
    /// The lag of that partition.
    #[serde(default)]
    pub partition_lag: Option<u64>,
    /// The run slows down above this lag.
    pub max_lag: u64,
    /// The records per second currently allowed: `None` is unlimited, 0 pauses the run.
    pub records_per_s: Option<f64>,
}
