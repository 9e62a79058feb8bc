//! Changes of a group's committed offsets: what a view asks for.
//!
//! The answer is a plan, which says what would be changed. Only a plan that a view has shown can be executed.

mod control;
mod plan;

use std::fmt;

pub use control::{GroupChangeCommand, GroupChangeControl, GroupChangeProgress, GroupChangeServer, GroupChangeStep};
pub use plan::{ChangedRow, GroupChangePlan, PlannedOffset};

use crate::domain::{Offset, TopicPartition};

/// The command that undoes the last change of a group. It names the group as it is: views must escape it.
#[must_use]
pub fn undo_command(group: &str) -> String {
    format!("kreplay groups undo {group} --execute --confirm {group}")
}

/// A change of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChangeRequest {
    /// The name of the group.
    pub group: String,
    /// The change.
    pub change: GroupChange,
}

/// What is changed. Displayed, it names topics as they are: views must escape it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// Offsets are set.
    Reset {
        /// Where they are put.
        to: ResetTo,
        /// The partitions.
        scope: ResetScope,
    },
    /// One offset is moved past one record. Refused unless the committed offset is that of the record.
    Skip {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the record.
        offset: Offset,
    },
    /// The offsets of a topic are deleted.
    Forget {
        /// The topic.
        topic: String,
    },
    /// The group is deleted with all its offsets.
    Delete,
    /// What was there before the last change is restored.
    Undo,
}

/// Where a reset puts offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetTo {
    /// The first offset of each log.
    Earliest,
    /// The end of each log.
    Latest,
    /// The same offset in each partition.
    Offset(Offset),
    /// The committed offset plus this number.
    ShiftBy(i64),
    /// The first record at or after a time, in a notation of `kreplay groups reset --to-datetime`.
    Time(String),
    /// The first record that is not older than a duration in a notation of `--by-duration`.
    Ago(String),
}

/// The partitions that a reset concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetScope {
    /// Those for which the group has committed offsets.
    Committed,
    /// All partitions of a topic.
    Topic(String),
    /// One partition.
    Partition(TopicPartition),
}

impl fmt::Display for GroupChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset { to, scope } => write!(f, "reset {to}: {scope}"),
            Self::Skip { partition, offset } => write!(f, "skip the record at {partition} offset {offset}"),
            Self::Forget { topic } => write!(f, "forget topic {topic}"),
            Self::Delete => f.write_str("delete the group"),
            Self::Undo => f.write_str("undo the last change"),
        }
    }
}

impl fmt::Display for ResetTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("to earliest"),
            Self::Latest => f.write_str("to latest"),
            Self::Offset(offset) => write!(f, "to offset {offset}"),
            Self::ShiftBy(count) => write!(f, "by {count:+} offsets"),
            Self::Time(time) => write!(f, "to {time}"),
            Self::Ago(duration) => write!(f, "to {duration} ago"),
        }
    }
}

impl fmt::Display for ResetScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Committed => f.write_str("all committed partitions"),
            Self::Topic(topic) => write!(f, "topic {topic}"),
            Self::Partition(partition) => write!(f, "{partition}"),
        }
    }
}
