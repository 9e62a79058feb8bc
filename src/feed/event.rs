//! Things that happened, each with its time, for the event log, the recording and the report.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::RunState;
use crate::domain::{Offset, TopicPartition};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts up by one within a session, from 0.
    pub seq: u64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Which side of a rebalance an event tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RebalanceKind {
    /// kreplay itself gave the partitions out anew.
    Own,
    /// Kafka's group protocol did.
    Group,
}

/// A record that a handler did not accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Where the record came from.
    pub partition: TopicPartition,
    /// Its place there.
    pub offset: Offset,
    /// How often it was tried so far.
    pub attempt: u32,
    /// What the handler said.
    pub error: String,
}

/// What becomes of a partition whose records were deleted before they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// It goes on behind the gap, which counts as lost.
    PassedOver,
    /// The run has paused.
    Paused,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, offset, attempt, error } = self;
        write!(f, "{partition} at offset {offset} failed {attempt} times, last with: {error}")
    }
}

/// The two sides of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeSide {
    /// Where reading begins.
    From,
    /// Where it ends.
    To,
}

/// Why a partition is read from or to another place than was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClampReason {
    /// The log begins later.
    BelowStart,
    /// The log ends earlier.
    AboveEnd,
    /// The group has committed nothing for this partition.
    NothingCommitted,
    /// The range would end before it begins.
    Empty,
}

/// What happened. Texts in here are ready to be read, but come from outside: views escape them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// A selection was resolved.
    Planned {
        /// How many topics it covers.
        topics: usize,
        /// How many partitions.
        partitions: usize,
        /// How many offsets lie between its starts and ends.
        records: u64,
    },
    /// A partition is read from or to another place than was asked for.
    Clamped {
        /// Which one.
        partition: TopicPartition,
        /// Which side of its range.
        side: RangeSide,
        /// What was asked for, as it was written.
        asked: String,
        /// What holds instead.
        used: Offset,
        /// Why.
        why: ClampReason,
        /// How many further partitions the same holds for, each with an offset of its own, where they are too many to be told
        /// one by one.
        more: usize,
    },
    /// A run began.
    Started {
        /// The run's id.
        run_id: String,
        /// With how many workers.
        concurrency: u32,
    },
    /// A run came to its end, whatever end that was.
    Finished {
        /// The run's id.
        run_id: String,
        /// How it ended.
        state: RunState,
        /// Seconds from start to end.
        elapsed_s: f64,
    },
    /// A member or worker got partitions.
    Assigned {
        /// Who got them.
        member: String,
        /// What it got.
        partitions: Vec<TopicPartition>,
    },
    /// A member or worker gave partitions back, after draining and committing them.
    Revoked {
        /// Who gave them back.
        member: String,
        /// What it gave back.
        partitions: Vec<TopicPartition>,
    },
    /// A member found out that partitions were taken from it: what it had in hand no longer counts.
    Lost {
        /// Who lost them.
        member: String,
        /// What it lost.
        partitions: Vec<TopicPartition>,
    },
    /// Owners began to change.
    RebalanceStarted {
        /// Who decides.
        by: RebalanceKind,
    },
    /// Owners have settled.
    RebalanceFinished {
        /// Who decided.
        by: RebalanceKind,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// How many partitions changed their owner.
        moved: usize,
    },
    /// The number of workers was changed.
    ConcurrencyChanged {
        /// The number before.
        from: u32,
        /// The number now.
        to: u32,
        /// Why, where kreplay did it by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Handling stopped for the time being.
    Paused,
    /// Handling goes on.
    Resumed,
    /// The user asked to stop before the end.
    CancelRequested,
    /// A record failed and will be tried again.
    Retried(Failure),
    /// A record failed for good and was passed over.
    Skipped(Failure),
    /// A topic that matches the selection has come into being, and joins the run that follows it.
    TopicAdded {
        /// Its name.
        topic: String,
        /// How many partitions it has.
        partitions: usize,
    },
    /// A topic has more partitions than before.
    PartitionsAdded {
        /// Its name.
        topic: String,
        /// How many are new.
        added: usize,
        /// Whether the run reads them; a run that has an end does not.
        joined: bool,
    },
    /// Retention has deleted records before they were read.
    Expired {
        /// Of which partition.
        partition: TopicPartition,
        /// The first offset that is missing.
        first: Offset,
        /// The first offset that is there.
        end: Offset,
        /// What follows from it.
        outcome: Expiry,
    },
    /// A record failed for good, and a dead-letter topic has it.
    DeadLettered {
        /// Which topic.
        topic: String,
        /// What failed.
        failure: Failure,
    },
    /// A record failed for good, and its key was put aside.
    Quarantined {
        /// The key, cut off where it is long.
        key: String,
        /// What failed.
        failure: Failure,
    },
    /// Something worth knowing in the normal course of things.
    Notice {
        /// One sentence.
        text: String,
    },
    /// Something that should be known, but stops nothing.
    Warning {
        /// One sentence.
        text: String,
    },
    /// Something that stopped a part or all of the work.
    Error {
        /// One sentence.
        text: String,
    },
}

/// How loudly a view shows an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The normal course of things.
    Info,
    /// Assignments and rebalances.
    Notice,
    /// Something to look at.
    Warning,
    /// Something went wrong.
    Error,
}

impl EventKind {
    /// How loud it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::Error { .. } | Self::Finished { state: RunState::Failed, .. } => Severity::Error,
            Self::Warning { .. }
            | Self::Clamped { .. }
            | Self::Expired { .. }
            | Self::PartitionsAdded { joined: false, .. }
            | Self::Lost { .. }
            | Self::Retried(_)
            | Self::Skipped(_)
            | Self::DeadLettered { .. }
            | Self::Quarantined { .. } => Severity::Warning,
            Self::Assigned { .. }
            | Self::Revoked { .. }
            | Self::RebalanceStarted { .. }
            | Self::RebalanceFinished { .. }
            | Self::Notice { .. }
            | Self::TopicAdded { .. }
            | Self::PartitionsAdded { .. }
            | Self::ConcurrencyChanged { .. } => Severity::Notice,
            _ => Severity::Info,
        }
    }
}
