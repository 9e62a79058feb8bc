//! Results of dry runs and of comparisons of two handlers.

use serde::{Deserialize, Serialize};

use crate::domain::{Offset, TopicPartition};

/// The topic, partition, and offset of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordPlace {
    /// Its topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The record's offset.
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

/// The result of a dry run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRunView {
    /// Records for which effects were built.
    pub records: u64,
    /// Effects by kind, ordered by name.
    pub effects: Vec<EffectKind>,
    /// Effects of other kinds, if there are too many kinds to list.
    pub other_effects: u64,
    /// Records that would have failed.
    pub failed: u64,
    /// What would have happened to them, in words.
    pub on_failure: String,
    /// Examples: the first ones found.
    pub failures: Vec<FailedRecord>,
}

/// Effects of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectKind {
    /// The kind of effect and its target.
    pub what: String,
    /// The number of effects.
    pub count: u64,
    /// Examples: the first ones found.
    pub examples: Vec<EffectExample>,
}

/// An effect that would have been applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectExample {
    /// The record that causes it.
    #[serde(flatten)]
    pub place: RecordPlace,
    /// Its content for display, escaped and truncated.
    pub content: String,
}

/// A record that would have failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRecord {
    /// The record.
    #[serde(flatten)]
    pub place: RecordPlace,
    /// The error.
    pub error: String,
}

/// The result of a comparison of two handlers on the same records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparisonView {
    /// The first handler.
    pub left: String,
    /// The second handler.
    pub right: String,
    /// What was compared and what the comparison cannot detect, in words.
    #[serde(default)]
    pub compared: String,
    /// Records compared.
    pub records: u64,
    /// Records whose effects differ.
    pub differing_records: u64,
    /// Keys with such records. Records without a key count as one key per partition.
    pub differing_keys: u64,
    /// Whether there are more such keys than were counted.
    pub more_keys: bool,
    /// Records that would have failed with both.
    pub failed_with_both: u64,
    /// If effects depend on earlier records: the first record that differs, in handling order. It may cause later
    /// differences.
    #[serde(default)]
    pub first: Option<RecordPlace>,
    /// The first difference of each of the first keys found, in log order.
    pub differences: Vec<Difference>,
}

/// The first record of a key for which the effects of two handlers differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The record.
    #[serde(flatten)]
    pub place: RecordPlace,
    /// Its key for display, escaped and truncated; `None` if it has no key.
    pub key: Option<String>,
    /// The outcome of the first handler.
    pub left: Outcome,
    /// The outcome of the second handler.
    pub right: Outcome,
}

/// The outcome of a handler for one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// These effects, in order.
    Effects(Vec<Effect>),
    /// The record would have failed.
    Error(String),
}

/// One effect, for display.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The kind of effect and its target.
    pub what: String,
    /// Its content, escaped and truncated.
    pub content: String,
}

/// The findings so far of a dry run or a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DryRunFindings {
    /// A dry run.
    DryRun(DryRunView),
    /// A comparison.
    Comparison(ComparisonView),
}
