//! Finishes the handlers at the end of a run. They may have to verify, convert, or swap tables, so this runs on its own
//! thread and blocks nothing else.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::{Classified as _, ErrorClass},
    feed::RunState,
};

use crate::{
    handler::{HandlerError, OpenHandlers, RunEnd},
    replay::{
        background_task::{BackgroundTask, TaskState},
        engine::Engine,
    },
};

/// A longer finish is reported.
const NOTICE_DELAY: Duration = Duration::from_secs(1);
/// Most handlers finish within this time, so it is not worth waiting for another tick.
const POLL_TIMEOUT: Duration = Duration::from_millis(5);
/// How often a pending claim is checked.
const CLAIM_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Why a handler could not finish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FinishError {
    pub(super) text: String,
    pub(super) class: ErrorClass,
}

/// A handler finish in progress.
pub(super) struct HandlerFinish {
    /// The final state of the run, unless the finish fails.
    pub(super) state: RunState,
    /// When everything else had ended.
    pub(super) ended_at: Instant,
    begun: Instant,
    is_reported: bool,
    task: BackgroundTask<Result<(), FinishError>>,
}

impl HandlerFinish {
    /// Starts finishing. A pending claim has to end first; nothing would release what it claims later.
    pub(super) fn begin(
        engine: &Arc<Engine>,
        source: &Arc<OpenHandlers>,
        end: RunEnd,
        state: RunState,
        ended_at: Instant,
    ) -> Self {
        let (shared, handlers) = (Arc::clone(engine), Arc::clone(source));
        let task = BackgroundTask::spawn("finish", move |results| {
            while shared.claims.are_pending() {
                std::thread::sleep(CLAIM_POLL_INTERVAL);
            }
            results.send(finish(&handlers, end));
        });
        // Without a thread the session itself finishes the handlers and waits.
        let task = task.unwrap_or_else(|_| BackgroundTask::ended(finish(source, end)));
        Self { state, ended_at, begun: Instant::now(), is_reported: false, task }
    }

    /// The result and the duration; `None` while finishing continues.
    pub(super) fn poll(&mut self, engine: &Engine) -> Option<(Result<(), FinishError>, Duration)> {
        let result = match self.task.wait(POLL_TIMEOUT) {
            TaskState::New(result) => result,
            TaskState::Ended => Err(FinishError {
                text: "the handler's shutdown thread stopped without a result; please report this".into(),
                class: ErrorClass::Failed,
            }),
            TaskState::Waiting => {
                if self.begun.elapsed() >= NOTICE_DELAY && !std::mem::replace(&mut self.is_reported, true) {
                    let text = "all records are settled; waiting for the handler to finalize its target, which may \
                                take a while";
                    engine.events.notice(text);
                }
                return None;
            }
        };
        Some((result, self.begun.elapsed()))
    }
}

fn finish(source: &OpenHandlers, end: RunEnd) -> Result<(), FinishError> {
    match catch_unwind(AssertUnwindSafe(|| source.finish(end))) {
        Ok(result) => {
            result.map_err(|error: HandlerError| FinishError { text: error.to_string(), class: error.class() })
        }
        Err(_) => Err(FinishError { text: "the handler panicked while finishing".into(), class: ErrorClass::Failed }),
    }
}
