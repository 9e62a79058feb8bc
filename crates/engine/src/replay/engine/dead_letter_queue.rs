//! The records that wait for the dead-letter thread.

use std::{collections::VecDeque, time::Duration};

use parking_lot::{Condvar, Mutex};

use crate::{handler::LaneRun, replay::lanes::quarantine::QuarantineReason};

/// How often the dead-letter thread wakes up at least.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Records of one lane that are dead-lettered together, in order.
#[derive(Debug)]
pub struct DeadLetterBatch {
    /// The lane and the records taken from it.
    pub run: LaneRun,
    /// How many of its records were settled before.
    pub done: usize,
    /// How many of the following records are dead-lettered.
    pub count: usize,
    /// Why the first of them failed.
    pub reason: QuarantineReason,
    /// Whether the lane's key is discarded for the rest of the run.
    pub discarded: bool,
}

#[derive(Default)]
struct QueueState {
    batches: VecDeque<DeadLetterBatch>,
    is_open: bool,
    is_closed: bool,
}

/// Hands records over to the dead-letter thread.
#[derive(Default)]
pub struct DeadLetterQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

impl DeadLetterQueue {
    /// Notes that a thread takes records from the queue.
    pub fn open(&self) {
        self.state.lock().is_open = true;
    }

    /// Whether a thread takes records from the queue, or has done so.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.lock().is_open
    }

    /// Queues records. Returns them if no thread would send them.
    pub(super) fn submit(&self, batch: DeadLetterBatch) -> Option<DeadLetterBatch> {
        let mut state = self.state.lock();
        if !state.is_open {
            return Some(batch);
        }
        state.batches.push_back(batch);
        drop(state);
        self.changed.notify_one();
        None
    }

    /// Waits for records, and takes about `max_records` of them. Returns `None` after the queue was closed.
    #[must_use]
    pub fn next(&self, max_records: usize) -> Option<Vec<DeadLetterBatch>> {
        let mut state = self.state.lock();
        loop {
            if !state.batches.is_empty() {
                let mut records = 0;
                let mut batches = Vec::new();
                while records < max_records
                    && let Some(batch) = state.batches.pop_front()
                {
                    records += batch.count;
                    batches.push(batch);
                }
                return Some(batches);
            }
            if state.is_closed {
                return None;
            }
            self.changed.wait_for(&mut state, POLL_INTERVAL);
        }
    }

    /// Closes the queue. The thread ends after it has sent what is queued.
    pub fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Whether the queue was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }
}
