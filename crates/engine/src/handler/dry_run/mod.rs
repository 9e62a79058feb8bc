//! Dry runs: effects are built but not applied. A single dry run shows what a handler would do; a comparison shows
//! where two handlers differ.

mod comparison;
mod findings;
mod shown;
mod source;
mod tally;

use std::sync::Arc;

use kreplay_model::domain::AppendOnlyVec;

use self::{comparison::ComparisonSource, source::DryRunSource};
use super::{HandlerChoice, HandlerContext, HandlerError, HandlerSource};

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
    /// The source that the run uses.
    pub source: Arc<dyn HandlerSource>,
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
        DryRunMode::Single => dry_run_of(handler.open_for_run(&context)?, &context),
        DryRunMode::Compare { right, shown } => {
            // Each side adds partitions that join to its own list.
            let partitions: AppendOnlyVec<_> = context.partitions.iter().cloned().collect();
            let other = HandlerContext { partitions: Arc::new(partitions), ..context.clone() };
            let sides = [handler.open_for_run(&context)?, right.open_for_run(&other)?];
            let names = [handler.to_string(), right.to_string()];
            let comparison = ComparisonSource::new(sides, names, *shown, &context)?;
            Ok(DryRunHandlers { single_threaded: comparison.keeps_state(), source: Arc::new(comparison) })
        }
    }
}

/// Makes a dry run of an open handler source.
///
/// # Errors
/// The handlers have no effects to build, or cannot build them.
pub fn dry_run_of(source: Arc<dyn HandlerSource>, context: &HandlerContext) -> Result<DryRunHandlers, HandlerError> {
    let dry_run = DryRunSource::new(source, context)?;
    Ok(DryRunHandlers { single_threaded: dry_run.keeps_state(), source: Arc::new(dry_run) })
}
