//! Events of a session, for the event log, progress output, and the report.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::RunState;
use crate::domain::{Offset, Severity, TopicPartition, number::number_of_times};

/// Something that happened once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Sequence number within the session, starting at 0.
    pub seq: u64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The process in which it happened; `None` unless several processes are shown together. External data: views must
    /// escape it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// What happened, preceded by the process if there is one.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.process {
            Some(process) => format!("{process}: {}", self.kind),
            None => self.kind.to_string(),
        }
    }
}

/// Who performed a rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RebalanceKind {
    /// kreplay reassigned the partitions itself.
    Own,
    /// Kafka's group protocol.
    Group,
}

/// A record whose handling failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The record's partition.
    pub partition: TopicPartition,
    /// The record's offset.
    pub offset: Offset,
    /// The record's key as text, truncated if long; `None` if it has no key, or in events of earlier versions. External
    /// data: views must escape it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The number of attempts so far.
    pub attempt: u32,
    /// The handler's error.
    pub error: String,
}

/// What happens to a partition whose records were deleted before they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// Reading continues after the gap, which is counted as lost.
    #[serde(rename = "passed_over")]
    GapSkipped,
    /// The run is paused.
    Paused,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, offset, attempt, error, .. } = self;
        write!(f, "{partition} at offset {offset} failed {}; last error: {error}", number_of_times(*attempt))
    }
}

/// The two sides of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeSide {
    /// Where reading starts.
    From,
    /// Where reading ends.
    To,
}

/// Why a partition's range differs from the requested one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClampReason {
    /// The log starts at or above the requested offset.
    BelowStart,
    /// The log ends below the requested offset.
    AboveEnd,
    /// The group has no committed offset for this partition.
    NothingCommitted,
    /// The range would end before it starts.
    Empty,
}

/// What happened. The texts are complete sentences, but may contain external data: views must escape them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// A selection was resolved.
    Planned {
        /// The number of topics.
        topics: usize,
        /// The number of partitions.
        partitions: usize,
        /// The number of offsets between the starts and the ends.
        records: u64,
    },
    /// A partition's range differs from the requested one.
    Clamped {
        /// The partition.
        partition: TopicPartition,
        /// The side of its range that differs.
        side: RangeSide,
        /// What was requested, as written by the user.
        asked: String,
        /// The offset used instead.
        used: Offset,
        /// Why.
        why: ClampReason,
        /// The number of other partitions in the same situation, each with its own offset. Used when there are too many
        /// to report individually.
        more: usize,
    },
    /// A run started.
    Started {
        /// The run's id.
        run_id: String,
        /// Its number of workers.
        concurrency: u32,
    },
    /// A run ended, in any final state.
    Finished {
        /// The run's id.
        run_id: String,
        /// How it ended.
        state: RunState,
        /// Seconds from start to end.
        elapsed_s: f64,
    },
    /// Partitions were assigned to a member or worker.
    Assigned {
        /// The new owner.
        member: String,
        /// The assigned partitions.
        partitions: Vec<TopicPartition>,
    },
    /// A member or worker released partitions after draining and committing them.
    Revoked {
        /// The previous owner.
        member: String,
        /// The released partitions.
        partitions: Vec<TopicPartition>,
    },
    /// A member lost partitions without a chance to commit: results of its records in flight are discarded.
    Lost {
        /// The previous owner.
        member: String,
        /// The lost partitions.
        partitions: Vec<TopicPartition>,
    },
    /// A rebalance started.
    RebalanceStarted {
        /// Who performs it.
        by: RebalanceKind,
    },
    /// A rebalance finished.
    RebalanceFinished {
        /// Who performed it.
        by: RebalanceKind,
        /// Its duration in milliseconds.
        duration_ms: u64,
        /// The number of partitions that changed owner.
        moved: usize,
    },
    /// The number of workers was changed.
    ConcurrencyChanged {
        /// The number before.
        from: u32,
        /// The number now.
        to: u32,
        /// Why, if automatic concurrency changed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The run was paused.
    Paused,
    /// The run was resumed.
    Resumed,
    /// The user requested that the run stop.
    CancelRequested,
    /// A record failed and will be retried.
    Retried(Failure),
    /// A record failed for good and was skipped.
    Skipped(Failure),
    /// A new topic matches the selection and was added to a run that follows the log.
    TopicAdded {
        /// Its name.
        topic: String,
        /// Its number of partitions.
        partitions: usize,
    },
    /// A topic has more partitions than before.
    PartitionsAdded {
        /// Its name.
        topic: String,
        /// The number of new partitions.
        added: usize,
        /// Whether the run reads them. Only a run that follows the log does.
        joined: bool,
    },
    /// Retention has deleted records before they were read.
    Expired {
        /// The partition.
        partition: TopicPartition,
        /// The first missing offset.
        first: Offset,
        /// The first offset that still exists.
        end: Offset,
        /// What happens next.
        outcome: Expiry,
    },
    /// A record failed for good and was written to a dead-letter topic.
    DeadLettered {
        /// The dead-letter topic.
        topic: String,
        /// The failure.
        failure: Failure,
    },
    /// A record failed for good, and its key was quarantined.
    Quarantined {
        /// The key, truncated if long.
        key: String,
        /// The failure.
        failure: Failure,
    },
    /// Information about normal operation.
    Notice {
        /// One sentence.
        text: String,
    },
    /// A problem that does not stop the run.
    Warning {
        /// One sentence.
        text: String,
    },
    /// A problem that stopped part or all of the run.
    Error {
        /// One sentence.
        text: String,
    },
}

impl EventKind {
    /// Its severity.
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
