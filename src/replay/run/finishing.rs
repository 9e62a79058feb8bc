//! The handlers' own end: they may have to verify, to convert, to swap. That takes its time on a thread of its own, and nothing
//! else waits for it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use crate::{
    feed::{EventKind, RunState},
    handler::{HandlerError, HandlerSource, RunEnd},
    replay::engine::Engine,
};

/// An end that takes longer is told of.
const TOLD_AFTER: Duration = Duration::from_secs(1);
/// So soon most handlers are at their end: it is not worth another turn of the session.
const AT_ONCE: Duration = Duration::from_millis(5);
/// How often a claim that was given up is looked after.
const LOOK: Duration = Duration::from_millis(10);

/// What is wrong with a handler's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadEnd {
    pub(super) text: String,
    pub(super) usage: bool,
}

/// Handlers on the way to their end.
pub(super) struct Finishing {
    /// What the run will be, if nothing comes between.
    pub(super) state: RunState,
    /// When everything else was over.
    pub(super) over: Instant,
    begun: Instant,
    told: bool,
    ended: Receiver<Result<(), BadEnd>>,
}

impl Finishing {
    /// Begins it. A claim that is still under way has to end first: what it takes over afterwards nobody would give back.
    pub(super) fn begin(
        engine: &Arc<Engine>,
        source: &Arc<dyn HandlerSource>,
        end: RunEnd,
        state: RunState,
        over: Instant,
    ) -> Self {
        let (tell, ended) = channel();
        let (engine, own) = (Arc::clone(engine), Arc::clone(source));
        let spawned = std::thread::Builder::new().name("finish".into()).spawn(move || {
            while engine.claims.are_under_way() {
                std::thread::sleep(LOOK);
            }
            // Nobody listens any more where the session has gone.
            let _ = tell.send(finish(own.as_ref(), end));
        });
        let ended = if spawned.is_ok() {
            ended
        } else {
            // Without a thread it is still brought to its end; the session waits for it.
            let (tell, ended) = channel();
            let _ = tell.send(finish(source.as_ref(), end));
            ended
        };
        Self { state, over, begun: Instant::now(), told: false, ended }
    }

    /// How it ended, and how long it took; `None` while it goes on.
    pub(super) fn look(&mut self, engine: &Engine) -> Option<(Result<(), BadEnd>, Duration)> {
        let result = match self.ended.recv_timeout(AT_ONCE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => {
                Err(BadEnd { text: "the handler's end was lost".into(), usage: false })
            }
            Err(RecvTimeoutError::Timeout) => {
                if self.begun.elapsed() >= TOLD_AFTER && !std::mem::replace(&mut self.told, true) {
                    let text =
                        "every record is settled; the handler brings its target to the end, which may take its time";
                    engine.events.push(EventKind::Notice { text: text.into() });
                }
                return None;
            }
        };
        Some((result, self.begun.elapsed()))
    }
}

fn finish(source: &dyn HandlerSource, end: RunEnd) -> Result<(), BadEnd> {
    match catch_unwind(AssertUnwindSafe(|| source.finish(end))) {
        Ok(result) => result.map_err(|error: HandlerError| BadEnd { text: error.to_string(), usage: error.is_usage() }),
        Err(_) => Err(BadEnd { text: "the handler panicked while it was brought to its end".into(), usage: false }),
    }
}
