//! The user's decisions about single records: skip or dead-letter the record that paused the run.
//!
//! A decision waits until a worker takes the record again. The worker then fails the record without calling the
//! handler, and the failure policy applies the decision instead of the run's setting.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use kreplay_model::control::RecordDecision;
use kreplay_model::domain::Record;
use parking_lot::Mutex;

use super::Engine;

/// Why the run has paused itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseCause {
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

/// A decision that waits for its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::replay) struct Decided {
    pub(in crate::replay) decision: RecordDecision,
    pub(in crate::replay) error: String,
    pub(in crate::replay) attempts: u32,
}

/// The pending decisions, by partition index and offset.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    waiting: Mutex<HashMap<(u32, i64), Decided>>,
    /// Whether there are any, so that workers usually need no lock.
    any: AtomicBool,
}

impl Decisions {
    fn add(&self, record: (u32, i64), decided: Decided) {
        let mut waiting = self.waiting.lock();
        waiting.insert(record, decided);
        self.any.store(true, Relaxed);
    }

    fn take(&self, record: (u32, i64)) -> Option<Decided> {
        let mut waiting = self.waiting.lock();
        let decided = waiting.remove(&record);
        self.any.store(!waiting.is_empty(), Relaxed);
        decided
    }
}

impl Engine {
    /// Makes a decision about a record. It is applied when a worker takes the record again.
    pub fn decide_record(&self, record: &PausingRecord, decision: RecordDecision) {
        let decided = Decided { decision, error: record.error.clone(), attempts: record.attempts };
        self.decisions.add((record.partition, record.offset), decided);
    }

    /// Whether any decision is pending.
    #[must_use]
    pub fn has_decisions(&self) -> bool {
        self.decisions.any.load(Relaxed)
    }

    /// Whether a decision about this record is pending. The record must then not reach the handler.
    #[must_use]
    pub fn is_decided(&self, record: &Record) -> bool {
        self.has_decisions() && self.decisions.waiting.lock().contains_key(&(record.partition, record.offset))
    }

    /// Takes the pending decision about a record, if there is one.
    pub(super) fn take_decision(&self, record: &Record) -> Option<Decided> {
        if !self.has_decisions() {
            return None;
        }
        self.decisions.take((record.partition, record.offset))
    }
}
