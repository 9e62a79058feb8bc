//! The claims of positions that the handler's target stores.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use parking_lot::Mutex;

use crate::handler::Logs;

/// Counts a claim as pending while it lives.
pub struct PendingClaim(Arc<AtomicUsize>);

impl PendingClaim {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for PendingClaim {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The claims of a run.
#[derive(Debug, Default)]
pub struct Claims {
    /// The number of pending claims. Callers may have stopped waiting for some of them.
    pending: Arc<AtomicUsize>,
    last: Mutex<Option<Instant>>,
    /// The identity of the run's logs, as far as it was looked up.
    pub logs: Mutex<Logs>,
}

impl Claims {
    /// Begins a claim. It is pending until the result is dropped.
    #[must_use]
    pub fn begin(&self) -> PendingClaim {
        PendingClaim::begin(&self.pending)
    }

    /// Notes that partitions were claimed.
    pub fn note_claimed(&self) {
        *self.last.lock() = Some(Instant::now());
    }

    /// Whether a handler is still claiming partitions.
    #[must_use]
    pub fn are_pending(&self) -> bool {
        self.pending.load(Relaxed) > 0
    }

    /// When partitions were last claimed.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        *self.last.lock()
    }
}
