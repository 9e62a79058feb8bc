//! The handler contract: what is done with batches of records.
//!
//! [`handler_fn`] makes a handler from a closure. A handler with state for each worker implements three traits: a
//! [`HandlerFactory`] opens the [`RunHandlers`] of a run, and these make a [`Handler`] for each worker.
//!
//! ```
//! use std::sync::Arc;
//!
//! use kreplay_engine::handler::{
//!     Advice, Handler, HandlerContext, HandlerError, HandlerFactory, LaneFailure, LaneRun, RecordFailure, RunHandlers,
//!     handle_each,
//! };
//!
//! struct Printing;
//!
//! impl HandlerFactory for Printing {
//!     fn open(&self, _context: &HandlerContext) -> Result<Arc<dyn RunHandlers>, HandlerError> {
//!         Ok(Arc::new(Printing))
//!     }
//! }
//!
//! impl RunHandlers for Printing {
//!     fn make(&self, _worker: u32) -> Box<dyn Handler> {
//!         Box::new(Printing)
//!     }
//! }
//!
//! impl Handler for Printing {
//!     fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
//!         handle_each(batch, |record| match record.value() {
//!             Some(value) => Ok(println!("{}", String::from_utf8_lossy(value))),
//!             None => Err(RecordFailure::new("a tombstone cannot be printed", Advice::GiveUp)),
//!         })
//!     }
//! }
//! ```

mod batch_progress;
mod choice;
mod commit_clock;
mod context;
mod dry_run;
mod error;
mod factory;
mod failure;
mod function;
mod logs;
mod null;
mod open_handlers;
mod positions;
mod preview;
mod run_handlers;
pub mod testing;

pub use batch_progress::{BatchProgress, RecordIndex, handle_each};
pub use choice::HandlerChoice;
pub(crate) use commit_clock::{CommitClock, report_commits_to};
pub use commit_clock::{CommitScope, as_commit};
pub use context::HandlerContext;
pub use dry_run::{DryRunHandlers, DryRunMode, dry_run_of, open_dry_run};
pub use error::HandlerError;
pub use factory::{HandlerFactory, HandlerFacts};
pub use failure::{Advice, LaneFailure, RecordFailure};
pub use function::{RecordRef, handler_fn};
pub use logs::{Differs, LogId, Logs};
pub use null::NullFactory;
pub use open_handlers::OpenHandlers;
pub use positions::{Holder, PositionStore, Positions, TargetPositions};
pub use preview::{EffectForm, Preview, PreviewError, PreviewOnlyHandler, PreviewedEffect};
pub use run_handlers::{HandlerNeeds, RunEnd, RunHandlers};

use kreplay_model::domain::Record;

/// Consecutive records of one lane, in order.
#[derive(Debug)]
pub struct LaneRun {
    /// The lane's number within the run.
    pub lane: u32,
    /// At least one record.
    pub records: Vec<Record>,
}

/// Handles batches of records. Each worker has its own instance, so an instance needs no locks.
///
/// The records of a run are handled in order. After a failure the rest of that run is not handled; the other runs
/// are. Returning without a failure for a run means that all its effects are durable.
pub trait Handler: Send {
    /// Handles a batch and reports the runs that were not handled completely.
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure>;
}
