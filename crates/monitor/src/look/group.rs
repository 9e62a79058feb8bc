//! What a look says about a group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::{GroupState, GroupType, MemberTasks, Reason, SeenBy, StreamsView};

use super::{Answer, TopicId};

/// A group in one look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupLook {
    /// Its description.
    pub description: Answer<Description>,
    /// Its committed offsets. A partition that is absent has none.
    pub commits: Answer<BTreeMap<TopicPartition, CommitAnswer>>,
    /// The broker that coordinates it.
    pub coordinator: Answer<i32>,
    /// Which client described it.
    pub seen_by: SeenBy,
}

/// The answer for the committed offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitAnswer {
    /// There is none.
    Nothing,
    /// It cannot be read.
    Failed(Reason),
    /// The committed offset.
    Offset(Commit),
    /// The start offset of a share group.
    ShareStart {
        /// The first offset that is neither acknowledged nor archived.
        start: Offset,
        /// The broker's own lag; `None` until consumption has begun.
        lag: Option<u64>,
    },
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record read.
    pub leader_epoch: Option<i32>,
    /// The id of the topic at the time of the commit.
    pub topic_id: Option<TopicId>,
    /// When it was committed, if the history of the offsets topic is read.
    pub committed_at: Option<DateTime<Utc>>,
    /// Its metadata.
    pub metadata: Arc<str>,
}

/// The description of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Its type.
    pub group_type: GroupType,
    /// Its protocol type or assignor.
    pub protocol: Option<String>,
    /// Its state.
    pub state: GroupState,
    /// The epoch of the group, except of classic groups.
    pub group_epoch: Option<i32>,
    /// The epoch of the target assignment, except of classic groups.
    pub assignment_epoch: Option<i32>,
    /// Its members.
    pub members: Vec<Member>,
    /// The largest rebalance timeout of its members in milliseconds, if known.
    pub rebalance_timeout_ms: Option<u64>,
    /// The topology of a streams group.
    pub streams: Option<StreamsView>,
}

/// The protocol of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Not reported.
    #[default]
    Unknown,
    /// `JoinGroup` and `SyncGroup`.
    Classic,
    /// The group's own protocol.
    Native,
}

/// A member of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// Its id.
    pub member_id: Arc<str>,
    /// Its `group.instance.id`.
    pub instance_id: Option<Arc<str>>,
    /// Its `client.id`.
    pub client_id: Option<Arc<str>>,
    /// Its host.
    pub host: Option<Arc<str>>,
    /// Its epoch.
    pub epoch: Option<i32>,
    /// Its protocol.
    pub protocol: Protocol,
    /// The topics that it subscribes to; `None` if not known.
    pub subscription: Option<BTreeSet<Arc<str>>>,
    /// The partitions that it has; `None` if not known.
    pub assigned: Option<BTreeSet<TopicPartition>>,
    /// The partitions of its target assignment; `None` if not known.
    pub target: Option<BTreeSet<TopicPartition>>,
    /// Its tasks, if it is a member of a streams group.
    pub tasks: Option<MemberTasks>,
}

impl Member {
    /// What stays the same when the member restarts: the instance id of a static member, else its client id and host,
    /// else its member id.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.instance_id, &self.client_id, &self.host) {
            (Some(instance), ..) => instance.to_string(),
            (None, Some(client), Some(host)) => format!("{client}@{}", host.trim_start_matches('/')),
            (None, Some(client), None) => client.to_string(),
            (None, None, _) => self.member_id.to_string(),
        }
    }

    /// The identity across looks: the instance id of a static member, else the member id.
    #[must_use]
    pub fn identity(&self) -> &Arc<str> {
        self.instance_id.as_ref().unwrap_or(&self.member_id)
    }

    /// The number of partitions that it has.
    #[must_use]
    pub fn assigned_count(&self) -> Option<usize> {
        self.assigned.as_ref().map(BTreeSet::len)
    }
}
