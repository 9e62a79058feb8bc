//! What a run does about records that failed for good: it pauses, or decides about the quarantined keys.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_kafka::{Client, ClientHealth};
use kreplay_model::{
    domain::{
        Offset,
        number::{counted, counted_as},
        printable,
    },
    feed::{MAX_SHOWN_KEYS, PartitionState, PausedRecord, QuarantineView, QuarantinedKey},
    inspect::RecordId,
};

use super::Run;
use crate::replay::{
    Decision, RecordDecision,
    dead_letters::{self, topics},
    engine::DeadLetterBatch,
    failure_policy::{FailurePolicy, QuarantineResponse},
    lanes::quarantine::QuarantineEntry,
    partition::owner::Owner,
    scheduler::pause::{PauseCause, PausingRecord},
    shown_key::shown_key,
};

/// Nothing but the quarantine must have been left for this long before the run decides about it: a batch may be on its
/// way into the lanes.
const QUARANTINE_SETTLING_TIME: Duration = Duration::from_millis(100);
/// How long a request about a dead-letter topic may take after a decision in the console, which waits for it.
const DEAD_LETTER_TOPIC_TIMEOUT: Duration = Duration::from_secs(10);
/// The most keys named in the error of a run that fails because of its quarantine.
const MAX_NAMED_KEYS: usize = 5;

/// The state of a run's failure handling.
#[derive(Debug, Default)]
pub struct Failures {
    /// Whether a user can decide about failures, because there is a console.
    pub has_console: bool,
    /// Since when nothing but the quarantine has been left.
    quiet_since: Option<Instant>,
    /// Whether it was reported that the run waits for a decision.
    is_reported: bool,
    /// Partitions for which the need for a decision was reported.
    reported_partitions: BTreeSet<u32>,
}

impl Run {
    /// Checks for failures and handles them.
    pub(super) fn handle_failures(&mut self, now: Instant) {
        self.stop_if_paused_without_console();
        if self.ending.is_some() {
            return;
        }
        if !self.engine.settings.quarantine {
            return;
        }
        self.limit_quarantine();
        for (run, reason) in self.engine.scheduler.take_discarded() {
            let count = run.records.len();
            self.engine.send_to_dead_letters(DeadLetterBatch { run, done: 0, count, reason, discarded: true });
        }
        self.decide_quarantine_of_overtaken_partitions();
        if self.only_quarantine_is_left() {
            let since = *self.failures.quiet_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= QUARANTINE_SETTLING_TIME {
                self.decide_remaining_quarantine();
            }
        } else {
            self.failures.quiet_since = None;
        }
    }

    /// Ends a run that has paused itself if nothing can resume it, because there is no console.
    fn stop_if_paused_without_console(&mut self) {
        let (reason, advice) = match self.engine.scheduler.pause_cause() {
            Some(PauseCause::Failure(failure)) => (
                failure.reason,
                "fix the cause and resume it, or resume it with --on-failure skip or dead-letter to get past the record",
            ),
            Some(PauseCause::Retention) => {
                ("retention has deleted records before they were read".to_owned(), "fix the cause and resume it")
            }
            Some(PauseCause::User) | None => return,
        };
        if FailurePolicy::stops_when_paused(self.failures.has_console) {
            self.error.get_or_insert(reason);
            self.engine.events.error(format!(
                "the run would have paused, but without a console it cannot be resumed interactively, so it stops; {advice}"
            ));
            self.stop();
        }
    }

    /// Above the memory limit, discards the oldest keys or fails the run.
    fn limit_quarantine(&mut self) {
        let limit = self.engine.settings.quarantine_bytes.min(self.engine.settings.buffer_bytes / 2);
        if self.engine.scheduler.quarantine_load().bytes <= limit {
            return;
        }
        let waiting = self.engine.scheduler.quarantined();
        let mut bytes: u64 = waiting.iter().map(|one| one.bytes).sum();
        let mut discarded = Vec::new();
        for oldest in waiting {
            if bytes <= limit {
                break;
            }
            bytes -= oldest.bytes;
            let key = shown_key(&oldest.first);
            let key = printable(&key);
            if self.engine.failure_policy.when_quarantine_is_full() == QuarantineResponse::FailRun {
                self.engine.fail(format!(
                    "the quarantine is full; raise run.quarantine_buffer (at most half of run.buffer), or use --on-failure \
                     dead-letter. The oldest key in it is {key}: {}",
                    self.engine.failure_of(&oldest.first, oldest.reason.attempts, &oldest.reason.error)
                ));
                return;
            }
            self.engine.events.warn(format!(
                "the quarantine is full (run.quarantine_buffer): dead-lettering key {key} with {}",
                counted(oldest.records, "record")
            ));
            discarded.push(oldest.reason.hash);
        }
        self.engine.scheduler.discard(&discarded);
    }

    /// Whether this process has read and handled everything except the quarantined records.
    fn only_quarantine_is_left(&self) -> bool {
        let (waiting, in_flight) = self.engine.scheduler.load();
        if waiting + in_flight > 0 || self.engine.scheduler.quarantine_load().keys == 0 {
            return false;
        }
        if self.engine.scheduler.waits_for_quarantine() {
            // A barrier waits for the quarantined keys, and everything else waits for the barrier. That includes
            // records in the reorder buffer, since the records behind the barrier may fill the memory.
            return true;
        }
        if self.engine.is_reordering() {
            return false;
        }
        self.engine.partitions.iter().all(|partition| {
            let partition = partition.lock();
            let to_its_end = partition.reached().is_none_or(|reached| reached >= partition.end);
            to_its_end || partition.state == PartitionState::Failed
        })
    }

    fn decide_remaining_quarantine(&mut self) {
        let waiting = self.engine.scheduler.quarantined();
        match self.engine.failure_policy.when_only_quarantine_is_left(self.failures.has_console) {
            None => {
                if !std::mem::replace(&mut self.failures.is_reported, true) {
                    self.engine.events.warn(format!(
                        "all other records are handled; {} for a decision",
                        counted_as(waiting.len(), "key in quarantine waits", "keys in quarantine wait")
                    ));
                }
            }
            Some(QuarantineResponse::DeadLetter) => {
                let all: Vec<u64> = waiting.iter().map(|one| one.reason.hash).collect();
                let keys = counted(all.len(), "quarantined key");
                self.engine.events.notice(format!("all other records are handled; dead-lettering {keys}"));
                self.engine.scheduler.discard(&all);
                self.failures.quiet_since = None;
            }
            Some(QuarantineResponse::FailRun) => self
                .fail_because_of_quarantine("all records are handled except those of the keys in quarantine", &waiting),
        }
    }

    fn fail_because_of_quarantine(&self, what: &str, keys: &[QuarantineEntry]) {
        let names: Vec<String> =
            keys.iter().take(MAX_NAMED_KEYS).map(|one| printable(&shown_key(&one.first)).into_owned()).collect();
        let more = keys.len().saturating_sub(MAX_NAMED_KEYS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let first = keys
            .first()
            .map(|one| self.engine.failure_of(&one.first, one.reason.attempts, &one.reason.error).to_string());
        self.engine.fail(format!(
            "{what}: {}{more}. The first failure: {}",
            names.join(", "),
            first.unwrap_or_default()
        ));
    }

    /// Reading of a partition that retention has overtaken continues once everything read so far is settled. If only
    /// quarantined records are left of it, they are decided now, because retention goes on deleting.
    fn decide_quarantine_of_overtaken_partitions(&mut self) {
        // A member rejoins only once all of its overtaken partitions are settled, also those read to their ends.
        let waiting: Vec<Owner> = self
            .engine
            .partitions
            .iter()
            .filter_map(|one| {
                let partition = one.lock();
                partition.waits_for_new_assignment().then_some(partition.owner)
            })
            .collect();
        for (index, partition) in (0_u32..).zip(self.engine.partitions.iter()) {
            let (is_overtaken, unfinished) = {
                let partition = partition.lock();
                let holds_up_reading = partition.needs_new_assignment() && waiting.contains(&partition.owner);
                (holds_up_reading, partition.unfinished())
            };
            if !is_overtaken {
                self.failures.reported_partitions.remove(&index);
                continue;
            }
            let (keys, records) = self.engine.scheduler.quarantined_of(index);
            if keys.is_empty() || records < unfinished {
                continue;
            }
            let id = self.engine.partitions.id(index);
            let named = counted(keys.len(), "quarantined key");
            match self.engine.failure_policy.when_only_quarantine_is_left(self.failures.has_console) {
                None => {
                    if self.failures.reported_partitions.insert(index) {
                        let text = format!("{id}: reading continues after a decision about {named}");
                        self.engine.events.warn(text);
                    }
                }
                Some(QuarantineResponse::DeadLetter) => {
                    let text = format!("{id}: dead-lettering {named}, so that reading can continue after the gap");
                    self.engine.events.notice(text);
                    self.engine.scheduler.discard(&keys);
                }
                Some(QuarantineResponse::FailRun) => {
                    let mut waiting = self.engine.scheduler.quarantined();
                    waiting.retain(|one| keys.contains(&one.reason.hash));
                    let what =
                        format!("{id}: reading cannot continue after the gap until these quarantined keys are handled");
                    return self.fail_because_of_quarantine(&what, &waiting);
                }
            }
        }
    }

    /// Applies the user's decision about one key in quarantine, or about all of them.
    pub fn decide(&mut self, decision: Decision, key: Option<u64>) {
        if self.ending.is_some() || self.state.is_over() {
            return;
        }
        let keys: Vec<u64> = match key {
            Some(key) => vec![key],
            None => self.engine.scheduler.quarantined().iter().map(|one| one.reason.hash).collect(),
        };
        match decision {
            Decision::Release => {
                let report = |released| {
                    self.engine.events.notice(format!("{} released from quarantine", counted(released, "key")));
                };
                self.engine.scheduler.release(&keys, report);
            }
            Decision::DeadLetter if self.engine.settings.dead_letters() => {
                let discarded = counted(self.engine.scheduler.discard(&keys), "key");
                self.engine.events.notice(format!("dead-lettering {discarded}"));
            }
            Decision::DeadLetter => {
                self.engine.events.warn("this run has no dead-letter topic; start it with --on-failure dead-letter");
                return;
            }
        }
        self.failures.is_reported = false;
        self.failures.reported_partitions.clear();
        self.failures.quiet_since = None;
    }

    /// Applies the user's decision about the record that paused the run, and resumes the run. A decision about another
    /// record is refused: the user has seen that one, and the run has paused again since then. Nothing is decided about
    /// a record whose partition was revoked: its next owner reads it again.
    pub fn decide_record(&mut self, decision: RecordDecision, wanted: &RecordId) {
        if self.ending.is_some() || self.state.is_over() {
            return;
        }
        let paused = self.engine.scheduler.pausing_failure().and_then(|failure| failure.record);
        let is_wanted = |record: &PausingRecord| {
            *self.engine.partitions.id(record.partition) == wanted.partition && record.offset == wanted.offset.get()
        };
        let Some(record) = paused.filter(is_wanted) else {
            let named = wanted.to_string();
            self.engine.events.warn(format!("{} no longer pauses the run, so nothing was decided", printable(&named)));
            return;
        };
        if decision == RecordDecision::DeadLetter
            && let Err(text) = self.open_dead_letters()
        {
            self.engine.events.warn(text);
            return;
        }
        let outcome = match decision {
            RecordDecision::Skip => "is skipped",
            RecordDecision::DeadLetter => "goes to the dead letters",
        };
        let text =
            format!("{} at {} {outcome}, as decided", self.engine.partitions.id(record.partition), record.offset);
        if !self.engine.carry_out(decision, &record, || self.engine.events.notice(text)) {
            let named = wanted.to_string();
            self.engine.events.warn(format!(
                "the partition of {} was revoked meanwhile, so nothing was decided; the run resumes without it",
                printable(&named)
            ));
        }
        self.resume();
    }

    /// Starts the dead-letter thread of a run that was started without one.
    fn open_dead_letters(&self) -> Result<(), String> {
        if self.engine.dead_letters.is_open() {
            return Ok(());
        }
        let health = Arc::<ClientHealth>::default();
        let client = Client::new(&self.kafka, &health).map_err(|error| error.to_string())?;
        let topics =
            topics::find(&client, &self.engine.plan, &self.engine.settings.dead_letter, DEAD_LETTER_TOPIC_TIMEOUT)?;
        drop(dead_letters::spawn(&self.engine, &self.kafka, &self.id, topics)?);
        Ok(())
    }

    /// The record that paused the run, for views.
    pub(super) fn paused_record(&self, record: &PausingRecord) -> PausedRecord {
        PausedRecord {
            partition: self.engine.partitions.id(record.partition).clone(),
            offset: Offset::new(record.offset).unwrap_or_default(),
            key: record.key.clone(),
            error: record.error.clone(),
            attempts: record.attempts,
        }
    }

    /// The quarantine, for views.
    pub(super) fn quarantine_view(&self, now: Instant) -> QuarantineView {
        let load = self.engine.scheduler.quarantine_load();
        if load.records == 0 {
            return QuarantineView::default();
        }
        let waiting = self.engine.scheduler.quarantined();
        QuarantineView {
            keys: load.keys,
            records: load.records,
            bytes: load.bytes,
            awaits_decision: self.failures.is_reported,
            dead_letters: self.engine.settings.dead_letters(),
            waiting: waiting
                .into_iter()
                .take(MAX_SHOWN_KEYS)
                .map(|one| QuarantinedKey {
                    hash: one.reason.hash,
                    key: shown_key(&one.first),
                    partition: self.engine.partitions.id(one.first.partition).clone(),
                    offset: Offset::new(one.first.offset).unwrap_or_default(),
                    records: one.records as u64,
                    bytes: one.bytes,
                    error: one.reason.error,
                    attempts: one.reason.attempts,
                    for_s: now.saturating_duration_since(one.reason.since).as_secs_f64(),
                })
                .collect(),
        }
    }

    /// Lets the dead-letter thread end after it has sent what is queued.
    pub(super) fn close_dead_letters(&self) {
        self.engine.dead_letters.close();
    }
}
