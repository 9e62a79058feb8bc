//! Pausing a run: the scheduler hands out no records while there is a cause. No other part keeps this state.

use std::time::Instant;

use super::{Inner, Scheduler};
use crate::handler::LaneRun;

/// Why a run is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// The user has paused it.
    User,
    /// Retention has deleted records before they were read.
    Retention,
    /// A record could not be handled.
    Failure(PausingFailure),
}

/// The failure that paused a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausingFailure {
    /// One sentence.
    pub reason: String,
    /// The failed record; `None` if no single record is the cause.
    pub record: Option<PausingRecord>,
}

/// The record that paused the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausingRecord {
    /// Its partition's index in the plan.
    pub partition: u32,
    /// Its offset.
    pub offset: i64,
    /// The beginning of its key, as text; `None` for a record without a key.
    pub key: Option<String>,
    /// The handler's error.
    pub error: String,
    /// Number of attempts.
    pub attempts: u32,
}

/// What a call of [`Scheduler::pause`] has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PauseChange {
    /// The run was not paused before, and has not ended.
    pub is_paused_now: bool,
    /// The cause of this call is the one that is kept.
    pub is_kept: bool,
}

impl PauseCause {
    /// A failure explains a pause better than anything else, and the user needs no explanation.
    fn outranks(&self, other: &Self) -> bool {
        let rank = |cause: &Self| match cause {
            Self::User => 0,
            Self::Retention => 1,
            Self::Failure(_) => 2,
        };
        rank(self) > rank(other)
    }
}

impl Scheduler {
    /// Pauses handing out records, unless they are not handed out any more. Of several causes the most important is
    /// kept, and of two failures the first.
    /// `report` is called with the change before anything can follow it.
    pub fn pause(&self, cause: PauseCause, report: impl FnOnce(PauseChange)) {
        let mut inner = self.inner.lock();
        report(inner.pause(cause));
        inner.notify_all();
    }

    /// Pauses because of the record after the first `done` of a lane, as [`Scheduler::pause`] does, and returns the
    /// lane, which backs off until the run resumes. If the partition of the record has been fenced, the failure
    /// concerns its next owner, and does not pause the run.
    pub fn pause_for(&self, run: LaneRun, done: usize, failure: PausingFailure, report: impl FnOnce(PauseChange)) {
        let mut inner = self.inner.lock();
        let is_stale = run.records.get(done).is_none_or(|failed| inner.lanes.is_stale(failed));
        inner.lanes.finish(run, done, Some(Instant::now()));
        inner.advance(self.queue_per_worker);
        if !is_stale {
            report(inner.pause(PauseCause::Failure(failure)));
        }
        // Without a pause, the rest of the lane may be ready, and belong to another worker.
        inner.notify_all();
        drop(inner);
        self.drained.notify_all();
    }

    /// Takes the record that paused the run from its lane, which belongs to the caller until it is returned. `None` if
    /// the partition of the record has been fenced since then, or the run has resumed.
    #[must_use]
    pub fn take_pausing_record(&self, record: &PausingRecord) -> Option<LaneRun> {
        let mut inner = self.inner.lock();
        let is_cause = match &inner.pause {
            Some(PauseCause::Failure(failure)) => failure.record.as_ref() == Some(record),
            _ => false,
        };
        if is_cause { inner.lanes.take_failed(record.partition, record.offset) } else { None }
    }

    /// Hands out records again, if the run is paused. `report` is called before anything can follow.
    pub fn resume(&self, report: impl FnOnce()) {
        let mut inner = self.inner.lock();
        if inner.pause.take().is_some() {
            report();
            inner.notify_all();
        }
    }

    /// Whether the run is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.inner.lock().pause.is_some()
    }

    /// Why the run is paused, if it is.
    #[must_use]
    pub fn pause_cause(&self) -> Option<PauseCause> {
        self.inner.lock().pause.clone()
    }

    /// The failure that paused the run, if one did.
    #[must_use]
    pub fn pausing_failure(&self) -> Option<PausingFailure> {
        match self.pause_cause() {
            Some(PauseCause::Failure(failure)) => Some(failure),
            _ => None,
        }
    }

    /// Pauses as the user would, or resumes.
    #[cfg(test)]
    pub fn set_paused(&self, paused: bool) {
        if paused {
            self.pause(PauseCause::User, |_| ());
        } else {
            self.resume(|| ());
        }
    }
}

impl Inner {
    fn pause(&mut self, cause: PauseCause) -> PauseChange {
        if self.stopped {
            return PauseChange::default();
        }
        let is_paused_now = self.pause.is_none();
        let is_kept = self.pause.as_ref().is_none_or(|known| cause.outranks(known));
        if is_kept {
            self.pause = Some(cause);
        }
        PauseChange { is_paused_now, is_kept }
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Ordering;

    use super::*;

    fn failure(reason: &str) -> PauseCause {
        PauseCause::Failure(PausingFailure { reason: reason.into(), record: None })
    }

    fn paused(scheduler: &Scheduler, cause: PauseCause) -> PauseChange {
        let mut change = None;
        scheduler.pause(cause, |now| change = Some(now));
        change.unwrap()
    }

    #[test]
    fn the_first_failure_is_the_cause_of_a_pause_until_the_run_resumes() {
        let scheduler = Scheduler::new(Ordering::Key, 1, 1, 1);
        let changes = [PauseCause::User, PauseCause::Retention, failure("a"), failure("b"), PauseCause::Retention]
            .map(|cause| paused(&scheduler, cause))
            .map(|change| (change.is_paused_now, change.is_kept));
        assert_eq!(changes, [(true, true), (false, true), (false, true), (false, false), (false, false)]);
        assert_eq!(scheduler.pausing_failure().map(|failure| failure.reason), Some("a".into()));
        let resumed = || {
            let mut is_resumed = false;
            scheduler.resume(|| is_resumed = true);
            is_resumed
        };
        assert!(resumed() && !resumed() && !scheduler.is_paused());
        scheduler.stop();
        assert_eq!(paused(&scheduler, failure("c")), PauseChange::default());
        assert_eq!(scheduler.pause_cause(), None, "a run that ends is not paused");
    }
}
