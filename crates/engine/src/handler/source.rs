//! The interface between a run and its handler: creating workers' handlers, positions, previews, and the end of the
//! run.

use std::{sync::Arc, time::Duration};

use kreplay_kafka::GroupMember;
use kreplay_model::{
    domain::{Offset, TopicPartition},
    feed::{DryRunFindings, EffectCount},
};

use super::{Handler, HandlerContext, HandlerError, HandlerFacts, Logs, Preview};

/// Where a run's positions are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PositionStore {
    /// In the run's journal or consumer group.
    #[default]
    Run,
    /// In the target, together with the effects. The target's positions take precedence over journal and group. Offsets
    /// of a group are committed as well, for monitoring.
    Target,
    /// In a consumer group whose offsets the target's transactions commit. Nothing else may commit that group's
    /// offsets.
    TargetGroup,
}

/// What a handler can ask the run about its partitions. Partitions are given by index.
pub trait Positions: Send + Sync {
    /// A partition's position: every record below it is settled and durable. It moves past gaps left by compaction and
    /// transactions.
    fn position(&self, partition: u32) -> i64;

    /// The first offset of a partition that belongs to the run.
    fn first(&self, _partition: u32) -> i64 {
        0
    }

    /// The owner of a partition in the run's group, within this process; `None` if it has none or there is no group.
    fn holder(&self, _partition: u32) -> Option<Holder> {
        None
    }
}

/// The owner of a partition of a run.
#[derive(Clone, Debug, Default)]
pub struct Holder {
    /// The epoch of the assignment. Records with another epoch belong to a revoked assignment.
    pub epoch: u32,
    /// The member of the group; `None` without a group.
    pub member: Option<GroupMember>,
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

    /// Opens the source of a run's handlers, with the state that they share.
    ///
    /// # Errors
    /// The target cannot be used, or the settings are invalid; the run does not start.
    fn open(&self, context: &HandlerContext) -> Result<Arc<dyn HandlerSource>, HandlerError>;
}

/// The same source for every run, for sources that need no context.
impl HandlerFactory for Arc<dyn HandlerSource> {
    fn open(&self, _context: &HandlerContext) -> Result<Arc<dyn HandlerSource>, HandlerError> {
        Ok(Arc::clone(self))
    }
}

/// Creates a handler for each worker of one run.
pub trait HandlerSource: Send + Sync {
    /// Creates the handler of one worker.
    fn make(&self, worker: u32) -> Box<dyn Handler>;

    /// Whether the handlers use record headers. If not, reading does not copy them.
    fn wants_headers(&self) -> bool;

    /// The mean time of a record in seconds, if known in advance.
    fn expected_s(&self) -> Option<f64> {
        None
    }

    /// The target duration of a batch. For handlers with a fixed cost per batch (a transaction, a request), which would
    /// dominate the default of a few milliseconds.
    fn batch_time(&self) -> Option<Duration> {
        None
    }

    /// Whether the handlers fail records that cannot be decoded in their configured format. Otherwise the run fails
    /// them before they reach a handler.
    fn decodes(&self) -> bool {
        false
    }

    /// Adds a partition to the run. Its records carry the next index. Called before the first of them.
    fn joined(&self, _id: &TopicPartition) {}

    /// Where the run's positions are stored.
    fn position_store(&self) -> PositionStore {
        PositionStore::Run
    }

    /// Claims partitions before their first record: from then on the target rejects writes of earlier owners, in this
    /// process or another. Returns the target's position of each partition, in the given order; `None` if it has none.
    ///
    /// Called only if positions are not stored in the run. May block for a bounded time. `logs` identifies at least the
    /// topics of these partitions; a position is valid only for the log that it was stored for.
    ///
    /// # Errors
    /// The target cannot be reached; or [`HandlerError::OtherLog`], and then nothing was changed.
    fn claim(&self, partitions: &[TopicPartition], _logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        Ok(vec![None; partitions.len()])
    }

    /// Hands over the run's positions. Called once, before the first batch.
    fn watch(&self, _positions: Arc<dyn Positions>) {}

    /// Releases partitions, given by index, of which no record is in flight: the target stores their positions now.
    /// Called only if positions are not stored in the run. May block for a bounded time.
    fn release(&self, _partitions: &[u32]) {}

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
    fn finish(&self, end: RunEnd) -> Result<(), HandlerError>;
}
