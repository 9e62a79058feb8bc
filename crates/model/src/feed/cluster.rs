//! The cluster of a session, and its topics.

use serde::{Deserialize, Serialize};

/// The cluster of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterView {
    /// The bootstrap servers, as configured.
    pub bootstrap: String,
    /// Whether it is the broker embedded in kreplay.
    pub embedded: bool,
    /// Whether the brokers currently answer.
    pub reachable: bool,
}

/// A topic that can be replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicView {
    /// Its name, as the cluster reports it.
    pub name: String,
    /// The number of partitions.
    pub partitions: u32,
    /// The number of offsets in its logs, an upper bound of the records; `None` while unknown.
    pub records: Option<u64>,
}
