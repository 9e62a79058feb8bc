//! Claims partitions in the target on a separate thread, so that a slow target blocks a run only up to a timeout.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_kafka::Client;
use kreplay_model::domain::{
    Offset, TopicPartition,
    number::{by_count, counted},
};

use super::logs::{check_ends, look_up};
use crate::{
    handler::{HandlerError, Logs, OpenHandlers},
    replay::{
        background_task::{BackgroundTask, TaskState},
        engine::Engine,
        partition::HandledOffsets,
    },
};

/// The longest wait for a target.
pub const CLAIM_TIMEOUT: Duration = Duration::from_secs(60);
/// A longer wait is reported.
const NOTICE_DELAY: Duration = Duration::from_secs(2);
/// How often a waiting caller checks whether the run is ending.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Attempts, since a target that does not answer may be restarting; and the delay between them.
const MAX_ATTEMPTS: u32 = 3;
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What the target has of a claimed partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetState {
    /// Every record below it is settled; `None` if the target has no position.
    pub position: Option<Offset>,
    /// The offsets above it whose effects the target has.
    pub applied: HandledOffsets,
}

/// Claims partitions for a run. Returns what the target has of each, or `None` if the run failed or had to end
/// meanwhile; then nothing of them may be read. A pending claim continues on its thread. Without a client it is not
/// checked whether the target's positions belong to these logs.
#[must_use]
pub fn claim(
    engine: &Arc<Engine>,
    client: Option<&Client>,
    ids: &[TopicPartition],
    wait: Duration,
) -> Option<Vec<TargetState>> {
    if ids.is_empty() {
        return Some(Vec::new());
    }
    let source = Arc::clone(engine.handlers.get()?);
    let pending = engine.claims.begin();
    let request = ClaimRequest { engine: Arc::clone(engine), source, client: client.cloned(), ids: ids.to_vec() };
    let spawned = BackgroundTask::spawn("claim", move |results| {
        let _pending = pending;
        results.send(request.run());
    });
    let task = match spawned {
        Ok(task) => task,
        Err(error) => {
            engine.fail(format!("the operating system cannot start another thread ({error})"));
            return None;
        }
    };
    let begun = Instant::now();
    let mut is_reported = false;
    loop {
        match task.wait(POLL_INTERVAL) {
            TaskState::New(Ok(states)) => {
                engine.claims.note_claimed();
                return Some(states);
            }
            TaskState::New(Err(error)) => {
                engine.refuse(&error);
                return None;
            }
            // In every other case the thread sends a result.
            TaskState::Ended => {
                engine.fail("the handler cannot claim partitions: it panicked".into());
                return None;
            }
            TaskState::Waiting if engine.reading_stopped() => return None,
            TaskState::Waiting if begun.elapsed() >= wait => {
                engine.fail(format!(
                    "the handler's target did not release {} within {} s; check whether it responds, and whether \
                     another process holds {}",
                    counted(ids.len(), "partition"),
                    wait.as_secs(),
                    by_count(ids.len(), "it", "them")
                ));
                return None;
            }
            TaskState::Waiting if begun.elapsed() >= NOTICE_DELAY && !is_reported => {
                is_reported = true;
                let partitions = counted(ids.len(), "partition");
                let text = format!("waiting for the handler's target to release {partitions}");
                engine.events.notice(text);
            }
            TaskState::Waiting => {}
        }
    }
}

/// A claim and everything its thread needs.
struct ClaimRequest {
    engine: Arc<Engine>,
    source: Arc<OpenHandlers>,
    client: Option<Client>,
    ids: Vec<TopicPartition>,
}

impl ClaimRequest {
    fn run(&self) -> Result<Vec<TargetState>, HandlerError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.try_once() {
                Err(error)
                    if !error.is_final() && attempts < MAX_ATTEMPTS && !self.engine.stop_reading.wait(RETRY_DELAY) => {}
                answer => return answer,
            }
        }
    }

    fn try_once(&self) -> Result<Vec<TargetState>, HandlerError> {
        let Self { engine, source, client, ids } = self;
        let client = client.as_ref();
        let logs = client.map_or_else(|| Ok(Logs::default()), |client| look_up(engine, client, ids))?;
        let target = |reason| HandlerError::Target { handler: "of this run", reason };
        let (positions, applied) = catch_unwind(AssertUnwindSafe(|| {
            let Some(target) = source.positions() else { return Ok((vec![None; ids.len()], Vec::new())) };
            let positions = target.claim(ids, &logs)?;
            Ok((positions, target.applied(ids)))
        }))
        .unwrap_or_else(|_| Err(target("it panicked while claiming partitions".into())))?;
        if positions.len() != ids.len() {
            let asked = counted(ids.len(), "partition");
            let reason = format!("it was asked for {asked} and returned positions for {}", positions.len());
            return Err(target(reason));
        }
        client.map_or(Ok(()), |client| check_ends(engine, client, ids, &positions))?;
        let mut applied = applied.iter().map(|offsets| offsets.runs().collect());
        let state = |position| TargetState { position, applied: applied.next().unwrap_or_default() };
        Ok(positions.into_iter().map(state).collect())
    }
}
