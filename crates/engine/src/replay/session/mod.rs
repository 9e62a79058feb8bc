//! A session: one cluster, one selection, and the runs started on it, one after another. Only the session executes
//! commands and publishes snapshots.

mod builder;
mod commands;
mod listing;
mod planning;
mod publishing;
mod requests;
#[cfg(test)]
mod session_test;
mod starting;

pub use builder::{SessionBuilder, SessionError};

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use kreplay_kafka::{Client, ClientHealth};
use kreplay_model::{
    domain::ErrorClass,
    feed::{EventLog, Feed, RunState, RunSummary, RunView, Snapshot, TopicView},
};
use tokio::sync::watch;

use self::{listing::Listing, planning::PlanTask, requests::Requests};
use super::{Command, Control, Problem, SessionEnd, SessionOptions, run::Run};

/// How often the session ticks its run.
const TICK_INTERVAL: Duration = Duration::from_millis(10);
/// How often a snapshot is published; and how often with many partitions, where creating one is expensive.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);
const PUBLISH_INTERVAL_MANY_PARTITIONS: Duration = Duration::from_millis(250);
const MANY_PARTITIONS: usize = 200;

/// A session on its own thread.
pub struct Session {
    /// The snapshots and events it emits.
    pub feed: Feed,
    /// The commands it accepts.
    pub control: Control,
    thread: JoinHandle<SessionEnd>,
}

impl Session {
    /// Starts a session. The plan is made on the session's thread, so that a view can open before the cluster answers.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub fn spawn(options: SessionOptions) -> std::io::Result<Self> {
        let (control, commands) = Control::channel();
        let events = EventLog::default();
        let (publish, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        let feed = Feed { snapshots, events: events.clone(), groups: None, alerts: None };
        let thread = std::thread::Builder::new()
            .name("session".into())
            .spawn(move || SessionLoop::new(options, commands, events, publish).run())?;
        Ok(Self { feed, control, thread })
    }

    /// Waits for the session to end. Shut it down first, unless it ends by itself.
    #[must_use]
    pub fn join(self) -> SessionEnd {
        self.thread.join().unwrap_or_else(|_| SessionEnd {
            run: None,
            problem: Some(Problem::failed("kreplay's engine stopped unexpectedly; please report this")),
            failure: None,
            resumable: None,
        })
    }
}

struct SessionLoop {
    options: SessionOptions,
    commands: Receiver<Command>,
    /// Commands that were sent while the run was being started. They come before the others.
    early: VecDeque<Command>,
    events: EventLog,
    publish: watch::Sender<Arc<Snapshot>>,
    health: Arc<ClientHealth>,
    client: Option<Client>,
    listing: Option<Listing>,
    plan_task: PlanTask,
    requests: Requests,
    catalog: Option<Arc<[TopicView]>>,
    run: Option<Run>,
    last_view: Option<RunView>,
    finished: Vec<RunSummary>,
    problem: Option<Problem>,
    failure: Option<ErrorClass>,
    resumable: Option<String>,
    runs: u32,
    published: Option<Instant>,
    restart_pending: bool,
    is_closing: bool,
}

impl SessionLoop {
    fn new(
        options: SessionOptions,
        commands: Receiver<Command>,
        events: EventLog,
        publish: watch::Sender<Arc<Snapshot>>,
    ) -> Self {
        Self {
            options,
            commands,
            early: VecDeque::new(),
            events,
            publish,
            health: Arc::default(),
            client: None,
            listing: None,
            plan_task: PlanTask::default(),
            requests: Requests::default(),
            catalog: None,
            run: None,
            last_view: None,
            finished: Vec::new(),
            problem: None,
            failure: None,
            resumable: None,
            runs: 0,
            published: None,
            restart_pending: false,
            is_closing: false,
        }
    }

    fn run(&mut self) -> SessionEnd {
        self.publish_now();
        if self.options.start {
            self.start();
        }
        loop {
            let early = self.early.pop_front();
            match early.map_or_else(|| self.commands.recv_timeout(TICK_INTERVAL), Ok) {
                Ok(command) => self.handle_command(command),
                Err(RecvTimeoutError::Timeout) => {}
                // The control handle was dropped: no further commands can arrive.
                Err(RecvTimeoutError::Disconnected) => self.handle_command(Command::Shutdown),
            }
            self.tick();
            let over = self.options.one_run && (self.runs > 0 || self.problem.is_some());
            if self.run.is_none() && (self.is_closing || over) {
                return SessionEnd {
                    run: self.last_view.take().filter(|view| view.started_at.is_some()),
                    problem: self.problem.take(),
                    failure: self.failure,
                    resumable: self.resumable.take(),
                };
            }
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if let Some(run) = &mut self.run
            && run.tick(now)
        {
            let view = run.view(now);
            self.resumable = Some(view.id.clone()).filter(|_| run.resumable && view.state != RunState::Done);
            self.failure = run.failure_class();
            self.finished.push(run.summary(&view));
            self.last_view = Some(view);
            self.run = None;
            self.publish_now();
            if std::mem::take(&mut self.restart_pending) && !self.is_closing {
                self.start();
            }
        }
        self.poll_listing();
        self.poll_plan();
        let partitions = self.last_view.as_ref().map_or(0, |view| view.partitions.len());
        let every = if partitions > MANY_PARTITIONS { PUBLISH_INTERVAL_MANY_PARTITIONS } else { PUBLISH_INTERVAL };
        // Between runs only commands change anything. They request a snapshot by clearing `published`.
        if self.published.is_none_or(|then| self.run.is_some() && then.elapsed() >= every) {
            self.publish_now();
        }
    }
}
