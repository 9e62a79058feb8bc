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

use crate::replay::scheduler::pause::PausingRecord;

/// A decision that waits for its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) decision: RecordDecision,
    pub(super) error: String,
    pub(super) attempts: u32,
}

/// The pending decisions, by partition index and offset.
#[derive(Debug, Default)]
pub struct PendingDecisions {
    waiting: Mutex<HashMap<(u32, i64), Decided>>,
    /// Whether there are any, so that workers usually need no lock.
    any: AtomicBool,
}

impl PendingDecisions {
    /// Makes a decision about a record. It is applied when a worker takes the record again.
    pub fn add(&self, record: &PausingRecord, decision: RecordDecision) {
        let decided = Decided { decision, error: record.error.clone(), attempts: record.attempts };
        let mut waiting = self.waiting.lock();
        waiting.insert((record.partition, record.offset), decided);
        self.any.store(true, Relaxed);
    }

    /// Whether any decision is pending.
    #[must_use]
    pub fn has_any(&self) -> bool {
        self.any.load(Relaxed)
    }

    /// Whether a decision about this record is pending. The record must then not reach the handler.
    #[must_use]
    pub fn is_decided(&self, record: &Record) -> bool {
        self.has_any() && self.waiting.lock().contains_key(&(record.partition, record.offset))
    }

    /// Takes the pending decision about a record, if there is one.
    pub(super) fn take(&self, record: &Record) -> Option<Decided> {
        if !self.has_any() {
            return None;
        }
        let mut waiting = self.waiting.lock();
        let decided = waiting.remove(&(record.partition, record.offset));
        self.any.store(!waiting.is_empty(), Relaxed);
        decided
    }
}
