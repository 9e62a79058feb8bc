//! How the next run will go, before anybody has started it.

use serde::{Deserialize, Serialize};

use crate::domain::Ordering;

/// How the next run will go, whichever topics it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextRun {
    /// How many workers.
    pub concurrency: u32,
    /// What keeps its order.
    pub ordering: Ordering,
    /// What is done with the records.
    pub handler: String,
    /// The consumer group, where it will have one.
    pub group: Option<String>,
}
