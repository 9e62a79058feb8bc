//! The cluster that a session talks to, and the topics it offers.

use serde::{Deserialize, Serialize};

/// Which cluster a session talks to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterView {
    /// The bootstrap servers as the user gave them.
    pub bootstrap: String,
    /// Whether it is the broker that kreplay carries with it.
    pub embedded: bool,
    /// Whether the brokers answer at present.
    pub reachable: bool,
}

/// A topic that can be replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicView {
    /// Its name, as the cluster gave it.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// How many offsets its logs hold, an upper bound of the records; `None` where that is not known, or not yet.
    pub records: Option<u64>,
}
