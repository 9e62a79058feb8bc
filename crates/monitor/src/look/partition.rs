//! What a look says about topics and partitions.

use kreplay_model::domain::Offset;
use kreplay_model::watch::Transaction;

use super::Answer;

/// The id of a topic: its 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u128);

/// A partition in one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionLook {
    /// The first offset of the log.
    pub log_start: Answer<Offset>,
    /// The last stable offset.
    pub stable_end: Answer<Offset>,
    /// The high watermark.
    pub end: Answer<Offset>,
    /// The epoch of its leader.
    pub leader_epoch: Option<i32>,
    /// The record with the largest timestamp, if it was requested; it may be a control record.
    pub newest: Answer<Option<RecordAt>>,
    /// The transaction that begins at the last stable offset, if it was requested; `None` if there is none.
    pub transaction: Answer<Option<Transaction>>,
}

/// A record's offset and timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordAt {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp in milliseconds since 1970.
    pub timestamp_ms: i64,
}

/// The answer to one time query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeAnswer {
    /// The time asked for, in milliseconds since 1970.
    pub query_ms: i64,
    /// The first record whose timestamp is at least that; `None` if there is none.
    pub first: Option<RecordAt>,
    /// The id of the topic that answered, if known.
    pub topic_id: Option<TopicId>,
}

/// What a read of committed records from a committed offset delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkerProbe {
    /// The offset at which the read began.
    pub from: Offset,
    /// The last stable offset that it reached.
    pub reached: Offset,
    /// The number of records that it delivered.
    pub records: u64,
}

/// A topic in one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicLook {
    /// Its number of partitions. `Failed(TopicGone)` if it does not exist.
    pub partitions: Answer<u32>,
    /// Its id.
    pub topic_id: Option<TopicId>,
    /// Whether `cleanup.policy` contains `compact`.
    pub compacted: Answer<bool>,
    /// `retention.ms` if `cleanup.policy` contains `delete`; `None` if records are kept for ever.
    pub retention_ms: Answer<Option<u64>>,
}
