//! What becomes of a record that has failed: another attempt, or what the policy says.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Engine, PauseCause, PausingRecord, settling::is_told};
use crate::{
    domain::{Offset, Record},
    feed::{EventKind, Failure},
    handler::{Advice, LaneFailure, LaneRun},
    replay::{
        board::{HandBack, Then},
        control::RecordDecision,
        dead_letters::Letter,
        lanes::quarantine::Trouble,
        settings::OnFailure,
    },
};

/// What has failed for good is not handed out again, however long the run takes to end.
const FAILED_REST: Duration = Duration::from_secs(3600);
/// A record whose partition somebody else has taken over waits for the group to say so: so long at a time, and so often. Then
/// it is no group that has given it away.
const FENCED_REST: Duration = Duration::from_secs(1);
const FENCED_TRIES: u32 = 60;
/// Events keep so many characters of an error: there may be thousands of them.
const LONGEST_ERROR: usize = 500;

impl Engine {
    /// Decides what becomes of a record that has failed. `None`: its lane is in the hands of the dead letters now.
    pub(super) fn judge(&self, mut run: LaneRun, done: usize, failure: &LaneFailure) -> Option<HandBack> {
        let before = if done == 0 { self.board.failures(run.lane) } else { 0 };
        let attempt = before + 1;
        let rest = |run, time| Some(HandBack { run, done, then: Then::Rest(Instant::now() + time) });
        let report = |record: &Record| self.failure_of(record, attempt, &failure.error);
        if self.is_over_for(&run.records[done]) {
            // Whatever was wrong with it, it is its next owner's: the lanes drop it when they get it back.
            return rest(run, Duration::ZERO);
        }
        if let Some(decided) = self.take_decision(&run.records[done]) {
            let trouble = Trouble::new(&run.records[done], decided.error, decided.attempts);
            return match decided.decision {
                RecordDecision::Skip => Some(self.skip(run, done, &trouble)),
                RecordDecision::DeadLetter => {
                    self.send_dead(Letter { run, done, count: 1, trouble, condemned: false });
                    None
                }
            };
        }
        if failure.advice == Advice::Fenced && self.settings.group.is_some() && attempt < FENCED_TRIES {
            if attempt == 1 {
                self.events.push(EventKind::Warning { text: report(&run.records[done]).to_string() });
            }
            return rest(run, FENCED_REST);
        }
        if matches!(failure.advice, Advice::Stop | Advice::Fenced) {
            self.fail(failure.error.clone());
            return rest(run, FAILED_REST);
        }
        let record = &run.records[done];
        let delay = match failure.advice {
            Advice::GiveUp => None,
            _ => self.settings.retry.delay(attempt, self.chance(record, attempt)),
        };
        if let Some(delay) = delay {
            let delay = if let Advice::After(least) = failure.advice { delay.max(least) } else { delay };
            if is_told(self.retried.fetch_add(1, Relaxed) + 1) {
                self.events.push(EventKind::Retried(report(record)));
            }
            let waiting = run.records.split_off(done);
            run.records.extend(waiting.into_iter().map(Record::detached));
            return rest(run, delay);
        }
        if failure.advice == Advice::Unable && self.settings.on_failure != OnFailure::Pause {
            // To pass records over would be to pass them all over, one after the other.
            self.fail(report(record).to_string());
            return rest(run, FAILED_REST);
        }
        let of_record = failure.advice != Advice::Unable;
        if of_record && self.settings.quarantine && record.lane_hash().is_some() {
            if is_told(self.quarantined.fetch_add(1, Relaxed) + 1) {
                self.events.push(EventKind::Quarantined { key: key_text(record), failure: report(record) });
            }
            let trouble = Trouble::new(record, failure.error.clone(), attempt);
            return Some(HandBack { run, done, then: Then::Quarantine(trouble) });
        }
        match self.settings.on_failure {
            OnFailure::Skip => {
                let trouble = Trouble::new(record, failure.error.clone(), attempt);
                Some(self.skip(run, done, &trouble))
            }
            OnFailure::Pause => {
                let pausing = of_record.then(|| PausingRecord {
                    partition: record.partition,
                    offset: record.offset,
                    key: record.key().map(|_| key_text(record)),
                    error: failure.error.clone(),
                    attempts: attempt,
                });
                self.pause_by(PauseCause { reason: report(record).to_string(), record: pausing });
                // As soon as the run resumes.
                rest(run, Duration::ZERO)
            }
            OnFailure::DeadLetter => {
                let trouble = Trouble::new(record, failure.error.clone(), attempt);
                self.send_dead(Letter { run, done, count: 1, trouble, condemned: false });
                None
            }
            OnFailure::Fail => {
                self.fail(report(record).to_string());
                rest(run, FAILED_REST)
            }
        }
    }

    /// Passes a record over, and counts it.
    fn skip(&self, run: LaneRun, done: usize, trouble: &Trouble) -> HandBack {
        if is_told(self.skipped.fetch_add(1, Relaxed) + 1) {
            let report = self.failure_of(&run.records[done], trouble.attempts, &trouble.error);
            self.events.push(EventKind::Skipped(report));
        }
        self.account(&run.records[done..=done], false, Duration::ZERO);
        HandBack { run, done: done + 1, then: Then::GoOn }
    }

    /// Whether a record's partition has gone since it was read.
    fn is_over_for(&self, record: &Record) -> bool {
        self.partitions[record.partition as usize].lock().epoch != record.epoch
    }

    /// Gives records into the hands of the dead letters.
    pub fn send_dead(&self, letter: Letter) {
        if let Some(dead_letters) = self.dead_letters.get() {
            return dead_letters.submit(letter);
        }
        // A run that may have dead letters is not started without; but nothing must get lost by a mistake.
        self.fail("there is nowhere to send dead letters to".into());
        self.not_dead_lettered(letter, 0);
    }

    /// The broker has these dead letters: the positions may pass them.
    pub fn dead_lettered(&self, letter: Letter, topic: &str) {
        let Letter { run, done, count, trouble, condemned } = letter;
        let records = &run.records[done..done + count];
        for record in records {
            if is_told(self.dead_lettered.fetch_add(1, Relaxed) + 1) {
                let (error, attempts) = trouble.of(record);
                let failure = self.failure_of(record, attempts, &error);
                self.events.push(EventKind::DeadLettered { topic: topic.to_owned(), failure });
            }
        }
        self.account(records, false, Duration::ZERO);
        let then = if condemned { Then::Condemned } else { Then::GoOn };
        self.give_back(HandBack { run, done: done + count, then });
    }

    /// The broker has only the first `sent` of these; the rest stays where it is.
    pub fn not_dead_lettered(&self, letter: Letter, sent: usize) {
        let Letter { run, done, condemned, .. } = letter;
        self.account(&run.records[done..done + sent], false, Duration::ZERO);
        self.dead_lettered.fetch_add(sent as u64, Relaxed);
        let then = if condemned { Then::Condemned } else { Then::Rest(Instant::now() + FAILED_REST) };
        self.give_back(HandBack { run, done: done + sent, then });
    }

    fn give_back(&self, hand_back: HandBack) {
        self.board.hand_back(std::iter::once(hand_back), 0, Duration::ZERO);
        if self.has_room() {
            self.room.notify_all();
        }
    }

    /// A record's failure, for people.
    #[must_use]
    pub fn failure_of(&self, record: &Record, attempt: u32, error: &str) -> Failure {
        Failure {
            partition: self.id(record.partition).clone(),
            offset: Offset::new(record.offset).unwrap_or_default(),
            attempt,
            error: error.chars().take(LONGEST_ERROR).collect(),
        }
    }

    /// A number from 0 to 1 that is another for each attempt of each record, and for each run.
    fn chance(&self, record: &Record, attempt: u32) -> f64 {
        let mut place = [0; 16];
        place[..8].copy_from_slice(&record.offset.to_le_bytes());
        place[8..12].copy_from_slice(&record.partition.to_le_bytes());
        place[12..].copy_from_slice(&attempt.to_le_bytes());
        #[allow(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let chance = (xxh3_64_with_seed(&place, self.seed) >> 11) as f64 / (1_u64 << 53) as f64;
        chance
    }

    /// Hands nothing more out until the run is resumed. The first cause stays.
    fn pause_by(&self, cause: PauseCause) {
        self.board.set_paused(true);
        let mut paused_by = self.paused_by.lock();
        if paused_by.is_none() {
            self.events.push(EventKind::Error { text: format!("paused: {}", cause.reason) });
            *paused_by = Some(cause);
        }
    }

    /// Why the run paused itself, if it did.
    #[must_use]
    pub fn paused_by(&self) -> Option<PauseCause> {
        self.paused_by.lock().clone()
    }

    /// Somebody lets the run go on.
    pub fn forget_pause(&self) {
        *self.paused_by.lock() = None;
    }
}

/// A record's key for people: where it is not UTF-8, with replacement characters. Views escape it.
#[must_use]
pub fn key_text(record: &Record) -> String {
    const SHOWN: usize = 256;
    let key = record.key().unwrap_or_default();
    String::from_utf8_lossy(&key[..key.len().min(SHOWN)]).into_owned()
}
