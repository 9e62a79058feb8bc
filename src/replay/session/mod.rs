//! A session: one cluster, one selection, and the runs that a user starts on it, one after the other. It alone gives the
//! commands their effect, and it alone publishes snapshots.

mod commands;
mod listing;
mod planning;
mod publishing;
mod starting;

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use self::{listing::Listing, planning::PlanDesk};
use super::{Command, Control, Problem, SessionEnd, SessionOptions, run::Run};
use crate::{
    feed::{EventLog, Feed, RunState, RunSummary, RunView, Snapshot, TopicView},
    handler::HandlerSource,
    kafka::{Client, ClientHealth},
};

/// How often the session looks after its run.
const TICK: Duration = Duration::from_millis(10);
/// How often it publishes a snapshot, and how often with so many partitions that making one costs something.
const PUBLISH: Duration = Duration::from_millis(100);
const PUBLISH_MANY: Duration = Duration::from_millis(250);
const MANY: usize = 200;

/// A session on a thread of its own.
pub struct Session {
    /// What it emits.
    pub feed: Feed,
    /// What it can be told.
    pub control: Control,
    thread: JoinHandle<SessionEnd>,
}

impl Session {
    /// Starts a session; the plan is made on its own thread, so that a view can be there before the cluster answers.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub fn spawn(options: SessionOptions) -> std::io::Result<Self> {
        Self::spawn_with(options, None)
    }

    /// As [`Session::spawn`], with handlers that no name stands for.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub fn spawn_with(options: SessionOptions, source: Option<Arc<dyn HandlerSource>>) -> std::io::Result<Self> {
        let (control, commands) = Control::channel();
        let events = EventLog::default();
        let (publish, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        let feed = Feed { snapshots, events: events.clone() };
        let thread = std::thread::Builder::new().name("session".into()).spawn(move || {
            let mut body = Body {
                health: Arc::default(),
                client: None,
                listing: None,
                plans: PlanDesk::default(),
                catalog: None,
                run: None,
                last_view: None,
                finished: Vec::new(),
                problem: None,
                wrong_usage: false,
                resumable: None,
                runs: 0,
                published: None,
                start_again: false,
                closing: false,
                options,
                source,
                events,
                publish,
            };
            body.live(&commands)
        })?;
        Ok(Self { feed, control, thread })
    }

    /// Waits for the session's end; tell it to end first, unless it ends by itself.
    #[must_use]
    pub fn join(self) -> SessionEnd {
        self.thread.join().unwrap_or_else(|_| SessionEnd {
            run: None,
            problem: Some(Problem {
                text: "kreplay's engine stopped unexpectedly; please report this".into(),
                usage: false,
            }),
            wrong_usage: false,
            resumable: None,
        })
    }
}

struct Body {
    options: SessionOptions,
    source: Option<Arc<dyn HandlerSource>>,
    events: EventLog,
    publish: watch::Sender<Arc<Snapshot>>,
    health: Arc<ClientHealth>,
    client: Option<Client>,
    listing: Option<Listing>,
    plans: PlanDesk,
    catalog: Option<Arc<[TopicView]>>,
    run: Option<Run>,
    last_view: Option<RunView>,
    finished: Vec<RunSummary>,
    problem: Option<Problem>,
    wrong_usage: bool,
    resumable: Option<String>,
    runs: u32,
    published: Option<Instant>,
    start_again: bool,
    closing: bool,
}

impl Body {
    fn live(&mut self, commands: &Receiver<Command>) -> SessionEnd {
        self.publish_now();
        if self.options.start {
            self.start();
        }
        loop {
            match commands.recv_timeout(TICK) {
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {}
                // Nobody can say anything any more, nor wants to hear.
                Err(RecvTimeoutError::Disconnected) => self.obey(Command::Shutdown),
            }
            self.tick();
            let over = self.options.one_run && (self.runs > 0 || self.problem.is_some());
            if self.run.is_none() && (self.closing || over) {
                return SessionEnd {
                    run: self.last_view.take().filter(|view| view.started_at.is_some()),
                    problem: self.problem.take(),
                    wrong_usage: self.wrong_usage,
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
            self.wrong_usage = run.is_wrong_usage();
            self.finished.push(run.summary(&view));
            self.last_view = Some(view);
            self.run = None;
            self.publish_now();
            if std::mem::take(&mut self.start_again) && !self.closing {
                self.start();
            }
        }
        self.look_at_listing();
        self.look_at_planning();
        let partitions = self.last_view.as_ref().map_or(0, |view| view.partitions.len());
        let every = if partitions > MANY { PUBLISH_MANY } else { PUBLISH };
        // Between runs only a command changes anything; it asks for a snapshot by forgetting when the last one was.
        if self.published.is_none_or(|then| self.run.is_some() && then.elapsed() >= every) {
            self.publish_now();
        }
    }
}
