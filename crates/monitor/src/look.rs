//! The input: one observation of a cluster.
//!
//! Each item is an [`Answer`]: not requested, failed for a reason, or known as of a time. Offsets are requested in this
//! order: committed offsets first; then, after the last of those answers, log start, last stable offset and end of each
//! partition. A lag computed from them is at most too large, by what arrived between the answers.

mod answer;
mod group;
mod partition;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{GroupState, GroupType};

pub use answer::Answer;
pub use group::{Commit, CommitAnswer, Description, GroupLook, Member, Protocol};
pub use partition::{MarkerProbe, PartitionLook, RecordAt, TimeAnswer, TopicId, TopicLook};

/// One observation of a cluster.
#[derive(Clone, Debug)]
pub struct Look {
    /// When the last answer arrived.
    pub at: DateTime<Utc>,
    /// The name of the cluster.
    pub cluster: String,
    /// All groups of the cluster.
    pub listing: Answer<Vec<ListedGroup>>,
    /// The groups that were described in this look.
    pub groups: BTreeMap<Arc<str>, GroupLook>,
    /// The partitions whose offsets were looked up.
    pub partitions: BTreeMap<TopicPartition, PartitionLook>,
    /// The topics whose partitions and settings were looked up.
    pub topics: BTreeMap<Arc<str>, TopicLook>,
    /// `offsets.retention.minutes` of the brokers, in minutes.
    pub offsets_retention_minutes: Answer<u64>,
    /// Answers to the time queries that the previous observation wanted.
    pub time_answers: Vec<(TopicPartition, TimeAnswer)>,
    /// Answers to the probes that the previous observation wanted.
    pub marker_probes: Vec<(TopicPartition, MarkerProbe)>,
}

impl Look {
    /// A look at which nothing was requested.
    #[must_use]
    pub fn empty(at: DateTime<Utc>, cluster: impl Into<String>) -> Self {
        Self {
            at,
            cluster: cluster.into(),
            listing: Answer::NotAsked,
            groups: BTreeMap::new(),
            partitions: BTreeMap::new(),
            topics: BTreeMap::new(),
            offsets_retention_minutes: Answer::NotAsked,
            time_answers: Vec::new(),
            marker_probes: Vec::new(),
        }
    }
}

/// A group in the list of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its name.
    pub group: Arc<str>,
    /// Its type.
    pub group_type: GroupType,
    /// Its protocol type; empty if it has no members.
    pub protocol: String,
    /// Its state; `None` if the broker is too old to report it.
    pub state: Option<GroupState>,
}
