//! The state of a run, and how it is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Ordering,
    number::{counted, seconds},
};

/// The state of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is being planned, or its plan is ready.
    #[default]
    Planned,
    /// Records are being handled.
    Running,
    /// Handling is paused.
    Paused,
    /// It is ending: records in flight are finished and committed, and no others are started.
    Draining,
    /// Everything in the plan is handled.
    Done,
    /// It failed.
    Failed,
    /// It was stopped before its end. Shown as `stopped`; `cancelled` in JSON.
    Cancelled,
}

impl RunState {
    /// Whether the run has ended.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "stopped",
        })
    }
}

/// Lanes waiting to retry their first record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetryingView {
    /// The number of keys, partitions, or records waiting, depending on the ordering.
    pub lanes: u64,
    /// Seconds until the next attempt.
    pub next_s: f64,
    /// Whether nothing else can be handled until then.
    pub alone: bool,
}

impl RetryingView {
    /// The count with its unit, such as `1 key retrying`.
    #[must_use]
    pub fn in_words(&self, ordering: Ordering) -> String {
        let what = match ordering {
            Ordering::Key => "key",
            Ordering::Partition => "partition",
            Ordering::None => "record",
        };
        format!("{} retrying", counted(self.lanes, what))
    }
}

/// The importance of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// Intended.
    None,
    /// Worth knowing.
    Notice,
    /// A problem.
    Warning,
}

/// A count of records that were not simply handled once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExceptionCount {
    /// The number of records.
    pub count: u64,
    /// What happened to them.
    pub label: &'static str,
    /// Its importance.
    pub importance: Importance,
}

/// The state of a run for display, refined by what it is waiting for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RunStatus {
    /// The plain state.
    State(RunState),
    /// It is running and follows the log.
    Following,
    /// Only quarantined keys are left, and they need a decision.
    AwaitsDecision,
    /// Only records waiting for a retry are left.
    Retrying(RetryingView),
    /// It is done, but not all of its records were handled.
    DoneWith(&'static str),
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => state.fmt(f),
            Self::Following => f.pad("following"),
            Self::AwaitsDecision => f.pad("waiting for a decision"),
            Self::Retrying(retrying) => f.pad(&format!("retrying in {}", seconds(retrying.next_s.max(0.0)))),
            Self::DoneWith(what) => f.pad(&format!("done with {what}")),
        }
    }
}
