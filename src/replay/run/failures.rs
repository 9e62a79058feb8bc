//! What a run does about records that failed for good: it pauses, or deals with the keys that were put aside.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::Run;
use crate::{
    domain::Offset,
    feed::{EventKind, PartitionState, PausedRecord, QuarantineView, QuarantinedKey, SHOWN_KEYS, printable},
    kafka::{Client, ClientHealth},
    replay::{
        control::{Decision, RecordDecision},
        dead_letters::{DeadLetters, Letter, topics},
        engine::judge::key_text,
    },
};

/// Nothing but quarantine has been left for so long when its end is decided: a batch may be on its way into the lanes.
const QUIET: Duration = Duration::from_millis(100);
/// So many keys are named where a run fails by its quarantine.
const NAMED: usize = 5;

/// What a run remembers of its failures.
#[derive(Debug, Default)]
pub struct Failures {
    /// Whether somebody can decide what becomes of failures: there is a console.
    pub attended: bool,
    /// Since when nothing but quarantine has been left.
    quiet: Option<Instant>,
    /// Whether it was told that a decision is waited for.
    told: bool,
}

impl Run {
    /// Looks after what has failed.
    pub(super) fn look_after_failures(&mut self, now: Instant) {
        if let Some(cause) = self.engine.paused_by() {
            self.note_pause(&cause.reason);
        }
        if self.engine.take_pause() {
            self.pause();
            self.end_without_console(
                "retention has deleted records before they were read",
                "fix the cause and resume it",
            );
        }
        if !self.engine.settings.quarantine {
            return;
        }
        self.bound_quarantine();
        for (run, trouble) in self.engine.board.take_condemned() {
            let count = run.records.len();
            self.engine.send_dead(Letter { run, done: 0, count, trouble, condemned: true });
        }
        if self.only_quarantine_is_left() {
            let since = *self.failures.quiet.get_or_insert(now);
            if now.saturating_duration_since(since) >= QUIET {
                self.decide_at_the_end();
            }
        } else {
            self.failures.quiet = None;
        }
    }

    fn note_pause(&mut self, reason: &str) {
        // Somebody may have let the run go on in the moment in which this failure came.
        self.engine.board.set_paused(true);
        self.pause();
        let advice =
            "fix the cause and resume it, or resume it with --on-failure skip or dead-letter to get past the record";
        self.end_without_console(reason, advice);
    }

    /// Ends a paused run that nothing can resume, for want of a console.
    pub(super) fn end_without_console(&mut self, reason: &str, advice: &str) {
        if !self.failures.attended {
            self.error.get_or_insert_with(|| reason.to_owned());
            self.engine.events.push(EventKind::Error {
                text: format!(
                    "the run would have paused, but without a console nothing can resume it, so it stops here; {advice}"
                ),
            });
            self.cancel();
        }
    }

    /// Above the limit the oldest keys have to go, as the policy says.
    fn bound_quarantine(&mut self) {
        let limit = self.engine.settings.quarantine_bytes.min(self.engine.settings.buffer_bytes / 2);
        if self.engine.board.quarantine_load().bytes <= limit {
            return;
        }
        let waiting = self.engine.board.quarantined();
        let mut bytes: u64 = waiting.iter().map(|one| one.bytes).sum();
        let mut condemned = Vec::new();
        for oldest in waiting {
            if bytes <= limit {
                break;
            }
            bytes -= oldest.bytes;
            let key = key_text(&oldest.first);
            let key = printable(&key);
            if !self.engine.settings.dead_letters() {
                self.engine.fail(format!(
                    "the quarantine is full (run.quarantine_buffer), and key {key} waits in it longest: {}",
                    self.engine.failure_of(&oldest.first, oldest.trouble.attempts, &oldest.trouble.error)
                ));
                return;
            }
            self.engine.events.push(EventKind::Warning {
                text: format!(
                    "the quarantine is full (run.quarantine_buffer): key {key} with {} records goes to the dead letters",
                    oldest.records
                ),
            });
            condemned.push(oldest.trouble.hash);
        }
        self.engine.board.condemn(&condemned);
    }

    /// Whether everything that this process has is read and handled, but for what waits in quarantine.
    fn only_quarantine_is_left(&self) -> bool {
        let (waiting, in_hand) = self.engine.board.load();
        if waiting + in_hand > 0 || self.engine.board.quarantine_load().keys == 0 {
            return false;
        }
        if self.engine.board.waits_for_quarantine() {
            // A barrier comes after the keys that were put aside, and everything else after the barrier: also what waits for
            // others that belong before it, since what waits behind the barrier may fill the memory.
            return true;
        }
        if self.engine.is_staging() {
            return false;
        }
        self.engine.partitions.iter().all(|partition| {
            let partition = partition.lock();
            let to_its_end = partition.reached().is_none_or(|reached| reached >= partition.end);
            to_its_end || partition.state == PartitionState::Failed
        })
    }

    fn decide_at_the_end(&mut self) {
        let waiting = self.engine.board.quarantined();
        if self.failures.attended {
            if !std::mem::replace(&mut self.failures.told, true) {
                self.engine.events.push(EventKind::Warning {
                    text: format!(
                        "everything else is handled: {} keys in quarantine wait for a decision",
                        waiting.len()
                    ),
                });
            }
        } else if self.engine.settings.dead_letters() {
            let all: Vec<u64> = waiting.iter().map(|one| one.trouble.hash).collect();
            self.engine.events.push(EventKind::Notice {
                text: format!("everything else is handled: {} keys in quarantine go to the dead letters", all.len()),
            });
            self.engine.board.condemn(&all);
            self.failures.quiet = None;
        } else {
            let names: Vec<String> =
                waiting.iter().take(NAMED).map(|one| printable(&key_text(&one.first)).into_owned()).collect();
            let more = waiting.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let first = waiting
                .first()
                .map(|one| self.engine.failure_of(&one.first, one.trouble.attempts, &one.trouble.error).to_string());
            self.engine.fail(format!(
                "everything but the keys in quarantine is handled: {}{more}; the first: {}",
                names.join(", "),
                first.unwrap_or_default()
            ));
        }
    }

    /// Does with keys in quarantine what somebody has decided.
    pub fn decide(&mut self, decision: Decision, key: Option<u64>) {
        if self.ending.is_some() || self.state.is_over() {
            return;
        }
        let keys: Vec<u64> = match key {
            Some(key) => vec![key],
            None => self.engine.board.quarantined().iter().map(|one| one.trouble.hash).collect(),
        };
        let text = match decision {
            Decision::Release => format!("{} keys released from quarantine", self.engine.board.release(&keys)),
            Decision::DeadLetter if self.engine.settings.dead_letters() => {
                format!("{} keys go to the dead letters", self.engine.board.condemn(&keys))
            }
            Decision::DeadLetter => {
                let text = "this run has no dead letters; start it with --on-failure dead-letter".into();
                self.engine.events.push(EventKind::Warning { text });
                return;
            }
        };
        self.failures.told = false;
        self.failures.quiet = None;
        self.engine.events.push(EventKind::Notice { text });
    }

    /// Applies the user's decision about the record that paused the run, and resumes the run.
    pub fn decide_record(&mut self, decision: RecordDecision) {
        if self.ending.is_some() || self.state.is_over() {
            return;
        }
        let Some(record) = self.engine.paused_by().and_then(|cause| cause.record) else {
            let text = "no record has paused the run".into();
            self.engine.events.push(EventKind::Warning { text });
            return;
        };
        if decision == RecordDecision::DeadLetter
            && let Err(text) = self.open_dead_letters()
        {
            self.engine.events.push(EventKind::Warning { text });
            return;
        }
        self.engine.decide_record(&record, decision);
        let becomes = match decision {
            RecordDecision::Skip => "is skipped",
            RecordDecision::DeadLetter => "goes to the dead letters",
        };
        let text = format!("{} at {} {becomes}, as decided", self.engine.id(record.partition), record.offset);
        self.engine.events.push(EventKind::Notice { text });
        self.resume();
    }

    /// Opens the dead letters of a run that began without any.
    fn open_dead_letters(&self) -> Result<(), String> {
        if self.engine.dead_letters.get().is_some() {
            return Ok(());
        }
        let health = Arc::<ClientHealth>::default();
        let client = Client::new(&self.kafka, &health).map_err(|error| error.to_string())?;
        let targets = topics::find(&client, &self.engine.plan, &self.engine.settings.dead_letter)?;
        drop(DeadLetters::spawn(&self.engine, &self.kafka, &self.id, targets)?);
        Ok(())
    }

    /// The record that paused the run, as views see it.
    pub(super) fn paused_record(&self) -> Option<PausedRecord> {
        let record = self.engine.paused_by()?.record?;
        Some(PausedRecord {
            partition: self.engine.id(record.partition).clone(),
            offset: Offset::new(record.offset).unwrap_or_default(),
            key: record.key,
            error: record.error,
            attempts: record.attempts,
        })
    }

    /// The quarantine as views see it.
    pub(super) fn quarantine_view(&self, now: Instant) -> QuarantineView {
        let load = self.engine.board.quarantine_load();
        if load.records == 0 {
            return QuarantineView::default();
        }
        let waiting = self.engine.board.quarantined();
        QuarantineView {
            keys: load.keys,
            records: load.records,
            bytes: load.bytes,
            awaits_decision: self.failures.told,
            dead_letters: self.engine.settings.dead_letters(),
            waiting: waiting
                .into_iter()
                .take(SHOWN_KEYS)
                .map(|one| QuarantinedKey {
                    hash: one.trouble.hash,
                    key: key_text(&one.first),
                    partition: self.engine.id(one.first.partition).clone(),
                    offset: Offset::new(one.first.offset).unwrap_or_default(),
                    records: one.records as u64,
                    bytes: one.bytes,
                    error: one.trouble.error,
                    attempts: one.trouble.attempts,
                    for_s: now.saturating_duration_since(one.trouble.since).as_secs_f64(),
                })
                .collect(),
        }
    }

    /// The thread of the dead letters may go when it has sent what it has.
    pub(super) fn close_dead_letters(&self) {
        DeadLetters::close(&self.engine.dead_letters);
    }
}
