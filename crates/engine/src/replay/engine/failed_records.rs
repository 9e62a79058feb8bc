//! Carries out the failure policy for failed records.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::{Offset, Record},
    feed::{EventKind, Failure},
};

use super::{DeadLetterBatch, Engine, counters::count_reported};
use crate::{
    handler::{Advice, LaneFailure, LaneRun},
    replay::{
        RecordDecision,
        failure_policy::FailureResponse,
        lanes::quarantine::QuarantineReason,
        scheduler::{AfterFailure, ReturnedLane, pause::PausingRecord},
        shown_key::shown_key,
    },
};

/// A record that failed for good is not handed out again, however long the run takes to end.
const FAILED_BACKOFF: Duration = Duration::from_secs(3600);
/// Maximum length of an error in an event, in characters: there may be thousands of events.
const MAX_EVENT_ERROR_CHARS: usize = 500;

impl Engine {
    /// Applies the failure policy to a failed record. `None` if its lane was handed to the dead-letter thread, or was
    /// returned already.
    pub(super) fn apply_failure_policy(
        &self,
        run: LaneRun,
        done: usize,
        failure: &LaneFailure,
    ) -> Option<ReturnedLane> {
        let before = if done == 0 { self.scheduler.failures(run.lane) } else { 0 };
        let attempt = before + 1;
        let record = &run.records[done];
        if self.partitions.is_revoked(record) {
            // The failure concerns the next owner of the partition; the lanes drop the record when it is returned.
            return Some(back_off(run, done, Duration::ZERO));
        }
        match self.failure_policy.after_attempt(record, attempt, failure.advice) {
            FailureResponse::AwaitRevocation(delay) => {
                if attempt == 1 && count_reported(&self.counters.fenced_waits) {
                    self.events.warn(self.failure_of(record, attempt, &failure.error).to_string());
                }
                Some(back_off(run, done, delay))
            }
            FailureResponse::Retry(delay) => {
                if count_reported(&self.counters.retried) {
                    self.events.push(EventKind::Retried(self.failure_of(record, attempt, &failure.error)));
                }
                Some(back_off(detached_from(run, done), done, delay))
            }
            FailureResponse::Quarantine => {
                if count_reported(&self.counters.quarantined) {
                    let (key, failure) = (shown_key(record), self.failure_of(record, attempt, &failure.error));
                    self.events.push(EventKind::Quarantined { key, failure });
                }
                let reason = QuarantineReason::new(record, failure.error.clone(), attempt);
                Some(ReturnedLane { run, done, after: AfterFailure::Quarantine(reason) })
            }
            FailureResponse::PauseRun => {
                self.pause_for(run, done, attempt, failure);
                None
            }
            FailureResponse::Skip => {
                let reason = QuarantineReason::new(record, failure.error.clone(), attempt);
                self.pass_over(run, done, reason, RecordDecision::Skip)
            }
            FailureResponse::DeadLetter => {
                let reason = QuarantineReason::new(record, failure.error.clone(), attempt);
                self.pass_over(run, done, reason, RecordDecision::DeadLetter)
            }
            FailureResponse::FailRun => {
                let is_of_record = !matches!(failure.advice, Advice::Stop | Advice::Fenced);
                let report = || self.failure_of(record, attempt, &failure.error).to_string();
                self.fail(if is_of_record { report() } else { failure.error.clone() });
                Some(back_off(run, done, FAILED_BACKOFF))
            }
        }
    }

    /// Carries out the user's decision about the record that paused the run. Returns whether it could: the partition
    /// may have been revoked since then. `report` is called before anything can follow.
    pub fn carry_out(&self, decision: RecordDecision, record: &PausingRecord, report: impl FnOnce()) -> bool {
        let Some(run) = self.scheduler.take_pausing_record(record) else { return false };
        report();
        let reason = QuarantineReason::new(&run.records[0], record.error.clone(), record.attempts);
        if let Some(lane) = self.pass_over(run, 0, reason, decision) {
            self.counters.note_done(Instant::now());
            self.return_lane(lane);
        }
        true
    }

    /// Sends a record to the dead letters, or skips it.
    fn pass_over(
        &self,
        run: LaneRun,
        done: usize,
        reason: QuarantineReason,
        decision: RecordDecision,
    ) -> Option<ReturnedLane> {
        match decision {
            RecordDecision::Skip => Some(self.skip(run, done, &reason)),
            RecordDecision::DeadLetter => {
                self.send_to_dead_letters(DeadLetterBatch { run, done, count: 1, reason, discarded: false });
                None
            }
        }
    }

    /// Skips a record, and counts it.
    fn skip(&self, run: LaneRun, done: usize, reason: &QuarantineReason) -> ReturnedLane {
        if count_reported(&self.counters.skipped) {
            let report = self.failure_of(&run.records[done], reason.attempts, &reason.error);
            self.events.push(EventKind::Skipped(report));
        }
        self.count_settled(&run.records[done..=done], false, Duration::ZERO);
        ReturnedLane { run, done: done + 1, after: AfterFailure::Continue }
    }

    /// Hands records to the dead-letter sender.
    pub fn send_to_dead_letters(&self, letter: DeadLetterBatch) {
        let Some(letter) = self.dead_letters.submit(letter) else { return };
        // A run that may need the sender is not started without it; this only guards against a mistake losing records.
        self.fail("a record must be dead-lettered, but this run has no dead-letter sender; please report this".into());
        self.not_dead_lettered(letter, 0);
    }

    /// Settles dead letters that the broker has acknowledged: positions may move past them.
    pub fn dead_lettered(&self, letter: DeadLetterBatch, topic: &str) {
        let DeadLetterBatch { run, done, count, reason, discarded } = letter;
        let records = &run.records[done..done + count];
        for record in records {
            if count_reported(&self.counters.dead_lettered) {
                let (error, attempts) = reason.of(record);
                let failure = self.failure_of(record, attempts, &error);
                self.events.push(EventKind::DeadLettered { topic: topic.to_owned(), failure });
            }
        }
        self.count_settled(records, false, Duration::ZERO);
        let after = if discarded { AfterFailure::Discarded } else { AfterFailure::Continue };
        self.return_lane(ReturnedLane { run, done: done + count, after });
    }

    /// Settles the first `sent` dead letters, which the broker has acknowledged. The others stay where they are.
    pub fn not_dead_lettered(&self, letter: DeadLetterBatch, sent: usize) {
        let DeadLetterBatch { run, done, discarded, .. } = letter;
        self.count_settled(&run.records[done..done + sent], false, Duration::ZERO);
        self.counters.dead_lettered.fetch_add(sent as u64, Relaxed);
        let after =
            if discarded { AfterFailure::Discarded } else { AfterFailure::BackOff(Instant::now() + FAILED_BACKOFF) };
        self.return_lane(ReturnedLane { run, done: done + sent, after });
    }

    fn return_lane(&self, lane: ReturnedLane) {
        self.scheduler.return_lanes(std::iter::once(lane), 0, Duration::ZERO);
        self.memory.note_settled();
    }

    /// A record's failure, for display.
    #[must_use]
    pub fn failure_of(&self, record: &Record, attempt: u32, error: &str) -> Failure {
        Failure {
            partition: self.partitions.id(record.partition).clone(),
            offset: Offset::new(record.offset).unwrap_or_default(),
            key: record.key().is_some().then(|| shown_key(record)),
            attempt,
            error: error.chars().take(MAX_EVENT_ERROR_CHARS).collect(),
        }
    }
}

fn back_off(run: LaneRun, done: usize, time: Duration) -> ReturnedLane {
    ReturnedLane { run, done, after: AfterFailure::BackOff(Instant::now() + time) }
}

/// Copies the records that wait for another attempt out of their buffers, so that they do not keep these in memory.
fn detached_from(mut run: LaneRun, done: usize) -> LaneRun {
    let waiting = run.records.split_off(done);
    run.records.extend(waiting.into_iter().map(Record::detached));
    run
}
