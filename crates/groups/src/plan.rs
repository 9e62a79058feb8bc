//! A plan: what a change would do to a group. A plan is a value; making one changes nothing.

use std::fmt;

use kreplay_kafka::StoredOffset;
use kreplay_model::domain::TopicPartition;
use serde::{Deserialize, Serialize};

use super::target::{Adjustment, LogRange};

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Offsets are set.
    Reset,
    /// One offset is moved past the record that a consumer reads from it on.
    Skip,
    /// The offsets of topics are deleted.
    Forget,
    /// The group is deleted with all its offsets.
    Delete,
    /// What was there before a change is restored.
    Undo,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reset => "reset",
            Self::Skip => "skip",
            Self::Forget => "forget",
            Self::Delete => "delete",
            Self::Undo => "undo",
        })
    }
}

/// What a change would do to the offset of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRow {
    /// The partition.
    pub id: TopicPartition,
    /// What was committed when the plan was made.
    pub from: Option<StoredOffset>,
    /// What will be committed; `None` deletes the offset.
    pub to: Option<StoredOffset>,
    /// The partition's log, unless its topic no longer exists.
    pub log: Option<LogRange>,
    /// The timestamp of the first record at `from` or after it, in milliseconds since 1970, if it could be read.
    pub from_time: Option<i64>,
    /// The timestamp of the first record at `to` or after it, in milliseconds since 1970, if it could be read.
    pub to_time: Option<i64>,
    /// Why `to` is not what was asked for.
    pub adjustment: Option<Adjustment>,
}

impl PlannedRow {
    pub(super) fn new(id: TopicPartition, from: Option<StoredOffset>, to: Option<StoredOffset>) -> Self {
        Self { id, from, to, log: None, from_time: None, to_time: None, adjustment: None }
    }

    /// Whether the change does anything to this partition.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.from != self.to
    }

    /// The number of offsets by which the group moves: positive past records, negative back to them. `None` if there is
    /// no offset before or after the change.
    #[must_use]
    pub fn difference(&self) -> Option<i64> {
        let (from, to) = (self.from.as_ref()?, self.to.as_ref()?);
        to.offset.get().checked_sub(from.offset.get())
    }

    /// Why the new offset is not the one that was asked for, or that nothing changes; empty if there is nothing to say.
    #[must_use]
    pub fn note(&self) -> String {
        match self.adjustment {
            Some(Adjustment::RaisedToLogStart { asked }) => format!("log starts after {asked}"),
            Some(Adjustment::LoweredToLogEnd { asked }) => format!("log ends before {asked}"),
            Some(Adjustment::NoLaterRecord) => "no later record: log end".to_owned(),
            Some(Adjustment::NeverCommitted) => "never committed: log end".to_owned(),
            Some(Adjustment::NextRecord { asked }) => format!("no record at {asked}: skips the next"),
            Some(Adjustment::NotRead) => "the record could not be read: moved by one".to_owned(),
            None if self.log.is_none() => "the topic does not exist".to_owned(),
            None if !self.is_change() => "unchanged".to_owned(),
            None => String::new(),
        }
    }
}

/// A partition that was selected, but cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Why.
    pub reason: String,
}

/// What a change would do to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPlan {
    /// The cluster's id, or its bootstrap servers if it has none.
    pub cluster: String,
    /// The id of the group.
    pub group: String,
    /// The kind of the change.
    pub action: Action,
    /// The partitions, in order.
    pub rows: Vec<PlannedRow>,
    /// Partitions that were selected, but cannot be changed.
    pub left_out: Vec<LeftOut>,
    /// For [`Action::Undo`]: the id of the change that it undoes.
    pub undoes: Option<String>,
}

impl GroupPlan {
    /// Whether executing the plan changes anything. Deleting a group does, even if it has no offsets.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.action == Action::Delete || self.rows.iter().any(PlannedRow::is_change)
    }
}
