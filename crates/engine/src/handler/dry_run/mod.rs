//! Dry runs: effects are built but not applied. A single dry run shows what a handler would do; a comparison shows
//! where two handlers differ.

mod comparison;
mod findings;
mod shown;
mod single;
mod tally;

use std::sync::Arc;

use self::{comparison::ComparingHandlers, single::CountingHandlers};
use super::{HandlerChoice, HandlerContext, HandlerError, RunHandlers};

/// The kind of dry run.
#[derive(Clone, Debug, PartialEq)]
pub enum DryRunMode {
    /// What the run's handler would do.
    Single,
    /// How the run's handler and another one differ.
    Compare {
        /// The other handler.
        right: HandlerChoice,
        /// The maximum number of differences that are kept for display.
        shown: usize,
    },
}

/// The handlers of a dry run, in place of those that apply effects.
pub struct DryRunHandlers {
    /// The handlers that the run uses.
    pub handlers: Arc<dyn RunHandlers>,
    /// Whether one worker must handle all records, because a preview keeps state.
    pub single_threaded: bool,
}

/// Opens the handlers of a dry run.
///
/// # Errors
/// A handler has no effects to build, or cannot build them.
pub fn open_dry_run(
    mode: &DryRunMode,
    handler: &HandlerChoice,
    context: &HandlerContext,
) -> Result<DryRunHandlers, HandlerError> {
    let context = HandlerContext { preview_only: true, ..context.clone() };
    match mode {
        DryRunMode::Single => dry_run_of(handler.open(&context)?, &context),
        DryRunMode::Compare { right, shown } => {
            let sides = [handler.open(&context)?, right.open(&context)?];
            let names = [handler.to_string(), right.to_string()];
            let comparison = ComparingHandlers::new(sides, names, *shown, &context)?;
            Ok(DryRunHandlers { single_threaded: comparison.keeps_state(), handlers: Arc::new(comparison) })
        }
    }
}

/// Makes a dry run of open handlers.
///
/// # Errors
/// The handlers have no effects to build, or cannot build them.
pub fn dry_run_of(handlers: Arc<dyn RunHandlers>, context: &HandlerContext) -> Result<DryRunHandlers, HandlerError> {
    let dry_run = CountingHandlers::new(handlers, context)?;
    Ok(DryRunHandlers { single_threaded: dry_run.keeps_state(), handlers: Arc::new(dry_run) })
}
