//! Effects that are built and not applied.

use super::{Advice, Handler, LaneFailure, LaneRun};
use crate::domain::Record;

/// What a record would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewedEffect {
    /// What kind of effect it is, and on what; effects are counted by it: `statement orders`, `POST http://…`, `topic orders.v2`.
    pub what: String,
    /// Everything that the effect consists of, in one form for equal effects: two handlers do the same where these are the
    /// same. For people it is shown escaped and cut.
    pub content: Vec<u8>,
}

/// A handler of what was opened for previews only: nothing can be handled.
pub(super) struct Unopened(pub(super) &'static str);

impl Handler for Unopened {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let failure = |run| LaneFailure { run, done: 0, error: self.0.into(), advice: Advice::Stop };
        (0..batch.len()).map(failure).collect()
    }
}

/// Decodes, routes and builds effects, and applies none.
///
/// It may keep state of its own, such as a scratch database, so it has to see the records of a key in their order.
pub trait Preview: Send {
    /// Appends what a record would do.
    ///
    /// # Errors
    /// What would fail the record, in one sentence.
    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), String>;

    /// Whether what a record would do depends on records before it. Then there is one preview for all of them; otherwise
    /// there is one for each worker.
    fn keeps_state(&self) -> bool {
        false
    }
}
