//! The input of a history.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, TopicPartition};

use crate::look::{Member, TopicId};

/// What one stored record changes.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "changes are applied one after another, and not kept")]
pub enum HistoryChange {
    /// An offset was committed.
    Committed {
        /// The partition.
        partition: TopicPartition,
        /// The commit.
        commit: PastCommit,
    },
    /// A committed offset was deleted, or has expired.
    CommitDeleted(TopicPartition),
    /// A classic group ended a rebalance, or became empty.
    Generation {
        /// The number of the generation.
        number: i32,
        /// When all members had joined, if known. The beginning of the rebalance is not stored.
        since: Option<DateTime<Utc>>,
        /// The members.
        members: Vec<Member>,
        /// The largest rebalance timeout of its members in milliseconds, if known.
        rebalance_timeout_ms: Option<u64>,
    },
    /// A group with epochs began a rebalance.
    Epoch(i32),
    /// The group was deleted, or changed its type.
    GroupDeleted,
    /// A record names a member of a group with epochs.
    MemberKnown {
        /// The member.
        member: Member,
        /// Its rebalance timeout in milliseconds, if known.
        rebalance_timeout_ms: Option<u64>,
    },
    /// A member of a group with epochs has left.
    MemberGone(Arc<str>),
    /// A member of a group with epochs has another assignment.
    MemberEpoch {
        /// Its id.
        member_id: Arc<str>,
        /// The epoch that it has reached.
        epoch: i32,
        /// Whether it had no epoch before.
        is_new: bool,
        /// Whether it has the partitions of its target assignment.
        is_stable: bool,
    },
}

/// A commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastCommit {
    /// The offset of the next record to read.
    pub offset: Offset,
    /// When the coordinator took it.
    pub at: DateTime<Utc>,
    /// The id of the topic at that time, if the consumer committed with it.
    pub topic_id: Option<TopicId>,
}
