//! The order of the records of each key within a partition.

use serde::{Deserialize, Serialize};

/// How timestamps and sequence numbers of the followed keys develop within each partition. Records of a key in
/// different partitions have no order, so they are not compared. If not all keys are followed, neither the counts nor
/// the examples include the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderAudit {
    /// Records whose timestamp is lower than that of the record of the same key before it.
    pub timestamp_inversions: u64,
    /// Sequence numbers; `None` if no field was given.
    pub sequence: Option<SequenceAudit>,
    /// Some of the inversions and repetitions, at most 10; if there are no more, all of them.
    pub examples: Vec<Inversion>,
}

/// Sequence numbers of the followed keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceAudit {
    /// Records with a whole number in the field.
    pub numbered: u64,
    /// Records without one.
    pub unnumbered: u64,
    /// Records whose number is lower than the one before it.
    pub inversions: u64,
    /// Records with the same number as the one before it.
    pub repetitions: u64,
    /// Records whose number exceeds the one before it by more than 1; `None` if not all records were read.
    pub gaps: Option<u64>,
}

/// What is out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InversionKind {
    /// The timestamp decreases.
    Timestamp,
    /// The sequence number decreases.
    Sequence,
    /// The sequence number is the same again.
    Repetition,
}

/// Two records of a key that are out of order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inversion {
    /// What is out of order.
    pub kind: InversionKind,
    /// The beginning of the key.
    pub key: String,
    /// The partition's number.
    pub partition: i32,
    /// The offset of the earlier record.
    pub previous_offset: i64,
    /// The offset of the later record.
    pub offset: i64,
    /// The timestamp or the number of the earlier record.
    pub previous_value: i64,
    /// The timestamp or the number of the later record.
    pub value: i64,
}
