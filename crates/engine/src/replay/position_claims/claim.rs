//! Claims partitions in the target on a separate thread, so that a slow target blocks a run only up to a timeout.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use kreplay_kafka::Client;
use kreplay_model::{
    domain::{Offset, TopicPartition},
    feed::EventKind,
};

use super::logs::{check_ends, look_up};
use crate::{
    handler::{HandlerError, Logs, OpenHandlers},
    replay::engine::Engine,
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

/// Counts a claim as pending while it lives.
struct PendingClaim(Arc<AtomicUsize>);

impl PendingClaim {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for PendingClaim {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Claims partitions for a run. Returns the target's position of each, or `None` if the run failed or had to end
/// meanwhile; then nothing of them may be read. A pending claim continues on its thread. Without a client it is not
/// checked whether the target's positions belong to these logs.
#[must_use]
pub fn claim(
    engine: &Arc<Engine>,
    client: Option<&Client>,
    ids: &[TopicPartition],
    wait: Duration,
) -> Option<Vec<Option<Offset>>> {
    if ids.is_empty() {
        return Some(Vec::new());
    }
    let source = Arc::clone(engine.handlers.get()?);
    let (answer, answers) = channel();
    let pending = PendingClaim::begin(&engine.claims.pending);
    let request = ClaimRequest { engine: Arc::clone(engine), source, client: client.cloned(), ids: ids.to_vec() };
    let spawned = std::thread::Builder::new().name("claim".into()).spawn(move || {
        let _pending = pending;
        // Fails if the run has ended.
        let _ = answer.send(request.run());
    });
    if let Err(error) = spawned {
        engine.fail(format!("the operating system cannot start another thread ({error})"));
        return None;
    }
    let begun = Instant::now();
    let mut is_reported = false;
    loop {
        match answers.recv_timeout(POLL_INTERVAL) {
            Ok(Ok(positions)) => {
                *engine.claims.last.lock() = Some(Instant::now());
                return Some(positions);
            }
            Ok(Err(error)) => {
                engine.refuse(error.to_string(), error.is_usage());
                return None;
            }
            // In every other case the thread sends a result.
            Err(RecvTimeoutError::Disconnected) => {
                engine.fail("the handler cannot claim partitions: it panicked".into());
                return None;
            }
            Err(RecvTimeoutError::Timeout) if engine.reading_stopped() => return None,
            Err(RecvTimeoutError::Timeout) if begun.elapsed() >= wait => {
                engine.fail(format!(
                    "the handler's target did not release {} partitions within {} s; check whether it responds, and \
                     whether another process holds them",
                    ids.len(),
                    wait.as_secs()
                ));
                return None;
            }
            Err(RecvTimeoutError::Timeout) if begun.elapsed() >= NOTICE_DELAY && !is_reported => {
                is_reported = true;
                let text = format!("waiting for the handler's target to release {} partitions", ids.len());
                engine.events.push(EventKind::Notice { text });
            }
            Err(RecvTimeoutError::Timeout) => {}
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
    fn run(&self) -> Result<Vec<Option<Offset>>, HandlerError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.try_once() {
                Err(error) if !error.is_final() && attempts < MAX_ATTEMPTS && !self.engine.reading_stopped() => {
                    std::thread::sleep(RETRY_DELAY);
                }
                answer => return answer,
            }
        }
    }

    fn try_once(&self) -> Result<Vec<Option<Offset>>, HandlerError> {
        let Self { engine, source, client, ids } = self;
        let client = client.as_ref();
        let logs = client.map_or_else(|| Ok(Logs::default()), |client| look_up(engine, client, ids))?;
        let target = |reason| HandlerError::Target { handler: "of this run", reason };
        let claim = || source.positions().map_or_else(|| Ok(vec![None; ids.len()]), |target| target.claim(ids, &logs));
        let positions = catch_unwind(AssertUnwindSafe(claim))
            .unwrap_or_else(|_| Err(target("it panicked while claiming partitions".into())))?;
        if positions.len() != ids.len() {
            let reason =
                format!("it was asked for {} partitions and returned positions for {}", ids.len(), positions.len());
            return Err(target(reason));
        }
        client.map_or(Ok(()), |client| check_ends(engine, client, ids, &positions))?;
        Ok(positions)
    }
}
