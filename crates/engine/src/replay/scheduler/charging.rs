//! Charges the time of idle workers to the cause of their idleness.
//!
//! The cause is determined when a worker finds no records, whenever it wakes without finding any, and at the intervals
//! at which the run observes reading.

use std::{sync::Arc, time::Instant};

use kreplay_model::feed::Charge;

use super::{Inner, Scheduler};
use crate::replay::charges::{IdleFacts, ReadingFacts, SharedLedger, idle_charge};

/// The ledgers of the workers, and what is known about reading.
#[derive(Debug)]
pub(super) struct WorkerCharges {
    ledgers: Vec<Option<IdleLedger>>,
    reading: ReadingFacts,
    /// With a queue for each worker: whether its partitions have records that were not read yet.
    has_unread: Vec<bool>,
}

/// The ledger of a worker, as long as it has a thread.
#[derive(Debug)]
struct IdleLedger {
    ledger: Arc<SharedLedger>,
    /// Why the worker is idle; `None` while it is not, and changes its ledger itself.
    cause: Option<Charge>,
}

/// Before the first observation, all records are unread.
impl Default for WorkerCharges {
    fn default() -> Self {
        let reading = ReadingFacts { has_unread: true, ..ReadingFacts::default() };
        Self { ledgers: Vec::new(), reading, has_unread: Vec::new() }
    }
}

impl WorkerCharges {
    /// The worker has records, or exits. From now on it changes its ledger itself.
    pub(super) fn leave_idle(&mut self, worker: u32) {
        if let Some(Some(entry)) = self.ledgers.get_mut(worker as usize) {
            entry.cause = None;
        }
    }

    fn is_idle(&self, worker: u32) -> bool {
        matches!(self.ledgers.get(worker as usize), Some(Some(IdleLedger { cause: Some(_), .. })))
    }

    fn reading_of(&self, worker: u32) -> ReadingFacts {
        let has_unread = self.has_unread.get(worker as usize).copied().unwrap_or(self.reading.has_unread);
        ReadingFacts { has_unread, ..self.reading }
    }

    /// Charges an idle worker's time from now on to this cause.
    fn charge(&mut self, worker: u32, cause: Charge) {
        if let Some(Some(entry)) = self.ledgers.get_mut(worker as usize)
            && entry.cause != Some(cause)
        {
            entry.ledger.enter(cause, Instant::now());
            entry.cause = Some(cause);
        }
    }
}

impl Scheduler {
    /// Sets the ledger of a worker whose thread is about to start.
    pub fn set_ledger(&self, worker: u32, ledger: Arc<SharedLedger>) {
        let ledgers = &mut self.inner.lock().charges.ledgers;
        if ledgers.len() <= worker as usize {
            ledgers.resize_with(worker as usize + 1, || None);
        }
        ledgers[worker as usize] = Some(IdleLedger { ledger, cause: None });
    }

    /// Whether any worker is idle.
    #[must_use]
    pub fn has_idle_workers(&self) -> bool {
        !self.inner.lock().idle.is_empty()
    }

    /// Takes in what is known about reading, and charges idle workers by it. `has_unread`: for each worker, whether its
    /// partitions have records that were not read yet; empty if partitions have no workers.
    pub fn observe_reading(&self, reading: ReadingFacts, has_unread: Vec<bool>) {
        let mut inner = self.inner.lock();
        inner.charges.reading = reading;
        inner.charges.has_unread = has_unread;
        for worker in 0..u32::try_from(inner.charges.ledgers.len()).unwrap_or(u32::MAX) {
            if inner.charges.is_idle(worker) {
                inner.charge_idle(worker, self.queue_per_worker);
            }
        }
    }
}

impl Inner {
    /// Charges a worker that found no records to take.
    pub(super) fn charge_idle(&mut self, worker: u32, queue_per_worker: bool) {
        let queue = if queue_per_worker { worker } else { 0 };
        let has_lanes_in_use = !queue_per_worker && self.lanes.has_records_in_busy_lanes();
        let facts = IdleFacts {
            is_paused: self.pause.is_some(),
            is_limited: self.limiter_queue.contains(&worker),
            has_barrier: !self.barrier.is_open(),
            has_lanes_in_use,
            is_backing_off: self.lanes.is_backing_off(queue),
            has_quarantine: self.lanes.quarantine_load().records > 0,
            reading: self.charges.reading_of(worker),
        };
        self.charges.charge(worker, idle_charge(facts));
    }
}
