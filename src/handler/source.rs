//! What a run needs of its handlers besides handling.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Handler, HandlerError, Logs, Preview};
use crate::{
    domain::{Offset, TopicPartition},
    feed::RehearsalView,
    kafka::GroupMember,
};

/// Who keeps how far a run has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeptBy {
    /// The run: its journal, or the group it belongs to.
    #[default]
    Run,
    /// The target, together with its effects: where it stands wins over journal and group. A group's offsets are committed
    /// all the same, for those who watch it.
    Target,
    /// The target, by transactions that commit the offsets of a consumer group: nobody else may commit that group's.
    TargetsGroup,
}

/// What a target that keeps positions may ask the run for.
pub trait Positions: Send + Sync {
    /// The position of a partition of the run, by its index: every record below it is handled and durable. Holes of
    /// compaction and transactions are passed.
    fn position(&self, partition: u32) -> i64;

    /// The first offset that the run is about, of a partition by its index.
    fn first(&self, _partition: u32) -> i64 {
        0
    }

    /// Who has the partition in the run's group, in this process; `None` where nobody has, or there is no group.
    fn holder(&self, _partition: u32) -> Option<Holder> {
        None
    }
}

/// Who has a partition of a run.
#[derive(Clone, Debug, Default)]
pub struct Holder {
    /// The assignment under which it is read; records that carry another one are somebody else's by now.
    pub epoch: u32,
    /// The member of the group; `None` without a group.
    pub member: Option<GroupMember>,
}

/// Something that handlers did, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectCount {
    /// What, for people and programs: `statements.orders`, `requests`, `records.realtime.user`.
    pub what: String,
    /// How often.
    pub count: u64,
}

/// How a run came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunEnd {
    /// Every record of the plan is dealt with; otherwise the run was stopped, or has failed.
    pub complete: bool,
    /// Records handled.
    pub handled: u64,
    /// Records passed over or dead-lettered.
    pub passed_over: u64,
}

/// Makes a handler for each worker of one run.
pub trait HandlerSource: Send + Sync {
    /// The handler of one worker.
    fn make(&self, worker: u32) -> Box<dyn Handler>;

    /// Whether the handlers look at headers; where they do not, reading need not copy them.
    fn wants_headers(&self) -> bool;

    /// The mean time of a record in seconds, where it is known beforehand.
    fn expected_s(&self) -> Option<f64>;

    /// How long a batch should take, where each has a cost of its own (a transaction, a request) and the usual few
    /// milliseconds would be spent on that alone.
    fn batch_time(&self) -> Option<Duration> {
        None
    }

    /// Whether the handlers fail what cannot be decoded, where a format was asked for; otherwise the run does, before they see
    /// it.
    fn decodes(&self) -> bool {
        false
    }

    /// A partition joins the run: its records carry the next index. Told before the first of them.
    fn joined(&self, _id: &TopicPartition) {}

    /// Who keeps how far the run has got.
    fn kept_by(&self) -> KeptBy {
        KeptBy::Run
    }

    /// Takes partitions over, before their first record: from here on the target refuses what an earlier owner of them, in
    /// this process or another, still wants to write. Answers where the target stands, in the order asked for; `None` where it
    /// has nothing of a partition. Only asked where the target keeps positions; it may wait, within bounds. `logs` are those
    /// of the run's topics, known for these partitions at least: positions are worth nothing in another log.
    ///
    /// # Errors
    /// The target cannot be asked; or [`HandlerError::OtherLog`], and then nothing is changed.
    fn claim(&self, partitions: &[TopicPartition], _logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        Ok(vec![None; partitions.len()])
    }

    /// Where the run's positions can be asked for. Told once, before the first batch.
    fn watch(&self, _positions: Arc<dyn Positions>) {}

    /// The run lets go of these partitions, by index, and has nothing of them in hand any more: what the target still has to
    /// note of their positions is noted now. Only told where the target keeps positions; it may wait, within bounds.
    fn let_go(&self, _partitions: &[u32]) {}

    /// What was done so far, for the report.
    fn effects(&self) -> Vec<EffectCount> {
        Vec::new()
    }

    /// Builds effects without applying them: for dry runs and comparisons.
    ///
    /// # Errors
    /// What the effects are built with is not there; or this handler has no effects to build.
    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        Err(HandlerError::NoPreview)
    }

    /// What was found so far, where effects are only rehearsed. It is asked for many times a second, and may leave out what
    /// there is much of until the run is over.
    fn rehearsal(&self, _over: bool) -> Option<RehearsalView> {
        None
    }

    /// Brings everything to its end after the last batch. It may take its time.
    ///
    /// # Errors
    /// [`HandlerError`]: what counts as handled may not be durable, or is not to be trusted.
    fn finish(&self, end: RunEnd) -> Result<(), HandlerError>;
}
