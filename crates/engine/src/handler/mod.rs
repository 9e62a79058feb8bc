//! The handler contract: what is done with batches of records.

mod choice;
mod context;
mod dry_run;
mod error;
mod function;
mod logs;
mod null;
mod opened;
mod preview;
mod source;
pub mod testing;

pub use choice::{HandlerChoice, HandlerFacts};
pub use context::HandlerContext;
pub use dry_run::{DryRunHandlers, DryRunMode, dry_run_of, open_dry_run};
pub use error::HandlerError;
pub use function::{RecordRef, handler_fn};
pub use logs::{Differs, LogId, Logs};
pub use null::NullFactory;
pub use opened::open_with;
pub use preview::{EffectForm, Preview, PreviewError, PreviewOnlyHandler, PreviewedEffect};
pub use source::{HandlerFactory, HandlerSource, Holder, PositionStore, Positions, RunEnd};

use std::time::Duration;

use kreplay_model::domain::Record;

/// Consecutive records of one lane, in order.
#[derive(Debug)]
pub struct LaneRun {
    /// The lane's number within the run.
    pub lane: u32,
    /// At least one record.
    pub records: Vec<Record>,
}

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
    /// The record can never be handled: it fails for good without another attempt.
    GiveUp,
    /// No further record can be handled: the run fails at once.
    Stop,
    /// The target rejects the record because another process has claimed its partition. In a group this is expected:
    /// the group will revoke the partition. Without a group the run fails.
    Fenced,
}

/// Handles batches of records. Each worker has its own instance, so an instance needs no locks.
///
/// The records of a run are handled in order. After a failure the rest of that run is not handled; the other runs
/// are. Returning without a failure for a run means that all its effects are durable.
pub trait Handler: Send {
    /// Handles a batch and reports the runs that were not handled completely.
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure>;
}
