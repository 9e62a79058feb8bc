//! Failures of records, and what is advised about retrying them.

use std::{any::Any, time::Duration};

/// A lane run of a batch that was not handled completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneFailure {
    /// The index of the run in the batch.
    pub run: usize,
    /// The number of its records that were handled before the one that failed.
    pub done: usize,
    /// Why the next record failed.
    pub error: String,
    /// What the handler advises about a retry.
    pub advice: Advice,
}

/// What a handler advises about retrying a failed record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Advice {
    /// Retry by the run's retry schedule.
    #[default]
    Retry,
    /// Retry after this delay or by the schedule, whichever is later. Counts as an attempt.
    After(Duration),
    /// The target is unavailable for every record. Retry by the schedule; if that is exhausted, the run pauses or
    /// fails. No record is skipped or dead-lettered for it, and no key is quarantined.
    Unable,
    /// As `Unable`, but not before this delay.
    UnableFor(Duration),
    /// The record can never be handled: it fails for good without another attempt.
    GiveUp,
    /// No further record can be handled: the run fails at once.
    Stop,
    /// The target rejects the record because another process has claimed its partition. In a group this is expected:
    /// the group will revoke the partition. Without a group the run fails.
    Fenced,
}

impl Advice {
    /// Whether the record may be the cause, rather than the target, which would accept no other record either.
    #[must_use]
    pub fn blames_record(self) -> bool {
        matches!(self, Self::Retry | Self::After(_) | Self::GiveUp)
    }
}

/// Why a record failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFailure {
    /// One sentence. It appears in events and dead letters.
    pub error: String,
    /// What the handler advises about a retry.
    pub advice: Advice,
}

impl RecordFailure {
    /// A failure with advice about a retry.
    pub fn new(error: impl Into<String>, advice: Advice) -> Self {
        Self { error: error.into(), advice }
    }

    /// The failure of a handler that panicked; `panic` is what it panicked with.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::from(format!("the handler panicked: {}", text.unwrap_or("no reason given")))
    }

    /// The failure of a run of a batch of which `done` records are handled.
    #[must_use]
    pub fn in_run(self, run: usize, done: usize) -> LaneFailure {
        let Self { error, advice } = self;
        LaneFailure { run, done, error, advice }
    }
}

/// Retried by the run's retry schedule.
impl From<String> for RecordFailure {
    fn from(error: String) -> Self {
        Self::new(error, Advice::Retry)
    }
}
