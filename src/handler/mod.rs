//! What is done with records.

mod factory;
mod ndjson;
mod null;
mod simulate;
mod spec;
#[cfg(test)]
mod testing;

pub use factory::{HandlerError, HandlerFactory};
pub use simulate::is_poison;
pub use spec::{HandlerSpec, Simulate, SpecError, WorkTime, parse_duration};

use crate::domain::{Record, TopicPartition};

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
    /// Whether trying again is pointless because nothing can be handled any more: the run fails at once.
    pub is_final: bool,
}

/// Does the work. One instance belongs to one worker, so that it needs no locks of its own.
///
/// The records of a run are handled in their order; after a failure the rest of that run is left alone, while the other
/// runs go on. Returning without a failure for a run says that all its effects are durable.
pub trait Handler: Send {
    /// Handles a batch and reports the runs that did not come to their end.
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure>;
}

/// Makes a handler for each worker of one run.
pub trait HandlerSource: Send + Sync {
    /// The handler of one worker.
    fn make(&self, worker: u32) -> Box<dyn Handler>;

    /// Whether the handlers look at headers; where they do not, reading need not copy them.
    fn wants_headers(&self) -> bool;

    /// The mean time of a record in seconds, where it is known beforehand.
    fn expected_s(&self) -> Option<f64>;

    /// A partition joins the run: its records carry the next index. Told before the first of them.
    fn joined(&self, _id: &TopicPartition) {}

    /// Brings everything to its end after the last batch.
    ///
    /// # Errors
    /// [`HandlerError`]: what counts as handled may not be durable.
    fn finish(&self) -> Result<(), HandlerError>;
}

impl HandlerSource for HandlerFactory {
    fn make(&self, worker: u32) -> Box<dyn Handler> {
        Self::make(self, worker)
    }

    fn wants_headers(&self) -> bool {
        Self::wants_headers(self)
    }

    fn expected_s(&self) -> Option<f64> {
        Self::expected_s(self)
    }

    fn joined(&self, id: &TopicPartition) {
        Self::joined(self, id);
    }

    fn finish(&self) -> Result<(), HandlerError> {
        Self::finish(self)
    }
}
