//! What only Kafka Streams groups have: subtopologies and tasks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The topology of a Kafka Streams group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamsView {
    /// Its parts, sorted by id. `None` while the coordinator cannot build them: before a member has sent the topology,
    /// or while `not_ready` has the reason.
    pub subtopologies: Option<Vec<SubtopologyView>>,
    /// Why the group is not ready to process records; `None` if it is.
    pub not_ready: Option<String>,
}

/// A part of a topology. It has a task for each partition of the largest topic that it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtopologyView {
    /// Its name within the topology.
    pub id: String,
    /// The topics of the application that it reads.
    pub source_topics: Vec<String>,
    /// The internal topics that it reads, written by other parts.
    pub repartition_topics: Vec<String>,
    /// The internal topics that keep its state.
    pub changelog_topics: Vec<String>,
}

/// A task: a subtopology and a partition. It is displayed as Kafka Streams does: `0_3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamsTask {
    /// The id of the subtopology.
    pub subtopology: String,
    /// The partition.
    pub partition: i32,
}

impl fmt::Display for StreamsTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.subtopology, self.partition)
    }
}

/// Tasks by what a member does with them, each list sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamsTasks {
    /// Tasks that process records.
    pub active: Vec<StreamsTask>,
    /// Tasks that keep a copy of the state.
    pub standby: Vec<StreamsTask>,
    /// Tasks that build a copy of the state in order to become active.
    pub warm_up: Vec<StreamsTask>,
}

/// The tasks of a member of a Kafka Streams group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberTasks {
    /// Those that it has.
    pub current: StreamsTasks,
    /// Those of its target assignment.
    pub target: StreamsTasks,
}
