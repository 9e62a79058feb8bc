//! Positions: what a handler can ask the run about them, and how a handler stores them in its target.

use kreplay_kafka::GroupMember;
use kreplay_model::domain::{Offset, OffsetSet, TopicPartition};

use super::{HandlerError, Logs};

/// Where a run's positions are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PositionStore {
    /// In the run's journal or consumer group.
    #[default]
    Run,
    /// In the target, together with the effects. The target's positions take precedence over journal and group. Offsets
    /// of a group are committed as well, for monitoring.
    Target,
    /// In a consumer group whose offsets the target's transactions commit. Nothing else may commit that group's
    /// offsets.
    TargetGroup,
}

/// Positions that a handler stores in its target, for exactly-once effects. Partitions are claimed before their first
/// record and released after their last.
pub trait TargetPositions: Send + Sync {
    /// Where the target stores them.
    fn store(&self) -> PositionStore {
        PositionStore::Target
    }

    /// Claims partitions before their first record: from then on the target rejects writes of earlier owners, in this
    /// process or another. Returns the target's position of each partition, in the given order; `None` if it has none.
    ///
    /// May block for a bounded time. `logs` identifies at least the topics of these partitions; a position is valid
    /// only for the log that it was stored for.
    ///
    /// # Errors
    /// The target cannot be reached; or [`HandlerError::OtherLog`], and then nothing was changed.
    fn claim(&self, partitions: &[TopicPartition], logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError>;

    /// For each of these claimed partitions, the offsets above its position whose effects the target has already. They
    /// are not handled again, and count as already handled.
    fn applied(&self, partitions: &[TopicPartition]) -> Vec<OffsetSet> {
        vec![OffsetSet::default(); partitions.len()]
    }

    /// Releases partitions, given by index, of which no record is in flight: the target stores their positions now. May
    /// block for a bounded time.
    fn release(&self, _partitions: &[u32]) {}
}

/// What a handler can ask the run about its partitions. Partitions are given by index.
pub trait Positions: Send + Sync {
    /// A partition's position: every record below it is settled and durable. It moves past gaps left by compaction and
    /// transactions.
    fn position(&self, partition: u32) -> i64;

    /// The first offset of a partition that belongs to the run.
    fn first(&self, _partition: u32) -> i64 {
        0
    }

    /// The owner of a partition in the run's group, within this process; `None` if it has none or there is no group.
    fn holder(&self, _partition: u32) -> Option<Holder> {
        None
    }
}

/// The owner of a partition of a run.
#[derive(Clone, Debug, Default)]
pub struct Holder {
    /// The epoch of the assignment. Records with another epoch belong to a revoked assignment.
    pub epoch: u32,
    /// The member of the group; `None` without a group.
    pub member: Option<GroupMember>,
}
