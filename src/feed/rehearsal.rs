//! What handlers would have done: of a dry run, and of a comparison of two handlers.

use serde::{Deserialize, Serialize};

use crate::domain::{Offset, TopicPartition};

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordPlace {
    /// Its topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The record's place there.
    pub offset: i64,
}

impl RecordPlace {
    /// The place of a record.
    #[must_use]
    pub fn of(id: &TopicPartition, offset: i64) -> Self {
        Self {
            topic: id.topic.to_string(),
            partition: id.partition.0,
            offset: Offset::new(offset).unwrap_or_default().get(),
        }
    }
}

/// What a run would have done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRunView {
    /// Records whose effects were built.
    pub records: u64,
    /// Effects by kind, in the order of their names.
    pub effects: Vec<EffectKind>,
    /// Effects of further kinds, where there are very many.
    pub other_effects: u64,
    /// Records that would have failed.
    pub failed: u64,
    /// What would have become of them, in words.
    pub on_failure: String,
    /// Some of them, the first that were found.
    pub failures: Vec<FailedRecord>,
}

/// Effects of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectKind {
    /// What kind of effect, and on what.
    pub what: String,
    /// How many.
    pub count: u64,
    /// Some of them, the first that were found.
    pub examples: Vec<EffectExample>,
}

/// An effect that would have been applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectExample {
    /// The record that it is of.
    #[serde(flatten)]
    pub place: RecordPlace,
    /// What it consists of, for people: escaped and cut.
    pub content: String,
}

/// A record that would have failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRecord {
    /// Which one.
    #[serde(flatten)]
    pub place: RecordPlace,
    /// Why.
    pub error: String,
}

/// How two handlers differ over the same records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparisonView {
    /// One handler.
    pub left: String,
    /// The other one.
    pub right: String,
    /// What was compared, and what the comparison cannot see, in words.
    #[serde(default)]
    pub compared: String,
    /// Records that were compared.
    pub records: u64,
    /// Records with which the two would have done something else.
    pub differing_records: u64,
    /// Keys that have such records. Records without a key count as one key for each partition.
    pub differing_keys: u64,
    /// There are more such keys than were counted.
    pub more_keys: bool,
    /// Records that would have failed with both.
    pub failed_with_both: u64,
    /// Where effects depend on records before: the first record that differs, in the order in which they were handled. Later
    /// differences may come of it.
    #[serde(default)]
    pub first: Option<RecordPlace>,
    /// The first difference of a key, of the first keys that were found, in the order of the log.
    pub differences: Vec<Difference>,
}

/// The first record of a key with which two handlers would have done something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where it stands.
    #[serde(flatten)]
    pub place: RecordPlace,
    /// Its key for people, escaped and cut; `None` where it has none.
    pub key: Option<String>,
    /// What the one would have done.
    pub left: Outcome,
    /// What the other one would have done.
    pub right: Outcome,
}

/// What a handler would have done with a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// These effects, in their order.
    Effects(Vec<Effect>),
    /// The record would have failed.
    Error(String),
}

/// One effect for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What kind of effect, and on what.
    pub what: String,
    /// What it consists of: escaped and cut.
    pub content: String,
}

/// What a rehearsal has found so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RehearsalView {
    /// Of a dry run.
    DryRun(DryRunView),
    /// Of a comparison.
    Comparison(ComparisonView),
}
