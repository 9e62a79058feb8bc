//! The distribution of a topic's records over its partitions.

use serde::{Deserialize, Serialize};

use super::{HotKey, KeySpread, OrderAudit, PartitionerAudit, Rehearsal};

/// The audit of one topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicAudit {
    /// The name of the topic.
    pub topic: String,
    /// The counts of all partitions.
    #[serde(flatten)]
    pub counts: RecordCounts,
    /// The partitions, in ascending order.
    pub partitions: Vec<PartitionAudit>,
    /// How even the partitions are.
    pub evenness: Evenness,
    /// Partitions without keyed records although the topic has some.
    pub unused_partitions: Vec<i32>,
    /// Those among them that no followed key maps to; `None` if the partitioner is not known.
    pub unreachable_partitions: Option<Vec<i32>>,
    /// The keys with the most records, by the records' own keys.
    pub hottest_keys: Vec<HotKey>,
    /// The records' own keys.
    pub keys: KeySpread,
    /// The keys that the key template makes; `None` without a template.
    pub template_keys: Option<KeySpread>,
    /// The order within each key: the template's, or else the record's own.
    pub order: OrderAudit,
    /// The partitioner.
    pub partitioner: PartitionerAudit,
    /// Another number of partitions, or another key.
    pub rehearsal: Option<Rehearsal>,
}

/// The counts of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionAudit {
    /// The partition's number.
    pub partition: i32,
    /// The counts.
    #[serde(flatten)]
    pub counts: RecordCounts,
}

/// Counts of records by their keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    /// All records.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Records with a key that is not empty.
    pub keyed: u64,
    /// Records with an empty key. Some partitioners treat it like a missing one.
    pub empty_keys: u64,
    /// Records without a key.
    pub null_keys: u64,
    /// Records without a value.
    pub tombstones: u64,
}

/// How even the partitions are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evenness {
    /// By number of records.
    pub records: Unevenness,
    /// By bytes.
    pub bytes: Unevenness,
}

/// How uneven numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unevenness {
    /// The largest divided by the mean: 1 if all are equal, n if all is in one of n. 0 if there is nothing.
    pub max_by_mean: f64,
    /// The Gini coefficient: 0 if all are equal, 1 - 1/n if all is in one of n.
    pub gini: f64,
}
