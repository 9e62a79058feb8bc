//! Commands from a view to what audits topics, and its answers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio::sync::{mpsc, watch};

use super::AuditReport;
use crate::feed::Planning;

/// An audit that a view asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditTask {
    /// A number that the view chooses, so that answers to an earlier task are recognised.
    pub number: u64,
    /// The names of the topics.
    pub topics: Arc<[String]>,
    /// Whether all records are read, instead of a sample.
    pub full: bool,
    /// The number of partitions to rehearse; `None` for no rehearsal.
    pub rehearse_partitions: Option<i32>,
}

/// A view's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditCommand {
    /// Audit topics. An audit in progress is stopped, and its report is not needed.
    Start(AuditTask),
    /// Stop the audit in progress, and report what was found so far.
    Stop,
}

/// How far the task with a number is.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditProgress {
    /// The number of the task.
    pub number: u64,
    /// How far it is.
    pub step: AuditStep,
}

/// How far an audit is.
#[derive(Clone, Debug, PartialEq)]
pub enum AuditStep {
    /// Records are being read.
    Reading(Planning),
    /// The report.
    Done(Arc<AuditReport>),
    /// Why there is no report, in one sentence.
    Failed(String),
}

/// Sends commands, and receives the answers. If it is dropped, the audit in progress is stopped.
#[derive(Debug)]
pub struct AuditControl {
    jobs: mpsc::UnboundedSender<AuditJob>,
    cancel: Arc<AtomicBool>,
    /// The latest answer; `None` before the first one.
    pub answers: watch::Receiver<Option<Arc<AuditProgress>>>,
}

/// The other end of an [`AuditControl`].
#[derive(Debug)]
pub struct AuditServer {
    jobs: mpsc::UnboundedReceiver<AuditJob>,
    answers: watch::Sender<Option<Arc<AuditProgress>>>,
}

/// A task, and whether it is to be stopped.
#[derive(Debug)]
pub struct AuditJob {
    /// The task.
    pub task: AuditTask,
    /// Becomes true once reading is to end.
    pub cancel: Arc<AtomicBool>,
}

impl AuditControl {
    /// Creates a control and its other end.
    #[must_use]
    pub fn channel() -> (Self, AuditServer) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (answered, answers) = watch::channel(None);
        (Self { jobs: sender, cancel: Arc::default(), answers }, AuditServer { jobs: receiver, answers: answered })
    }

    /// Sends a command without waiting for its answer.
    pub fn send(&mut self, command: AuditCommand) {
        self.cancel.store(true, Relaxed);
        if let AuditCommand::Start(task) = command {
            self.cancel = Arc::default();
            // Fails if the other end is gone; then nothing is audited any more.
            let _ = self.jobs.send(AuditJob { task, cancel: Arc::clone(&self.cancel) });
        }
    }
}

impl Drop for AuditControl {
    fn drop(&mut self) {
        self.cancel.store(true, Relaxed);
    }
}

impl AuditServer {
    /// Waits for the next task. Of several, all but the latest are left out. `None` once the control is dropped. Must
    /// not be called by an asynchronous task.
    pub fn next_job(&mut self) -> Option<AuditJob> {
        let mut job = self.jobs.blocking_recv()?;
        while let Ok(later) = self.jobs.try_recv() {
            job = later;
        }
        (!self.answers.is_closed()).then_some(job)
    }

    /// Answers.
    pub fn answer(&self, number: u64, step: AuditStep) {
        self.answers.send_replace(Some(Arc::new(AuditProgress { number, step })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(number: u64) -> AuditCommand {
        let topics = Arc::from(["orders".to_owned()]);
        AuditCommand::Start(AuditTask { number, topics, full: false, rehearse_partitions: None })
    }

    #[test]
    fn a_later_task_stops_and_replaces_an_earlier_one() {
        let (mut control, mut server) = AuditControl::channel();
        control.send(start(1));
        let first = server.next_job().unwrap();
        assert!(!first.cancel.load(Relaxed));
        control.send(start(2));
        control.send(start(3));
        assert!(first.cancel.load(Relaxed));
        let third = server.next_job().unwrap();
        assert_eq!((third.task.number, third.cancel.load(Relaxed)), (3, false));
        server.answer(3, AuditStep::Failed("gone".into()));
        assert_eq!(control.answers.borrow().as_ref().map(|answer| answer.number), Some(3));
    }

    #[test]
    fn an_audit_is_stopped_by_a_command_and_with_its_control() {
        let (mut control, mut server) = AuditControl::channel();
        control.send(start(1));
        let job = server.next_job().unwrap();
        control.send(AuditCommand::Stop);
        assert!(job.cancel.load(Relaxed));
        control.send(start(2));
        let job = server.next_job().unwrap();
        drop(control);
        assert!(job.cancel.load(Relaxed));
        assert!(server.next_job().is_none());
    }
}
