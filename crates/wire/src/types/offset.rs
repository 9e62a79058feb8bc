//! Committed offsets, and offsets of a log.

use kreplay_model::domain::Offset;

use super::LeaderEpoch;

/// An offset that a group has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next record that the group will read.
    pub offset: Offset,
    /// The epoch of the leader from which the last record was read.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The text that the client has stored with the offset.
    pub metadata: String,
}

/// Which offset of a log to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The offset of the first record with this timestamp or a later one, in milliseconds since 1970.
    AtTime {
        /// Milliseconds since 1970; a negative number counts as zero.
        timestamp_ms: i64,
    },
    /// The end: the high watermark, or the last stable offset with [`IsolationLevel::ReadCommitted`].
    Latest,
    /// The log start offset.
    Earliest,
    /// The record with the largest timestamp.
    MaxTimestamp,
    /// The first offset on the leader's own disk (tiered storage).
    EarliestLocal,
    /// The last offset in remote storage (tiered storage).
    LatestTiered,
}

impl OffsetSpec {
    /// The number in the protocol: a time, or a negative number with a meaning of its own.
    pub(crate) fn timestamp(self) -> i64 {
        match self {
            Self::AtTime { timestamp_ms } => timestamp_ms.max(0),
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::EarliestLocal => -4,
            Self::LatestTiered => -5,
        }
    }
}

/// Up to where a reader sees a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Up to the high watermark.
    #[default]
    ReadUncommitted,
    /// Up to the last stable offset, before which no transaction is open.
    ReadCommitted,
}

impl IsolationLevel {
    pub(crate) fn number(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// An offset of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; `None` if there is none, such as no record at or after the time.
    pub offset: Option<Offset>,
    /// The record's timestamp in milliseconds since 1970; `None` for the ends of the log.
    pub timestamp_ms: Option<i64>,
    /// The epoch of the leader that wrote the record.
    pub leader_epoch: Option<LeaderEpoch>,
}
