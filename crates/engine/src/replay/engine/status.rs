//! Whether a run or one of its partitions has failed, and why.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use kreplay_model::feed::EventLog;
use parking_lot::Mutex;

/// The failures of a run. The first reason is kept, and each is reported.
pub struct RunStatus {
    events: EventLog,
    failure: Mutex<Option<String>>,
    /// Whether the failure of the run is a usage error.
    wrong_usage: AtomicBool,
    unreadable: Mutex<Option<String>>,
}

impl RunStatus {
    /// A run without failures.
    #[must_use]
    pub fn new(events: EventLog) -> Self {
        Self { events, failure: Mutex::new(None), wrong_usage: AtomicBool::new(false), unreadable: Mutex::new(None) }
    }

    /// Notes that the run has failed. Returns whether that is new.
    pub(super) fn note_failure(&self, reason: String) -> bool {
        let mut failure = self.failure.lock();
        if failure.is_some() {
            return false;
        }
        self.events.error(reason.clone());
        *failure = Some(reason);
        true
    }

    /// Notes that a partition has failed.
    pub(super) fn note_unreadable(&self, reason: String) {
        self.unreadable.lock().get_or_insert_with(|| reason.clone());
        self.events.error(reason);
    }

    /// Sets whether the failure of the run is a usage error.
    pub fn note_usage(&self, usage: bool) {
        self.wrong_usage.store(usage, Relaxed);
    }

    /// Whether the run has failed with a usage error.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        self.wrong_usage.load(Relaxed)
    }

    /// The first partition that failed, and why.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        self.unreadable.lock().clone()
    }

    /// Why the run has failed, if it has.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }

    /// Whether the run has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failure.lock().is_some()
    }
}
