//! Tasks that a view sends to what does them on a thread of its own, one at a time: the later one replaces the earlier.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio::sync::{mpsc, watch};

/// A view's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskCommand<Task> {
    /// Begin a task. One in progress is stopped, and its result is not needed.
    Start(Task),
    /// Stop the task in progress.
    Stop,
}

/// How far the task with a number is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskProgress<Step> {
    /// The number that the view has given to the task, so that answers to an earlier task are recognised.
    pub number: u64,
    /// How far it is.
    pub step: Step,
}

/// The latest answer; `None` before the first one.
type LatestAnswer<Step> = Option<Arc<TaskProgress<Step>>>;

/// Sends commands, and receives the answers. If it is dropped, the task in progress is stopped.
#[derive(Debug)]
pub struct TaskControl<Task, Step> {
    jobs: mpsc::UnboundedSender<TaskJob<Task>>,
    cancel: Arc<AtomicBool>,
    /// The latest answer; `None` before the first one.
    pub answers: watch::Receiver<LatestAnswer<Step>>,
}

/// The other end of a [`TaskControl`].
#[derive(Debug)]
pub struct TaskServer<Task, Step> {
    jobs: mpsc::UnboundedReceiver<TaskJob<Task>>,
    answers: watch::Sender<LatestAnswer<Step>>,
}

/// A task, and whether it is to be stopped.
#[derive(Debug)]
pub struct TaskJob<Task> {
    /// The task.
    pub task: Task,
    /// Becomes true once the task is to end.
    pub cancel: Arc<AtomicBool>,
}

impl<Task, Step> TaskControl<Task, Step> {
    /// Creates a control and its other end.
    #[must_use]
    pub fn channel() -> (Self, TaskServer<Task, Step>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (answered, answers) = watch::channel(None);
        let server = TaskServer { jobs: receiver, answers: answered };
        (Self { jobs: sender, cancel: Arc::default(), answers }, server)
    }

    /// Sends a command without waiting for its answer.
    pub fn send(&mut self, command: TaskCommand<Task>) {
        self.cancel.store(true, Relaxed);
        if let TaskCommand::Start(task) = command {
            self.cancel = Arc::default();
            // Fails if the other end is gone; then no task is done any more.
            let _ = self.jobs.send(TaskJob { task, cancel: Arc::clone(&self.cancel) });
        }
    }
}

impl<Task, Step> Drop for TaskControl<Task, Step> {
    fn drop(&mut self) {
        self.cancel.store(true, Relaxed);
    }
}

impl<Task, Step> TaskServer<Task, Step> {
    /// Waits for the next task. Of several, all but the latest are left out. `None` once the control is dropped. Must
    /// not be called by an asynchronous task.
    pub fn next_job(&mut self) -> Option<TaskJob<Task>> {
        let mut job = self.jobs.blocking_recv()?;
        while let Ok(later) = self.jobs.try_recv() {
            job = later;
        }
        (!self.answers.is_closed()).then_some(job)
    }

    /// Answers.
    pub fn answer(&self, number: u64, step: Step) {
        self.answers.send_replace(Some(Arc::new(TaskProgress { number, step })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> (TaskControl<u64, &'static str>, TaskServer<u64, &'static str>) {
        TaskControl::channel()
    }

    #[test]
    fn a_later_task_stops_and_replaces_an_earlier_one() {
        let (mut control, mut server) = channel();
        control.send(TaskCommand::Start(1));
        let first = server.next_job().unwrap();
        assert!(!first.cancel.load(Relaxed));
        control.send(TaskCommand::Start(2));
        control.send(TaskCommand::Start(3));
        assert!(first.cancel.load(Relaxed));
        let third = server.next_job().unwrap();
        assert_eq!((third.task, third.cancel.load(Relaxed)), (3, false));
        server.answer(3, "half");
        assert_eq!(control.answers.borrow().as_ref().map(|answer| answer.number), Some(3));
    }

    #[test]
    fn a_task_is_stopped_by_a_command_and_with_its_control() {
        let (mut control, mut server) = channel();
        control.send(TaskCommand::Start(1));
        let job = server.next_job().unwrap();
        control.send(TaskCommand::Stop);
        assert!(job.cancel.load(Relaxed));
        control.send(TaskCommand::Start(2));
        let job = server.next_job().unwrap();
        drop(control);
        assert!(job.cancel.load(Relaxed));
        assert!(server.next_job().is_none());
    }
}
