//! The failure policy: what happens to a failed record. It is retried, or the run's setting decides.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::{Offset, Record},
    feed::{EventKind, Failure},
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Engine, PauseCause, PausingRecord, completion::is_reported};
use crate::{
    handler::{Advice, LaneFailure, LaneRun},
    replay::{
        RecordDecision,
        dead_letters::DeadLetterBatch,
        lanes::quarantine::QuarantineReason,
        scheduler::{AfterFailure, ReturnedLane},
    },
    settings::OnFailure,
};

/// A record that failed for good is not handed out again, however long the run takes to end.
const FAILED_BACKOFF: Duration = Duration::from_secs(3600);
/// A record whose partition another process has taken over waits for the group to confirm that: how long at a time, and
/// for how many attempts. After that, the group is not the cause.
const FENCED_BACKOFF: Duration = Duration::from_secs(1);
const MAX_FENCED_ATTEMPTS: u32 = 60;
/// Maximum length of an error in an event, in characters: there may be thousands of events.
const MAX_EVENT_ERROR_CHARS: usize = 500;

impl Engine {
    /// Decides what happens to a failed record. `None` if its lane was handed to the dead-letter sender.
    pub(super) fn apply_failure_policy(
        &self,
        mut run: LaneRun,
        done: usize,
        failure: &LaneFailure,
    ) -> Option<ReturnedLane> {
        let before = if done == 0 { self.scheduler.failures(run.lane) } else { 0 };
        let attempt = before + 1;
        let back_off =
            |run, time| Some(ReturnedLane { run, done, after: AfterFailure::BackOff(Instant::now() + time) });
        let report = |record: &Record| self.failure_of(record, attempt, &failure.error);
        if self.is_revoked(&run.records[done]) {
            // The failure concerns the next owner of the partition; the lanes drop the record when it is returned.
            return back_off(run, Duration::ZERO);
        }
        if let Some(decided) = self.take_decision(&run.records[done]) {
            let reason = QuarantineReason::new(&run.records[done], decided.error, decided.attempts);
            return match decided.decision {
                RecordDecision::Skip => Some(self.skip(run, done, &reason)),
                RecordDecision::DeadLetter => {
                    self.send_to_dead_letters(DeadLetterBatch { run, done, count: 1, reason, discarded: false });
                    None
                }
            };
        }
        if failure.advice == Advice::Fenced && self.settings.group.is_some() && attempt < MAX_FENCED_ATTEMPTS {
            if attempt == 1 {
                self.events.push(EventKind::Warning { text: report(&run.records[done]).to_string() });
            }
            return back_off(run, FENCED_BACKOFF);
        }
        if matches!(failure.advice, Advice::Stop | Advice::Fenced) {
            self.fail(failure.error.clone());
            return back_off(run, FAILED_BACKOFF);
        }
        let record = &run.records[done];
        let delay = match failure.advice {
            Advice::GiveUp => None,
            _ => self.settings.retry.delay(attempt, self.chance(record, attempt)),
        };
        if let Some(delay) = delay {
            let delay = if let Advice::After(least) = failure.advice { delay.max(least) } else { delay };
            if is_reported(self.retried.fetch_add(1, Relaxed) + 1) {
                self.events.push(EventKind::Retried(report(record)));
            }
            let waiting = run.records.split_off(done);
            run.records.extend(waiting.into_iter().map(Record::detached));
            return back_off(run, delay);
        }
        if failure.advice == Advice::Unable && self.settings.on_failure != OnFailure::Pause {
            // Skipping this record would skip all others as well, one after another.
            self.fail(report(record).to_string());
            return back_off(run, FAILED_BACKOFF);
        }
        let of_record = failure.advice != Advice::Unable;
        if of_record && self.settings.quarantine && record.lane_hash().is_some() {
            if is_reported(self.quarantined.fetch_add(1, Relaxed) + 1) {
                self.events.push(EventKind::Quarantined { key: key_text(record), failure: report(record) });
            }
            let reason = QuarantineReason::new(record, failure.error.clone(), attempt);
            return Some(ReturnedLane { run, done, after: AfterFailure::Quarantine(reason) });
        }
        match self.settings.on_failure {
            OnFailure::Skip => {
                let reason = QuarantineReason::new(record, failure.error.clone(), attempt);
                Some(self.skip(run, done, &reason))
            }
            OnFailure::Pause => {
                let pausing = of_record.then(|| PausingRecord {
                    partition: record.partition,
                    offset: record.offset,
                    key: record.key().map(|_| key_text(record)),
                    error: failure.error.clone(),
                    attempts: attempt,
                });
                self.pause_for(PauseCause { reason: report(record).to_string(), record: pausing });
                // As soon as the run resumes.
                back_off(run, Duration::ZERO)
            }
            OnFailure::DeadLetter => {
                let reason = QuarantineReason::new(record, failure.error.clone(), attempt);
                self.send_to_dead_letters(DeadLetterBatch { run, done, count: 1, reason, discarded: false });
                None
            }
            OnFailure::Fail => {
                self.fail(report(record).to_string());
                back_off(run, FAILED_BACKOFF)
            }
        }
    }

    /// Skips a record, and counts it.
    fn skip(&self, run: LaneRun, done: usize, reason: &QuarantineReason) -> ReturnedLane {
        if is_reported(self.skipped.fetch_add(1, Relaxed) + 1) {
            let report = self.failure_of(&run.records[done], reason.attempts, &reason.error);
            self.events.push(EventKind::Skipped(report));
        }
        self.count_settled(&run.records[done..=done], false, Duration::ZERO);
        ReturnedLane { run, done: done + 1, after: AfterFailure::Continue }
    }

    /// Whether the record's partition was revoked after the record was read.
    fn is_revoked(&self, record: &Record) -> bool {
        self.partitions[record.partition as usize].lock().epoch != record.epoch
    }

    /// Hands records to the dead-letter sender.
    pub fn send_to_dead_letters(&self, letter: DeadLetterBatch) {
        if let Some(dead_letters) = self.dead_letters.get() {
            return dead_letters.submit(letter);
        }
        // A run that may need the sender is not started without it; this only guards against a mistake losing records.
        self.fail(
            "a record must go to the dead letters, but this run has no dead-letter sender; please report this".into(),
        );
        self.not_dead_lettered(letter, 0);
    }

    /// Settles dead letters that the broker has acknowledged: positions may move past them.
    pub fn dead_lettered(&self, letter: DeadLetterBatch, topic: &str) {
        let DeadLetterBatch { run, done, count, reason, discarded } = letter;
        let records = &run.records[done..done + count];
        for record in records {
            if is_reported(self.dead_lettered.fetch_add(1, Relaxed) + 1) {
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
        self.dead_lettered.fetch_add(sent as u64, Relaxed);
        let after =
            if discarded { AfterFailure::Discarded } else { AfterFailure::BackOff(Instant::now() + FAILED_BACKOFF) };
        self.return_lane(ReturnedLane { run, done: done + sent, after });
    }

    fn return_lane(&self, lane: ReturnedLane) {
        self.scheduler.return_lanes(std::iter::once(lane), 0, Duration::ZERO);
        if self.has_capacity() {
            self.capacity_freed.notify_all();
        }
    }

    /// A record's failure, for display.
    #[must_use]
    pub fn failure_of(&self, record: &Record, attempt: u32, error: &str) -> Failure {
        Failure {
            partition: self.id(record.partition).clone(),
            offset: Offset::new(record.offset).unwrap_or_default(),
            attempt,
            error: error.chars().take(MAX_EVENT_ERROR_CHARS).collect(),
        }
    }

    /// A number from 0 to 1 that differs for each attempt of each record, and for each run.
    fn chance(&self, record: &Record, attempt: u32) -> f64 {
        let mut place = [0; 16];
        place[..8].copy_from_slice(&record.offset.to_le_bytes());
        place[8..12].copy_from_slice(&record.partition.to_le_bytes());
        place[12..].copy_from_slice(&attempt.to_le_bytes());
        #[allow(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let chance = (xxh3_64_with_seed(&place, self.seed) >> 11) as f64 / (1_u64 << 53) as f64;
        chance
    }

    /// Pauses the run until it is resumed. The first cause is kept.
    fn pause_for(&self, cause: PauseCause) {
        self.scheduler.set_paused(true);
        let mut paused_by = self.paused_by.lock();
        if paused_by.is_none() {
            self.events.push(EventKind::Error { text: format!("paused: {}", cause.reason) });
            *paused_by = Some(cause);
        }
    }

    /// Why the run has paused itself, if it has.
    #[must_use]
    pub fn paused_by(&self) -> Option<PauseCause> {
        self.paused_by.lock().clone()
    }

    /// Clears the cause, because the run resumes.
    pub fn clear_pause(&self) {
        *self.paused_by.lock() = None;
    }
}

/// The beginning of a record's key, for display, with replacement characters where it is not UTF-8. Views escape it.
#[must_use]
pub fn key_text(record: &Record) -> String {
    const MAX_KEY_BYTES: usize = 256;
    let key = record.key().unwrap_or_default();
    String::from_utf8_lossy(&key[..key.len().min(MAX_KEY_BYTES)]).into_owned()
}
