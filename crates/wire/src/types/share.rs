//! Share groups (KIP-932).

use kreplay_model::domain::{Lag, Offset};

use super::{AssignedTopic, AssignmentEpoch, GroupEpoch, GroupState, LeaderEpoch, MemberEpoch, TopicId};

/// A share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareGroup {
    /// The state.
    pub state: GroupState,
    /// The group's epoch.
    pub group_epoch: GroupEpoch,
    /// The epoch of the assignment.
    pub assignment_epoch: AssignmentEpoch,
    /// The assignor.
    pub assignor: String,
    /// The members.
    pub members: Vec<ShareMember>,
}

/// A member of a share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareMember {
    /// The member's id.
    pub member_id: String,
    /// The member's rack.
    pub rack: Option<String>,
    /// The epoch that the member has reached.
    pub epoch: MemberEpoch,
    /// `client.id`.
    pub client_id: String,
    /// The address that the member connects from.
    pub client_host: String,
    /// The topics that the member subscribes to.
    pub subscribed_topics: Vec<String>,
    /// The partitions that the member reads. Several members may read the same partition.
    pub assignment: Vec<AssignedTopic>,
}

/// Where a share group stands in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareOffset {
    /// The topic's id.
    pub topic_id: TopicId,
    /// The first offset that is not acknowledged yet; `None` before the group has read the partition.
    pub start: Option<Offset>,
    /// The epoch of the partition's leader.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The lag as the broker counts it (KIP-1226): the distance from the start offset to the end, without the records
    /// beyond the start offset that are acknowledged already. Unknown on brokers before 4.2.
    pub lag: Lag,
}
