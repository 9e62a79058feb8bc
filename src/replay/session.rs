//! A session: one cluster, one selection, and the runs that a user starts on it, one after the other. It alone gives the
//! commands their effect, and it alone publishes snapshots.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use chrono::Utc;
use tokio::sync::watch;

use super::{Command, Connection, Control, Settings, run::Run};
use crate::{
    domain::TopicPartition,
    feed::{ClusterView, EventKind, EventLog, Feed, PlanView, RunSummary, RunView, Snapshot},
    handler::{HandlerFactory, HandlerSource},
    kafka::{Catalog, Client, ClientHealth, GroupProtocol, KafkaConfig},
    plan::{Selection, resolve},
};

/// How often the session looks after its run.
const TICK: Duration = Duration::from_millis(10);
/// How often it publishes a snapshot, and how often with so many partitions that making one costs something.
const PUBLISH: Duration = Duration::from_millis(100);
const PUBLISH_MANY: Duration = Duration::from_millis(250);
const MANY: usize = 200;

/// What a session needs.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "independent switches, each named where it is set")]
pub struct SessionOptions {
    /// The cluster.
    pub kafka: KafkaConfig,
    /// Whether that is the embedded broker.
    pub embedded: bool,
    /// What to read.
    pub selection: Selection,
    /// How.
    pub settings: Settings,
    /// Which group protocol to speak.
    pub protocol: GroupProtocol,
    /// Each run after the first gets a group of its own, by number: where records are replayed again and again, as in the demo.
    pub group_per_run: bool,
    /// How long to wait for the cluster when a plan is made.
    pub timeout: Duration,
    /// Start the first run at once.
    pub start: bool,
    /// End when the first run is over.
    pub one_run: bool,
}

/// How a session ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionEnd {
    /// The last run, if there was one.
    pub run: Option<RunView>,
    /// What kept the last run from being started, if anything did.
    pub problem: Option<Problem>,
}

/// Why a run cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One sentence.
    pub text: String,
    /// Whether what was asked for is wrong, rather than the cluster out of reach.
    pub usage: bool,
}

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
                run: None,
                last_view: None,
                finished: Vec::new(),
                problem: None,
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
    run: Option<Run>,
    last_view: Option<RunView>,
    finished: Vec<RunSummary>,
    problem: Option<Problem>,
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
            if self.run.is_none() && (self.closing || self.options.one_run) {
                return SessionEnd {
                    run: self.last_view.take().filter(|view| view.started_at.is_some()),
                    problem: self.problem.take(),
                };
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start if self.run.is_none() => self.start(),
            Command::Start => {}
            Command::Restart => match &mut self.run {
                Some(run) => {
                    run.cancel();
                    self.start_again = true;
                }
                None => self.start(),
            },
            Command::Pause => self.run.iter_mut().for_each(Run::pause),
            Command::Resume => self.run.iter_mut().for_each(Run::resume),
            Command::Cancel => {
                self.start_again = false;
                self.run.iter_mut().for_each(Run::cancel);
            }
            Command::SetConcurrency(wanted) => {
                let changed = self.run.as_mut().map_or(Ok(()), |run| run.set_concurrency(wanted));
                match changed {
                    Ok(()) => self.options.settings.concurrency = wanted,
                    Err(error) => self.events.push(EventKind::Warning { text: error.to_string() }),
                }
                self.published = None;
            }
            Command::Shutdown => {
                self.closing = true;
                self.start_again = false;
                self.run.iter_mut().for_each(Run::cancel);
            }
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if let Some(run) = &mut self.run
            && run.tick(now)
        {
            let view = run.view(now);
            self.finished.push(run.summary(&view));
            self.last_view = Some(view);
            self.run = None;
            self.publish_now();
            if std::mem::take(&mut self.start_again) && !self.closing {
                self.start();
            }
        }
        let partitions = self.last_view.as_ref().map_or(0, |view| view.partitions.len());
        let every = if partitions > MANY { PUBLISH_MANY } else { PUBLISH };
        // Between runs only a command changes anything; it asks for a snapshot by forgetting when the last one was.
        if self.published.is_none_or(|then| self.run.is_some() && then.elapsed() >= every) {
            self.publish_now();
        }
    }

    fn publish_now(&mut self) {
        let now = Instant::now();
        self.published = Some(now);
        if let Some(run) = &mut self.run {
            self.last_view = Some(run.view(now));
        }
        let run = self.last_view.clone().map(|mut view| {
            if self.run.is_none() {
                // Between runs the number shown is the one that the next run starts with.
                view.concurrency = self.options.settings.concurrency.get();
            }
            view
        });
        let snapshot = Snapshot {
            at: Some(Utc::now()),
            cluster: ClusterView {
                bootstrap: self.options.kafka.bootstrap_servers.clone(),
                embedded: self.options.embedded,
                reachable: !self.health.is_down(),
            },
            run,
            finished: self.finished.clone(),
            problem: self.problem.as_ref().map(|problem| problem.text.clone()),
        };
        self.publish.send_replace(Arc::new(snapshot));
    }

    fn start(&mut self) {
        self.problem = None;
        match self.try_start() {
            Ok(run) => self.run = Some(run),
            Err(problem) => self.problem = Some(problem),
        }
        self.publish_now();
    }

    fn try_start(&mut self) -> Result<Run, Problem> {
        let client = if let Some(client) = &self.client {
            client.clone()
        } else {
            let client = Client::new(&self.options.kafka, &self.health).map_err(|error| usage(&error))?;
            self.client.insert(client).clone()
        };
        let catalog = Catalog::new(&client, self.options.timeout);
        let plan = Arc::new(
            resolve(&catalog, &self.options.selection)
                .map_err(|error| Problem { usage: error.is_usage(), text: error.to_string() })?,
        );
        self.events.push(EventKind::Planned {
            topics: plan.topics.len(),
            partitions: plan.partitions.len(),
            records: plan.records(),
        });
        self.runs += 1;
        let id = run_id(self.runs);
        let mut settings = self.options.settings.clone();
        if self.options.group_per_run && self.runs > 1 {
            settings.group = settings.group.map(|group| format!("{group}-{}", self.runs));
        }
        self.show_planned(&id, &plan, &settings);
        let source: Arc<dyn HandlerSource> = if let Some(source) = &self.source {
            Arc::clone(source)
        } else {
            let partitions: Arc<[TopicPartition]> = plan.partitions.iter().map(|one| one.id.clone()).collect();
            Arc::new(HandlerFactory::new(&settings.handler, partitions).map_err(|error| failed(&error))?)
        };
        let connection = Connection { client, kafka: self.options.kafka.clone(), protocol: self.options.protocol };
        // A reader keeps its client until it is closed; the next run makes its own.
        self.client = None;
        Run::start(id, plan, settings, &connection, source, self.events.clone()).map_err(|error| usage(&error))
    }

    /// A view of what is about to start, so that a slow start shows something.
    fn show_planned(&mut self, id: &str, plan: &crate::plan::Plan, settings: &Settings) {
        self.last_view = Some(RunView {
            id: id.into(),
            plan: PlanView {
                topics: plan.topics.clone(),
                partitions: plan.partitions.len(),
                records: plan.records(),
                ordering: settings.ordering,
                batch: settings.batch.get(),
                handler: settings.handler.to_string(),
                group: settings.group.clone(),
                ..PlanView::default()
            },
            concurrency: settings.concurrency.get(),
            ..RunView::default()
        });
        self.publish_now();
    }
}

fn usage(error: &dyn std::error::Error) -> Problem {
    Problem { text: error.to_string(), usage: true }
}

fn failed(error: &dyn std::error::Error) -> Problem {
    Problem { text: error.to_string(), usage: false }
}

/// Sorts by time, and tells the runs of one session apart.
fn run_id(number: u32) -> String {
    format!("{}-{number}", Utc::now().format("%Y%m%dT%H%M%S"))
}
