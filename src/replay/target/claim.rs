//! Asking a target for partitions. It may take its time, so that nobody waits for it longer than is good for a run.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use super::logs::{check_ends, look_up};
use crate::{
    domain::{Offset, TopicPartition},
    feed::EventKind,
    handler::{HandlerError, HandlerSource, Logs},
    kafka::Client,
    replay::engine::Engine,
};

/// The longest wait for a target.
pub const CLAIM_WAIT: Duration = Duration::from_secs(60);
/// A wait that is longer is told of.
const TOLD_AFTER: Duration = Duration::from_secs(2);
/// How often those who wait look whether the run still wants it.
const LOOK: Duration = Duration::from_millis(20);
/// A target that cannot be asked may be about to be started again.
const TRIES: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(1);

/// Counts a claim as under way.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Takes partitions over for a run, and says where the target stands with each. `None` where the run has failed by it, or
/// was told to end meanwhile: then nothing may be read of them. What is under way goes on aside. Without a client nobody says
/// whether the target's positions are those of the logs.
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
    let under_way = UnderWay::begin(&engine.claims.under_way);
    let asking = Asking { engine: Arc::clone(engine), source, client: client.cloned(), ids: ids.to_vec() };
    let spawned = std::thread::Builder::new().name("claim".into()).spawn(move || {
        let _under_way = under_way;
        // Nobody listens any more where the run has ended.
        let _ = answer.send(asking.ask());
    });
    if let Err(error) = spawned {
        engine.fail(format!("the system gives no further thread ({error})"));
        return None;
    }
    let begun = Instant::now();
    let mut told = false;
    loop {
        match answers.recv_timeout(LOOK) {
            Ok(Ok(stands)) => {
                *engine.claims.last.lock() = Some(Instant::now());
                return Some(stands);
            }
            Ok(Err(error)) => {
                engine.refuse(error.to_string(), error.is_usage());
                return None;
            }
            // It says why it ends in every other case.
            Err(RecvTimeoutError::Disconnected) => {
                engine.fail("the handler cannot take partitions over: it panicked".into());
                return None;
            }
            Err(RecvTimeoutError::Timeout) if engine.reading_stopped() => return None,
            Err(RecvTimeoutError::Timeout) if begun.elapsed() >= wait => {
                engine.fail(format!(
                    "the handler's target did not hand {} partitions over within {} s; look whether it answers, and whether \
                     something else holds it",
                    ids.len(),
                    wait.as_secs()
                ));
                return None;
            }
            Err(RecvTimeoutError::Timeout) if begun.elapsed() >= TOLD_AFTER && !told => {
                told = true;
                let text = format!("waiting for the handler's target to hand {} partitions over", ids.len());
                engine.events.push(EventKind::Notice { text });
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// A claim, on a thread of its own.
struct Asking {
    engine: Arc<Engine>,
    source: Arc<dyn HandlerSource>,
    client: Option<Client>,
    ids: Vec<TopicPartition>,
}

impl Asking {
    fn ask(&self) -> Result<Vec<Option<Offset>>, HandlerError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.ask_once() {
                Err(error) if !error.is_final() && tries < TRIES && !self.engine.reading_stopped() => {
                    std::thread::sleep(BETWEEN);
                }
                answer => return answer,
            }
        }
    }

    fn ask_once(&self) -> Result<Vec<Option<Offset>>, HandlerError> {
        let Self { engine, source, client, ids } = self;
        let client = client.as_ref();
        let logs = client.map_or_else(|| Ok(Logs::default()), |client| look_up(engine, client, ids))?;
        let target = |reason| HandlerError::Target { handler: "of this run", reason };
        let stands = catch_unwind(AssertUnwindSafe(|| source.claim(ids, &logs)))
            .unwrap_or_else(|_| Err(target("it panicked while it took partitions over".into())))?;
        if stands.len() != ids.len() {
            let reason = format!("it was asked about {} partitions and answers for {}", ids.len(), stands.len());
            return Err(target(reason));
        }
        client.map_or(Ok(()), |client| check_ends(engine, client, ids, &stands))?;
        Ok(stands)
    }
}
