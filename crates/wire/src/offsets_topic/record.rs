//! What a record says.

use std::collections::BTreeMap;

use kreplay_model::domain::{Offset, PartitionId, TopicPartition};

use crate::types::{AssignmentEpoch, GroupEpoch, LeaderEpoch, MemberData, MemberEpoch, StreamsTask, TopicId};

/// A record about one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// The group's name.
    pub group: String,
    /// What has changed.
    pub change: Change,
}

/// What a record changes. `None` is a tombstone: what the key stands for was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A committed offset.
    Offset {
        /// The partition.
        partition: TopicPartition,
        /// The commit.
        commit: Option<StoredCommit>,
    },
    /// A classic group: at the end of each rebalance, and when it becomes empty.
    Generation(Option<Generation>),
    /// The epoch of a consumer, share or streams group. Each rebalance raises it.
    Epoch(Option<GroupEpoch>),
    /// A member of a consumer, share or streams group.
    Member {
        /// Its id.
        member_id: String,
        /// What it has sent to the coordinator.
        metadata: Option<MemberMetadata>,
    },
    /// The group epoch for which the target assignment was computed.
    TargetEpoch(Option<AssignmentEpoch>),
    /// The target assignment of a member.
    Target {
        /// The member's id.
        member_id: String,
        /// Its partitions or tasks.
        target: Option<MemberAssignment>,
    },
    /// What a member has.
    Current {
        /// The member's id.
        member_id: String,
        /// Its state.
        member: Option<StoredMember>,
    },
    /// A record of a known type without a use here: metadata of topics, regular expressions, topologies, and the
    /// partitions of share groups.
    Other,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCommit {
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record read.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The text that the group stored with it.
    pub metadata: String,
    /// When the coordinator took the commit, in milliseconds since 1970.
    pub committed_ms: i64,
    /// The topic's id, if the consumer committed with it.
    pub topic_id: Option<TopicId>,
}

/// A classic group after a rebalance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// The number of the generation. Each rebalance raises it by 1.
    pub number: i32,
    /// What the group is used for, such as `consumer` or `connect`.
    pub protocol_type: String,
    /// The assignor.
    pub assignor: Option<String>,
    /// The id of the member that computed the assignment.
    pub leader: Option<String>,
    /// When the group entered its state, in milliseconds since 1970: after a rebalance, when all members had joined.
    pub state_since_ms: Option<i64>,
    /// The members by id.
    pub members: BTreeMap<String, MemberMetadata>,
    /// The partitions that the leader has assigned, by member id and topic.
    pub assignments: BTreeMap<String, MemberData<BTreeMap<String, Vec<PartitionId>>>>,
}

/// What a member has sent to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The address that the member connects from.
    pub client_host: String,
    /// The topics that it subscribes to by name; `None` if they are not in the record.
    pub subscribed_topics: Option<Vec<String>>,
    /// How long a rebalance waits for the member, in milliseconds.
    pub rebalance_timeout_ms: Option<u32>,
}

/// What a member has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMember {
    /// The group epoch that it has reached.
    pub epoch: MemberEpoch,
    /// The epoch before; 0 or less for a new member.
    pub previous_epoch: MemberEpoch,
    /// Whether it neither has to give up partitions nor waits for partitions of others.
    pub is_stable: bool,
    /// Its partitions or tasks.
    pub assigned: MemberAssignment,
}

/// Partitions by topic id, or the active tasks of a streams group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberAssignment {
    /// Partitions.
    Partitions(Vec<(TopicId, Vec<PartitionId>)>),
    /// Tasks.
    Tasks(Vec<StreamsTask>),
}
