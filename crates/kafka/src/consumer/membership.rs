//! What a member of a consumer group asks its owner when its partitions change.

use std::time::Duration;

use kreplay_model::domain::{Offset, TopicPartition};

/// Where reading of a partition starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// At this offset.
    Offset(Offset),
    /// At the group's committed offset, which could not be fetched beforehand.
    Committed,
    /// At the end of the log: the partition is not part of the run, or has failed.
    End,
}

/// Why the group's committed offset of a partition could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommittedError {
    /// Its topic does not exist, or may not be described. The offsets of other topics are not affected.
    #[error("{0}")]
    Topic(String),
    /// Any other reason.
    #[error("{0}")]
    Other(String),
}

/// A partition that was assigned, with the group's committed offset: `Ok(None)` if there is none, `Err` if it could
/// not be fetched.
pub type AssignedPartition = (TopicPartition, Result<Option<Offset>, CommittedError>);

/// Callbacks for changes to a member's partitions. All of them are called from within the member's own
/// [`Member::serve`](super::Member::serve) or [`Member::leave`](super::Member::leave).
pub trait Membership: Send + Sync {
    /// Partitions were assigned. Returns where to start each of them, in the same order.
    fn assigned(&self, partitions: &[AssignedPartition]) -> Vec<StartAt>;

    /// A note is stored with the committed offset of a partition. Called before [`Membership::assigned`] for that
    /// partition. Notes are stored as the metadata of committed offsets.
    fn found_note(&self, id: &TopicPartition, committed: Offset, note: &str);

    /// The note to commit with an offset of a partition; empty for none.
    fn note(&self, id: &TopicPartition, committed: Offset) -> String;

    /// The broker rejected notes of this length: return no more notes, and commit the positions again.
    fn notes_refused(&self);

    /// Partitions are being revoked. Waits for records in flight, and returns the positions to commit.
    fn revoking(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Offset)>;

    /// Partitions were revoked. Their positions were committed unless `failure` holds the reason why not.
    fn revoked(&self, partitions: &[TopicPartition], failure: Option<String>);

    /// Partitions were lost: nothing more may be committed for them.
    fn lost(&self, partitions: &[TopicPartition]);

    /// The coordinator acknowledged these positions.
    fn committed(&self, positions: &[(TopicPartition, Offset)]);

    /// An asynchronous commit failed. The next commit covers it.
    fn commit_failed(&self, reason: &str);

    /// An asynchronous commit failed for a temporary reason, such as a rebalance or an unavailable coordinator. The
    /// positions must be committed again.
    fn commit_again(&self);

    /// Whether to keep retrying the request for the group's committed offsets; `waited` is the time since the first
    /// attempt.
    fn keep_waiting(&self, waited: Duration) -> bool;
}
