//! Notices that were not delivered.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::{action::ActionName, notice::Notice};

/// The number of failures that are kept until they are taken; the oldest are dropped first.
const MAX_FAILURES: usize = 100;

/// A notice that an action did not deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The action.
    pub action: ActionName,
    /// What the alert is about: the label `group`, or `run`.
    pub subject: String,
    /// One sentence without the secrets of the action. A program may repeat other ones.
    pub reason: String,
}

/// The failures that were not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<VecDeque<Failure>>);

impl Failures {
    pub(crate) fn add(&self, action: &ActionName, notice: &Notice, reason: String) {
        let subject = [notice.label("group"), notice.label("run")].into_iter().find(|label| !label.is_empty());
        let subject = subject.unwrap_or_default().to_owned();
        let mut failures = self.0.lock();
        if failures.len() == MAX_FAILURES {
            failures.pop_front();
        }
        failures.push_back(Failure { action: action.clone(), subject, reason });
    }

    /// The failures since the last call, oldest first.
    pub(crate) fn take(&self) -> Vec<Failure> {
        self.0.lock().drain(..).collect()
    }
}
