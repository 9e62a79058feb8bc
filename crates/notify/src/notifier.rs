//! Passes notices to the threads of actions.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    action::{Action, ActionName},
    delivery::Outlet,
    failure::{Failure, Failures},
    notice::Notice,
    queue::Queue,
    worker::{Pace, Worker},
};

/// Actions, each with a thread of its own.
#[derive(Debug)]
pub struct Notifier {
    queues: BTreeMap<ActionName, Queue>,
    failures: Arc<Failures>,
    /// Closed when all threads have ended.
    ended: Receiver<()>,
}

impl Notifier {
    /// Starts the threads of actions. Control sequences for the terminal go to `outlet`.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(actions: impl IntoIterator<Item = Action>, outlet: &Outlet) -> io::Result<Self> {
        Self::start_with(actions, outlet, Pace::default())
    }

    fn start_with(actions: impl IntoIterator<Item = Action>, outlet: &Outlet, pace: Pace) -> io::Result<Self> {
        let failures = Arc::<Failures>::default();
        let (alive, ended) = channel();
        let mut queues = BTreeMap::new();
        for action in actions {
            let (queue, notices) = Queue::of(&action.kind);
            queues.insert(action.name.clone(), queue);
            let (outlet, alive) = (outlet.clone(), alive.clone());
            let worker = Worker { action, notices, failures: Arc::clone(&failures), pace };
            thread::Builder::new().name("notify".to_owned()).spawn(move || {
                worker.run(&outlet);
                drop(alive);
            })?;
        }
        Ok(Self { queues, failures, ended })
    }

    /// Passes a notice to an action. Never waits: a notice for which the queue has no room has failed. An action that
    /// does not exist does nothing.
    pub fn notify(&self, action: &ActionName, notice: &Notice) {
        let Some(queue) = self.queues.get(action) else { return };
        if let Err(reason) = queue.pass(notice.clone()) {
            self.failures.add(action, notice, reason);
        }
    }

    /// The failures since the last call, oldest first.
    #[must_use]
    pub fn failures(&self) -> Vec<Failure> {
        self.failures.take()
    }

    /// Waits until all notices are delivered or given up, but no longer than `timeout`. Returns the failures since the
    /// last call of [`failures`](Self::failures), and whether everything was done in time.
    #[must_use]
    pub fn finish(self, timeout: Duration) -> (Vec<Failure>, bool) {
        let Self { queues, failures, ended } = self;
        drop(queues);
        let deadline = Instant::now() + timeout;
        // Nothing is sent: the channel is closed when the last thread ends.
        let is_done = ended.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            != Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        let left = failures.take();
        (left, is_done)
    }
}

#[cfg(test)]
#[path = "notifier/notifier_test.rs"]
mod tests;
