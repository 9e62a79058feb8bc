//! Streams groups (KIP-1071).

use std::collections::BTreeMap;

use kreplay_model::domain::PartitionId;

use super::{AssignmentEpoch, GroupEpoch, GroupState, MemberEpoch, TopologyEpoch};

/// A streams group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsGroup {
    /// The state.
    pub state: GroupState,
    /// The group's epoch.
    pub group_epoch: GroupEpoch,
    /// The epoch of the target assignment.
    pub assignment_epoch: AssignmentEpoch,
    /// The topology; `None` before the first member has sent it.
    pub topology: Option<Topology>,
    /// The members.
    pub members: Vec<StreamsMember>,
}

/// The topology of a streams application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The number of the topology.
    pub epoch: TopologyEpoch,
    /// The parts; `None` if source topics are missing or have unsuitable numbers of partitions.
    pub subtopologies: Option<Vec<Subtopology>>,
}

/// A part of a topology, whose tasks have one partition of each source topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtopology {
    /// The part's name within the topology.
    pub id: String,
    /// The topics that it reads.
    pub source_topics: Vec<String>,
    /// The internal topics that it reads, written by other parts.
    pub repartition_source_topics: Vec<String>,
    /// The internal topics that it writes for other parts.
    pub repartition_sink_topics: Vec<String>,
    /// The internal topics that keep its state.
    pub changelog_topics: Vec<String>,
}

/// A member of a streams group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsMember {
    /// The member's id.
    pub member_id: String,
    /// The epoch that the member has reached.
    pub epoch: MemberEpoch,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// The member's rack.
    pub rack: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The address that the member connects from.
    pub client_host: String,
    /// The topology that the member runs.
    pub topology_epoch: TopologyEpoch,
    /// The process that the member belongs to. A process may have several members.
    pub process_id: String,
    /// The host and port that the application has configured for interactive queries.
    pub user_endpoint: Option<(String, u16)>,
    /// The tags of the member for rack-aware assignment.
    pub client_tags: BTreeMap<String, String>,
    /// How far the member's copies of state are, as sums over the changelogs of a task.
    pub task_offsets: Vec<TaskOffset>,
    /// The ends of the changelogs, in the same form.
    pub task_end_offsets: Vec<TaskOffset>,
    /// The tasks that the member has.
    pub assignment: TaskAssignment,
    /// The tasks that the member will have.
    pub target: TaskAssignment,
    /// Whether the member still uses the classic protocol.
    pub is_classic: bool,
}

/// A task: a subtopology and a partition of its source topics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamsTask {
    /// The subtopology's id.
    pub subtopology: String,
    /// The partition.
    pub partition: PartitionId,
}

/// A sum of changelog offsets of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOffset {
    /// The task.
    pub task: StreamsTask,
    /// The sum over its changelogs.
    pub offset_sum: i64,
}

/// The tasks of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskAssignment {
    /// The tasks that process records.
    pub active: Vec<StreamsTask>,
    /// The tasks that keep a copy of the state.
    pub standby: Vec<StreamsTask>,
    /// The tasks that build a copy of the state in order to become active.
    pub warm_up: Vec<StreamsTask>,
}
