//! What holds a run back by somebody's will.

use serde::{Deserialize, Serialize};

use crate::domain::RateLimit;

/// What holds a run back by somebody's will, and who chooses the number of workers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitsView {
    /// kreplay finds the number of workers by itself.
    pub adaptive: bool,
    /// One worker and one lane.
    pub single_threaded: bool,
    /// The most that is handed out in a second.
    pub rate: Option<RateLimit>,
    /// Another group that must not suffer.
    pub guard: Option<GuardView>,
}

/// Another group that must not suffer from the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GuardView {
    /// Its id.
    pub group: String,
    /// Its lag when it was last looked up; `None` where that is not known.
    pub lag: Option<u64>,
    /// The partition with the largest part of it, such as `orders-3`.
    #[serde(default)]
    pub partition: Option<String>,
    /// What that partition has of it.
    #[serde(default)]
    pub partition_lag: Option<u64>,
    /// Above this the run slows down.
    pub max_lag: u64,
    /// What that allows in a second: `None` does not hold the run back, 0 is a stop.
    pub records_per_s: Option<f64>,
}
