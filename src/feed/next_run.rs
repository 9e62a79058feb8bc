//! How the next run will go, before anybody has started it.

use serde::{Deserialize, Serialize};

use crate::domain::{Ordering, RateLimit};

/// How the next run will go, whichever topics it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextRun {
    /// How many workers.
    pub concurrency: u32,
    /// kreplay finds that number by itself, and begins with this one.
    #[serde(default)]
    pub adaptive: bool,
    /// The most that is handed out in a second.
    #[serde(default)]
    pub rate: Option<RateLimit>,
    /// What keeps its order.
    pub ordering: Ordering,
    /// What is done with the records.
    pub handler: String,
    /// What of the topics is read, in words: the range, the key template and the filter.
    #[serde(default)]
    pub selection: String,
    /// The consumer group, where it will have one.
    pub group: Option<String>,
}
