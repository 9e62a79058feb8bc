//! What is done with records.

mod factory;
mod ndjson;
mod null;
mod simulate;
mod spec;
#[cfg(test)]
mod testing;

pub use factory::{HandlerError, HandlerFactory};
pub use spec::{HandlerSpec, Simulate, SpecError, WorkTime, parse_duration};

use crate::domain::Record;

/// Records of one lane, in their order.
#[derive(Debug)]
pub struct LaneRun {
    /// The lane's number within the run.
    pub lane: u32,
    /// At least one record.
    pub records: Vec<Record>,
}

/// A lane of a batch that could not be handled to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneFailure {
    /// Which run of the batch, by index.
    pub run: usize,
    /// How many of its records were handled before the one that failed.
    pub done: usize,
    /// What went wrong with the next one.
    pub error: String,
}

/// Does the work. One instance belongs to one worker, so that it needs no locks of its own.
///
/// The records of a run are handled in their order; after a failure the rest of that run is left alone, while the other
/// runs go on. Returning without a failure for a run says that all its effects are durable.
pub trait Handler: Send {
    /// Handles a batch and reports the runs that did not come to their end.
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure>;
}
