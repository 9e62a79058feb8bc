//! Work on a thread of its own that sends results.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel},
    time::Duration,
};

/// Work on a thread of its own. If this is dropped, the thread notices when it sends its next result.
#[derive(Debug)]
pub struct BackgroundTask<T> {
    results: Receiver<T>,
}

/// What a task has sent since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState<T> {
    /// Nothing new yet.
    Waiting,
    /// A result.
    New(T),
    /// Nothing more will come.
    Ended,
}

/// Sends the results of a task.
pub struct TaskResults<T>(Sender<T>);

impl<T> TaskResults<T> {
    /// Sends a result. Returns whether the task is still wanted.
    pub fn send(&self, result: T) -> bool {
        self.0.send(result).is_ok()
    }
}

impl<T: Send + 'static> BackgroundTask<T> {
    /// Starts a thread with this name.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub fn spawn(name: &str, work: impl FnOnce(&TaskResults<T>) + Send + 'static) -> std::io::Result<Self> {
        let (sender, results) = channel();
        std::thread::Builder::new().name(name.into()).spawn(move || work(&TaskResults(sender)))?;
        Ok(Self { results })
    }

    /// A task that has already ended with this result.
    #[must_use]
    pub fn ended(result: T) -> Self {
        let (sender, results) = channel();
        // The receiver exists.
        let _ = sender.send(result);
        Self { results }
    }

    /// The next result. Never waits.
    #[must_use]
    pub fn poll(&self) -> TaskState<T> {
        match self.results.try_recv() {
            Ok(result) => TaskState::New(result),
            Err(TryRecvError::Empty) => TaskState::Waiting,
            Err(TryRecvError::Disconnected) => TaskState::Ended,
        }
    }

    /// Waits for the next result, up to `timeout`.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> TaskState<T> {
        match self.results.recv_timeout(timeout) {
            Ok(result) => TaskState::New(result),
            Err(RecvTimeoutError::Timeout) => TaskState::Waiting,
            Err(RecvTimeoutError::Disconnected) => TaskState::Ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn results_arrive_in_order_until_the_task_ends() {
        let task = BackgroundTask::spawn("task", |results| assert!(results.send(1) && results.send(2))).unwrap();
        let states = [0; 3].map(|_| task.wait(LONG));
        assert_eq!(states, [TaskState::New(1), TaskState::New(2), TaskState::Ended]);
        assert_eq!(task.poll(), TaskState::Ended);
        assert_eq!(BackgroundTask::ended(3).poll(), TaskState::New(3));
    }

    #[test]
    fn a_dropped_task_is_no_longer_wanted() {
        let (dropped, wait) = channel();
        let (report, reported) = channel();
        let task = BackgroundTask::spawn("task", move |results: &TaskResults<u8>| {
            let _ = wait.recv();
            let _ = report.send(results.send(1));
        });
        drop(task);
        dropped.send(()).unwrap();
        assert_eq!(reported.recv_timeout(LONG), Ok(false));
    }
}
