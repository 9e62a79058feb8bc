//! The settings of the next run.

use serde::{Deserialize, Serialize};

use crate::domain::{Ordering, RateLimit};

/// The settings of the next run, independent of its topics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextRun {
    /// The number of workers.
    pub concurrency: u32,
    /// Whether kreplay adjusts that number automatically, starting from `concurrency`.
    #[serde(default)]
    pub adaptive: bool,
    /// The throttle, if any.
    #[serde(default)]
    pub rate: Option<RateLimit>,
    /// The ordering.
    pub ordering: Ordering,
    /// The handler.
    pub handler: String,
    /// The range, the key template, and the filter, in words.
    #[serde(default)]
    pub selection: String,
    /// The consumer group, if any.
    pub group: Option<String>,
}
