//! What a user has decided about single records: the record that paused the run is skipped or dead-lettered.
//!
//! A decision waits until a worker takes the record again. The worker then fails it without calling the handler, and the
//! failure policy applies the decision instead of the one of the run.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use parking_lot::Mutex;

use super::Engine;
use crate::{domain::Record, replay::control::RecordDecision};

/// Why the run paused itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseCause {
    /// One sentence.
    pub reason: String,
    /// The record that failed; `None` where no single record is the cause.
    pub record: Option<PausingRecord>,
}

/// The record that paused the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausingRecord {
    /// Its partition's index in the plan.
    pub partition: u32,
    /// Its offset.
    pub offset: i64,
    /// Its key as text, cut off where it is long; `None` for a record without a key.
    pub key: Option<String>,
    /// What the handler said.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// A decision that waits for its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::replay) struct Decided {
    pub(in crate::replay) decision: RecordDecision,
    pub(in crate::replay) error: String,
    pub(in crate::replay) attempts: u32,
}

/// The decisions that wait for their records, by partition index and offset.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    waiting: Mutex<HashMap<(u32, i64), Decided>>,
    /// Lets workers pass by without a lock in the usual case.
    any: AtomicBool,
}

impl Decisions {
    fn add(&self, place: (u32, i64), decided: Decided) {
        let mut waiting = self.waiting.lock();
        waiting.insert(place, decided);
        self.any.store(true, Relaxed);
    }

    fn take(&self, place: (u32, i64)) -> Option<Decided> {
        let mut waiting = self.waiting.lock();
        let decided = waiting.remove(&place);
        self.any.store(!waiting.is_empty(), Relaxed);
        decided
    }
}

impl Engine {
    /// Applies a decision to a record as soon as a worker takes it again.
    pub fn decide_record(&self, record: &PausingRecord, decision: RecordDecision) {
        let decided = Decided { decision, error: record.error.clone(), attempts: record.attempts };
        self.decisions.add((record.partition, record.offset), decided);
    }

    /// Whether any decision waits for its record.
    #[must_use]
    pub fn has_decisions(&self) -> bool {
        self.decisions.any.load(Relaxed)
    }

    /// Whether a decision waits for this record, which must then not reach the handler.
    #[must_use]
    pub fn is_decided(&self, record: &Record) -> bool {
        self.has_decisions() && self.decisions.waiting.lock().contains_key(&(record.partition, record.offset))
    }

    /// Takes the decision about a record, if there is one.
    pub(super) fn take_decision(&self, record: &Record) -> Option<Decided> {
        if !self.has_decisions() {
            return None;
        }
        self.decisions.take((record.partition, record.offset))
    }
}
