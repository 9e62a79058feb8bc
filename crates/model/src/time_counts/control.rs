//! The two ends over which records are counted by time.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio::sync::{mpsc, watch};

use super::{TimeCountCommand, TimeCountProgress, TimeCountStep, TimeCountTask};

/// Sends commands, and receives the answers. If it is dropped, counting in progress is stopped.
#[derive(Debug)]
pub struct TimeCountControl {
    jobs: mpsc::UnboundedSender<TimeCountJob>,
    cancel: Arc<AtomicBool>,
    /// The latest answer; `None` before the first one.
    pub answers: watch::Receiver<Option<Arc<TimeCountProgress>>>,
}

/// The other end of a [`TimeCountControl`].
#[derive(Debug)]
pub struct TimeCountServer {
    jobs: mpsc::UnboundedReceiver<TimeCountJob>,
    answers: watch::Sender<Option<Arc<TimeCountProgress>>>,
}

/// A task, and whether it is to be stopped.
#[derive(Debug)]
pub struct TimeCountJob {
    /// The task.
    pub task: TimeCountTask,
    /// Becomes true once counting is to end.
    pub cancel: Arc<AtomicBool>,
}

impl TimeCountControl {
    /// Creates a control and its other end.
    #[must_use]
    pub fn channel() -> (Self, TimeCountServer) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (answered, answers) = watch::channel(None);
        let server = TimeCountServer { jobs: receiver, answers: answered };
        (Self { jobs: sender, cancel: Arc::default(), answers }, server)
    }

    /// Sends a command without waiting for its answer.
    pub fn send(&mut self, command: TimeCountCommand) {
        self.cancel.store(true, Relaxed);
        if let TimeCountCommand::Start(task) = command {
            self.cancel = Arc::default();
            // Fails if the other end is gone; then nothing is counted any more.
            let _ = self.jobs.send(TimeCountJob { task, cancel: Arc::clone(&self.cancel) });
        }
    }
}

impl Drop for TimeCountControl {
    fn drop(&mut self) {
        self.cancel.store(true, Relaxed);
    }
}

impl TimeCountServer {
    /// Waits for the next task. Of several, all but the latest are left out. `None` once the control is dropped. Must
    /// not be called by an asynchronous task.
    pub fn next_job(&mut self) -> Option<TimeCountJob> {
        let mut job = self.jobs.blocking_recv()?;
        while let Ok(later) = self.jobs.try_recv() {
            job = later;
        }
        (!self.answers.is_closed()).then_some(job)
    }

    /// Answers.
    pub fn answer(&self, number: u64, step: TimeCountStep) {
        self.answers.send_replace(Some(Arc::new(TimeCountProgress { number, step })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(number: u64) -> TimeCountCommand {
        TimeCountCommand::Start(TimeCountTask { number, topics: Arc::from(["orders".to_owned()]) })
    }

    #[test]
    fn a_later_task_stops_and_replaces_an_earlier_one() {
        let (mut control, mut server) = TimeCountControl::channel();
        control.send(start(1));
        let first = server.next_job().unwrap();
        assert!(!first.cancel.load(Relaxed));
        control.send(start(2));
        control.send(start(3));
        assert!(first.cancel.load(Relaxed));
        let third = server.next_job().unwrap();
        assert_eq!((third.task.number, third.cancel.load(Relaxed)), (3, false));
        server.answer(3, TimeCountStep::LookingUp(7));
        assert_eq!(control.answers.borrow().as_ref().map(|answer| answer.number), Some(3));
        control.send(TimeCountCommand::Stop);
        assert!(third.cancel.load(Relaxed));
    }

    #[test]
    fn counting_ends_with_its_control() {
        let (mut control, mut server) = TimeCountControl::channel();
        control.send(start(1));
        let job = server.next_job().unwrap();
        drop(control);
        assert!(job.cancel.load(Relaxed));
        assert!(server.next_job().is_none());
    }
}
