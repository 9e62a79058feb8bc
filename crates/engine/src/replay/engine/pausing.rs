//! Pauses a run, and reports it.

use kreplay_model::feed::EventKind;

use super::Engine;
use crate::{
    handler::{LaneFailure, LaneRun},
    replay::{
        scheduler::pause::{PauseCause, PauseChange, PausingFailure, PausingRecord},
        shown_key::shown_key,
    },
};

impl Engine {
    /// Pauses the run until it is resumed.
    pub fn pause(&self, cause: PauseCause) {
        self.scheduler.pause(cause, |change| self.report_pause(change));
    }

    /// Pauses the run until it is resumed, and returns the lane.
    pub(super) fn pause_for(&self, run: LaneRun, done: usize, attempt: u32, failure: &LaneFailure) {
        let record = &run.records[done];
        let reason = self.failure_of(record, attempt, &failure.error).to_string();
        let record = failure.advice.blames_record().then(|| PausingRecord {
            partition: record.partition,
            offset: record.offset,
            key: record.key().map(|_| shown_key(record)),
            error: failure.error.clone(),
            attempts: attempt,
        });
        let pausing = PausingFailure { reason: reason.clone(), record };
        self.scheduler.pause_for(run, done, pausing, |change| {
            if change.is_kept {
                self.events.error(format!("paused: {reason}"));
            }
            self.report_pause(change);
        });
    }

    fn report_pause(&self, change: PauseChange) {
        if change.is_paused_now {
            self.events.push(EventKind::Paused);
        }
    }
}
