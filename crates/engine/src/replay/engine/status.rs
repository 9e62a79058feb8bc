//! Whether a run or one of its partitions has failed, and why.

use kreplay_model::{domain::ErrorClass, feed::EventLog};
use parking_lot::Mutex;

/// The failures of a run. The first reason is kept, and each is reported.
pub struct RunStatus {
    events: EventLog,
    failure: Mutex<Option<String>>,
    /// The class of the run's failure.
    class: Mutex<ErrorClass>,
    unreadable: Mutex<Option<String>>,
}

impl RunStatus {
    /// A run without failures.
    #[must_use]
    pub fn new(events: EventLog) -> Self {
        Self { events, failure: Mutex::new(None), class: Mutex::new(ErrorClass::Failed), unreadable: Mutex::new(None) }
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

    /// Sets the class of the run's failure.
    pub fn note_class(&self, class: ErrorClass) {
        *self.class.lock() = class;
    }

    /// The class of the run's failure, once it has failed.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        *self.class.lock()
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
