//! Opens the handlers of a run.

use std::sync::Arc;

use super::{HandlerContext, HandlerError, RunHandlers};

/// What is known of a handler before it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HandlerFacts {
    /// The mean handling time of a record, in seconds.
    pub work_s: Option<f64>,
    /// Some attempts fail on purpose, so predictions leave out retries.
    pub fails_on_purpose: bool,
    /// Positions are committed in the handler's transactions, one offset for each partition. Each partition is then a
    /// lane.
    pub commits_partitions: bool,
    /// Records are written to standard output, which nothing else may use.
    pub uses_stdout: bool,
}

/// Opens the handlers of a run. A session calls it once for each run that it starts.
pub trait HandlerFactory: Send + Sync {
    /// The handler's name, with the settings given with it; never with a secret. Screens and reports show it.
    fn name(&self) -> String {
        "custom".into()
    }

    /// What is known before the handler is opened.
    fn facts(&self) -> HandlerFacts {
        HandlerFacts::default()
    }

    /// Opens the handlers of a run, with the state that they share.
    ///
    /// # Errors
    /// The target cannot be used, or the settings are invalid; the run does not start.
    fn open(&self, context: &HandlerContext) -> Result<Arc<dyn RunHandlers>, HandlerError>;
}

/// The same handlers for every run, if they need no context.
impl HandlerFactory for Arc<dyn RunHandlers> {
    fn open(&self, _context: &HandlerContext) -> Result<Arc<dyn RunHandlers>, HandlerError> {
        Ok(Arc::clone(self))
    }
}
