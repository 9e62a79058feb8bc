//! The result of an audit of topics: how keys, partitions and order relate. Serialized, an [`AuditReport`] is the JSON
//! of `kreplay audit --output-format json`. A figure that is not known is `None`, `null` in JSON.

mod control;
mod finding;
mod keys;
mod order;
mod partitioner;
mod rehearsal;
mod rehearsal_text;
mod sections;
mod topic;

use serde::{Deserialize, Serialize};

pub use control::{AuditCommand, AuditControl, AuditJob, AuditProgress, AuditServer, AuditStep, AuditTask};
pub use finding::{Check, Finding};
pub use keys::{Bounds, CoPartitioning, HotKey, KeyPlace, KeySpread, MovedKey, SpreadKey};
pub use order::{Inversion, InversionKind, OrderAudit, SequenceAudit};
pub use partitioner::{
    Breaker, Breakers, ChangePoint, Growth, Partitioner, PartitionerAudit, PartitionerScore, PartitionerVerdict,
};
pub use rehearsal::Rehearsal;
pub use rehearsal_text::rehearsal_section;
pub use sections::{Section, common_keys, coverage_line, hottest_keys, sections, topic_line};
pub use topic::{Evenness, PartitionAudit, RecordCounts, TopicAudit, Unevenness};

/// The result of an audit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditReport {
    /// What was read.
    pub coverage: AuditCoverage,
    /// The template of the keys whose order matters; `None` for the records' own keys.
    pub key_template: Option<String>,
    /// The field with a record's number in the sequence of its key; `None` if none was given.
    pub sequence: Option<String>,
    /// The topics, sorted by name.
    pub topics: Vec<TopicAudit>,
    /// Pairs of topics that have keys in common.
    pub co_partitioning: Vec<CoPartitioning>,
    /// What deserves attention.
    pub findings: Vec<Finding>,
}

/// How much an audit has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditCoverage {
    /// Whether all records of the range were read; otherwise all figures are of a sample.
    pub full: bool,
    /// Whether the audit was stopped before its end.
    pub stopped: bool,
    /// Records read, without those that the filter excludes.
    pub records: u64,
    /// Records that the filter excludes.
    pub filtered: u64,
    /// Offsets covered.
    pub offsets_read: u64,
    /// All offsets of the range.
    pub offsets: u64,
    /// Duration of reading in seconds.
    pub elapsed_s: f64,
}
