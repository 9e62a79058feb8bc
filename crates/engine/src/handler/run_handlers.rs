//! The handlers of one run.

use std::{sync::Arc, time::Duration};

use kreplay_model::{
    domain::TopicPartition,
    feed::{DryRunFindings, EffectCount},
};

use super::{Handler, HandlerError, Positions, Preview, TargetPositions};

/// What the handlers of a run need from it. It does not change during the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HandlerNeeds {
    /// Records with their headers. Otherwise reading does not copy them.
    pub headers: bool,
    /// Records that cannot be decoded in their configured format: the handlers fail these themselves. Otherwise the run
    /// fails them before they reach a handler.
    pub undecodable: bool,
    /// Batches that take this long. For handlers with a fixed cost per batch (a transaction, a request), which would
    /// dominate the default of a few milliseconds.
    pub batch_time: Option<Duration>,
    /// The mean time of a record in seconds, if known in advance.
    pub expected_s: Option<f64>,
}

/// Complete records that can be decoded, in batches of a few milliseconds.
impl Default for HandlerNeeds {
    fn default() -> Self {
        Self { headers: true, undecodable: false, batch_time: None, expected_s: None }
    }
}

impl HandlerNeeds {
    /// The default, without headers.
    pub const WITHOUT_HEADERS: Self = Self { headers: false, undecodable: false, batch_time: None, expected_s: None };
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunEnd {
    /// Every record of the plan is settled. Otherwise the run was stopped or failed.
    pub complete: bool,
    /// Records handled.
    pub handled: u64,
    /// Records skipped or dead-lettered.
    pub passed_over: u64,
}

/// Makes the handlers of one run and holds what they share. Only [`make`](Self::make) is required.
pub trait RunHandlers: Send + Sync {
    /// Creates the handler of one worker.
    fn make(&self, worker: u32) -> Box<dyn Handler>;

    /// What the handlers need from the run.
    fn needs(&self) -> HandlerNeeds {
        HandlerNeeds::default()
    }

    /// The positions that the target stores. `None`: the run stores them, in its journal or group.
    fn positions(&self) -> Option<&dyn TargetPositions> {
        None
    }

    /// Hands over the run's positions. Called once, before the first batch.
    fn watch(&self, _positions: Arc<dyn Positions>) {}

    /// A partition has joined the run, at the next index. Called before its first record.
    fn joined(&self, _id: &TopicPartition) {}

    /// The effects applied so far, for the report.
    fn effects(&self) -> Vec<EffectCount> {
        Vec::new()
    }

    /// Creates a preview, which builds effects without applying them: for dry runs and comparisons.
    ///
    /// # Errors
    /// Something that the preview needs is missing; or the handler has no effects to build.
    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        Err(HandlerError::NoPreview)
    }

    /// The findings of a dry run so far; `None` for a run that applies effects. Called many times a second, so large
    /// lists may be left out until the run is over.
    fn dry_run_findings(&self, _run_is_over: bool) -> Option<DryRunFindings> {
        None
    }

    /// Finishes all work after the last batch. May take long.
    ///
    /// # Errors
    /// [`HandlerError`]: records that count as handled may not be durable or correct.
    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        Ok(())
    }
}
