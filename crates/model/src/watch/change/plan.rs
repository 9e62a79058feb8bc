//! The plan of a change, and its result.

use chrono::{DateTime, Utc};

use crate::domain::{Offset, TopicPartition};

/// What a change would do to a group, or what it has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChangePlan {
    /// The name of the group.
    pub group: String,
    /// The partitions, in order.
    pub rows: Vec<PlannedOffset>,
    /// Partitions that were selected, but cannot be changed, each with the reason.
    pub left_out: Vec<(TopicPartition, String)>,
    /// Whether executing the plan changes anything. Deleting a group does, even if it has no offsets.
    pub has_changes: bool,
    /// Once it was executed: the id of the change, for `kreplay groups undo --id`; `None` if nothing was changed.
    pub change_id: Option<String>,
}

impl GroupChangePlan {
    /// The number of partitions that the plan changes.
    #[must_use]
    pub fn planned(&self) -> usize {
        self.rows.iter().filter(|row| row.is_change).count()
    }

    /// The number of partitions that were changed.
    #[must_use]
    pub fn changed(&self) -> usize {
        self.rows.iter().filter(|row| row.result == Some(ChangedRow::Changed)).count()
    }

    /// The number of partitions that were not changed although the plan changes them.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.result, Some(ChangedRow::Failed(_)))).count()
    }
}

/// What a change does to the committed offset of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedOffset {
    /// The partition.
    pub partition: TopicPartition,
    /// The committed offset; `None` if there is none.
    pub from: Option<Offset>,
    /// The new one; `None` deletes the offset.
    pub to: Option<Offset>,
    /// The first offset and the end of the log; `None` if its topic does not exist any more.
    pub log: Option<(Offset, Offset)>,
    /// The time of the first record at or after `from`, if it could be read.
    pub from_time: Option<DateTime<Utc>>,
    /// The time of the first record at or after `to`, if it could be read.
    pub to_time: Option<DateTime<Utc>>,
    /// Why `to` is not what was asked for, or that nothing changes; empty if there is nothing to say.
    pub note: String,
    /// Whether anything changes, the metadata of the offset included.
    pub is_change: bool,
    /// What has happened; `None` before the plan is executed.
    pub result: Option<ChangedRow>,
}

impl PlannedOffset {
    /// The number of offsets by which the group moves: positive past records, negative back to them. `None` without an
    /// offset before or after the change.
    #[must_use]
    pub fn difference(&self) -> Option<i64> {
        self.to?.get().checked_sub(self.from?.get())
    }
}

/// What has happened to the offset of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedRow {
    /// It already was what the plan says, so nothing was written.
    Unchanged,
    /// It is what the plan says.
    Changed,
    /// It is not what the plan says; the reason.
    Failed(String),
}
