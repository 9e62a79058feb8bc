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

use super::{
    Command, Connection, Control, JournalOptions, Problem, RunError, SessionEnd, SessionOptions, Settings, journalling,
    listing::{Answer, Listing},
    planning::{Change, PlanDesk},
    run::{Run, check_workers, first_workers},
};
use crate::{
    domain::{Growing, TopicPartition},
    feed::{
        ClusterView, EventKind, EventLog, Feed, NextRun, PlanView, Prediction, RunState, RunSummary, RunView, Snapshot,
        TopicView,
    },
    handler::{HandlerFactory, HandlerSource},
    journal::Journals,
    kafka::{Catalog, Client, ClientHealth},
    plan::{Plan, Selection, resolve},
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
                    resumable: self.resumable.take(),
                };
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start if self.run.is_none() => self.start(),
            Command::Start => {}
            Command::ListTopics => self.list(),
            Command::Plan(names) => self.plan(&names),
            Command::StopPlanning => {
                self.plans.stop();
                self.publish_now();
            }
            Command::Replay(names) => self.replay(&names),
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
                self.plans.then_start = false;
                self.run.iter_mut().for_each(Run::cancel);
            }
            Command::SetConcurrency(_) | Command::SetAdaptive(true) if self.options.settings.single_threaded => {
                self.events.push(EventKind::Warning { text: RunError::SingleThreaded.to_string() });
            }
            Command::SetConcurrency(wanted) => {
                let changed = self.run.as_mut().map_or(Ok(()), |run| run.set_concurrency(wanted));
                match changed {
                    Ok(()) => {
                        self.options.settings.concurrency = wanted;
                        self.options.settings.adaptive = false;
                    }
                    Err(error) => self.events.push(EventKind::Warning { text: error.to_string() }),
                }
                self.show_change();
            }
            Command::SetAdaptive(adaptive) => {
                match self.run.as_mut().map_or(Ok(()), |run| run.set_adaptive(adaptive)) {
                    Ok(()) => self.options.settings.adaptive = adaptive,
                    Err(error) => self.events.push(EventKind::Warning { text: error.to_string() }),
                }
                self.show_change();
            }
            Command::SetRate(rate) => {
                self.options.settings.rate = rate;
                self.run.iter_mut().for_each(|run| run.set_rate(rate));
                self.show_change();
            }
            Command::Decide(decision, key) => self.run.iter_mut().for_each(|run| run.decide(decision, key)),
            Command::Shutdown => {
                self.closing = true;
                self.start_again = false;
                self.plans.stop();
                self.run.iter_mut().for_each(Run::cancel);
            }
        }
    }

    fn show_change(&mut self) {
        self.published = None;
        if self.run.is_none() {
            self.publish_now();
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if let Some(run) = &mut self.run
            && run.tick(now)
        {
            let view = run.view(now);
            self.resumable = Some(view.id.clone()).filter(|_| run.resumable && view.state != RunState::Done);
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
                view.limits.adaptive = self.options.settings.adaptive;
                view.limits.rate = self.options.settings.rate;
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
            catalog: self.catalog.clone(),
            listing: self.listing.is_some(),
            planning: self.plans.view(),
            next: self.next_run(),
        };
        self.publish.send_replace(Arc::new(snapshot));
    }

    fn next_run(&self) -> NextRun {
        let settings = &self.options.settings;
        NextRun {
            concurrency: settings.concurrency.get(),
            adaptive: settings.adaptive,
            rate: settings.rate,
            ordering: settings.ordering,
            handler: settings.handler.to_string(),
            selection: self.options.scope.to_string(),
            group: self.group_of(self.runs + 1),
        }
    }

    /// The group of a run, by its number.
    fn group_of(&self, run: u32) -> Option<String> {
        let group = self.options.settings.group.clone();
        if self.options.group_per_run && run > 1 { group.map(|group| format!("{group}-{run}")) } else { group }
    }

    fn start(&mut self) {
        let Some(selection) = self.options.selection.clone() else { return self.list() };
        self.problem = None;
        if self.options.settings.planning.before_run && !self.plans.then_start && self.to_resume().is_none() {
            self.plan_of(selection.clone());
            self.plans.then_start = self.plans.is_busy();
            self.publish_now();
            if self.plans.then_start {
                return;
            }
        }
        self.plans.then_start = false;
        match self.try_start(&selection) {
            Ok(run) => self.run = Some(run),
            Err(problem) => self.problem = Some(problem),
        }
        self.publish_now();
    }

    fn plan(&mut self, names: &[String]) {
        let selection = if names.is_empty() {
            self.options.selection.clone().ok_or_else(|| "no topics are selected yet".to_owned())
        } else {
            let chosen = Selection::topics(names).map_err(|error| error.to_string());
            chosen.map(|selection| selection.within(self.options.scope.clone()))
        };
        match selection {
            Ok(selection) => self.plan_of(selection),
            Err(problem) => self.plans.refuse(problem),
        }
        self.publish_now();
    }

    /// Makes a plan of what the next run would read and how; while a run is going, of that one.
    fn plan_of(&mut self, selection: Selection) {
        let mut settings = self.options.settings.clone();
        settings.group = self.group_of(self.runs + u32::from(self.run.is_none()));
        self.plans.ask(&self.options, &self.health, selection, settings);
    }

    fn look_at_planning(&mut self) {
        let change = self.plans.look();
        if change == Change::None {
            return;
        }
        self.publish_now();
        if change == Change::Over && self.plans.then_start && self.run.is_none() && !self.closing {
            if let Some(problem) = self.plans.problem() {
                let text = format!("the run starts without a plan: {problem}");
                self.events.push(EventKind::Warning { text });
            }
            self.start();
        }
    }

    fn replay(&mut self, names: &[String]) {
        if self.run.is_some() {
            let text = "other topics can be replayed when the run that is going has ended".into();
            self.events.push(EventKind::Warning { text });
            return;
        }
        match Selection::topics(names) {
            Ok(selection) => {
                self.options.selection = Some(selection.within(self.options.scope.clone()));
                self.start();
            }
            Err(error) => {
                self.problem = Some(usage(&error));
                self.publish_now();
            }
        }
    }

    fn list(&mut self) {
        if self.run.is_none() {
            self.problem = None;
        }
        let options = &self.options;
        match Listing::start(options.kafka.clone(), Arc::clone(&self.health), options.timeout) {
            Ok(listing) => self.listing = Some(listing),
            Err(error) => self.not_listed(failed(&error)),
        }
        self.publish_now();
    }

    fn look_at_listing(&mut self) {
        match self.listing.as_ref().map(Listing::look) {
            None | Some(Answer::Waiting) => return,
            Some(Answer::Over) => self.listing = None,
            Some(Answer::New(Ok(catalog))) => self.catalog = Some(catalog),
            Some(Answer::New(Err(problem))) => self.not_listed(problem),
        }
        self.publish_now();
    }

    /// Without topics no run can be started; one that is going needs no list.
    fn not_listed(&mut self, problem: Problem) {
        if self.run.is_none() {
            self.problem = Some(problem);
        } else {
            self.events.push(EventKind::Error { text: problem.text });
        }
    }

    fn try_start(&mut self, selection: &Selection) -> Result<Run, Problem> {
        let client = if let Some(client) = &self.client {
            client.clone()
        } else {
            let client = Client::new(&self.options.kafka, &self.health).map_err(|error| usage(&error))?;
            self.client.insert(client).clone()
        };
        let catalog = Catalog::new(&client, self.options.timeout);
        let selection = selection.clone().of_group(self.group_of(self.runs + 1).as_deref());
        let (plan, resumed) = if let Some((id, options)) = self.to_resume() {
            let on_retention = self.options.settings.on_retention;
            let (plan, opened) = journalling::reopen(options, &id, &selection, on_retention, &catalog)?;
            (plan, Some((id, opened)))
        } else {
            let plan = resolve(&catalog, &selection);
            (plan.map_err(|error| Problem { usage: error.is_usage(), text: error.to_string() })?, None)
        };
        let plan = Arc::new(plan);
        self.events.push(EventKind::Planned {
            topics: plan.topics.len(),
            partitions: plan.partitions.len(),
            records: plan.records(),
        });
        for note in &plan.notes {
            self.events.push(note.clone());
        }
        self.runs += 1;
        let mut settings = self.options.settings.clone();
        settings.group = self.group_of(self.runs);
        let id = resumed.as_ref().map_or_else(run_id, |(id, _)| id.clone());
        let predicted = self.plans.predicted(&plan, &settings);
        self.show_planned(&id, &plan, &settings, predicted);
        let first = first_workers(plan.partitions.len(), &settings);
        check_workers(plan.partitions.len(), &settings, first).map_err(|error| usage(&error))?;
        let source: Arc<dyn HandlerSource> = if let Some(source) = &self.source {
            Arc::clone(source)
        } else {
            let partitions: Growing<TopicPartition> = plan.partitions.iter().map(|one| one.id.clone()).collect();
            Arc::new(HandlerFactory::new(&settings.handler, Arc::new(partitions)).map_err(|error| failed(&error))?)
        };
        let opened = match resumed {
            Some((_, opened)) => {
                journalling::tell(&self.events, &id, &opened, &plan);
                Some(opened)
            }
            None => self
                .options
                .journal
                .as_ref()
                .and_then(|options| journalling::create(options, &id, &plan, &settings, &catalog, &self.events)),
        };
        let connection =
            Connection { client: client.clone(), kafka: self.options.kafka.clone(), protocol: self.options.protocol };
        // A reader keeps its client until it is closed; the next run makes its own.
        self.client = None;
        let journal = opened.as_ref().filter(|opened| opened.journal.head().attempt == 1).map(|_| id.clone());
        let mut run =
            Run::start(id, plan, settings, &connection, source, self.events.clone(), opened).map_err(|error| {
                // A run that never was leaves nothing to go on with.
                if let (Some(id), Some(journals)) = (journal, self.journals()) {
                    drop(journals.forget(&id));
                }
                usage(&error)
            })?;
        // Whoever starts again means the same selection anew.
        self.options.journal.iter_mut().for_each(|options| options.resume = None);
        run.predicted_before = predicted;
        run.failures.attended = !self.options.one_run;
        Ok(run)
    }

    fn journals(&self) -> Option<&Journals> {
        self.options.journal.as_ref()?.journals.as_ref()
    }

    fn to_resume(&self) -> Option<(String, &JournalOptions)> {
        let options = self.options.journal.as_ref()?;
        Some((options.resume.clone()?, options))
    }

    /// A view of what is about to start, so that a slow start shows something.
    fn show_planned(&mut self, id: &str, plan: &Plan, settings: &Settings, predicted: Option<Prediction>) {
        self.last_view = Some(RunView {
            id: id.into(),
            plan: PlanView {
                topics: plan.topics.clone(),
                partitions: plan.partitions.len(),
                records: plan.records(),
                ordering: settings.ordering,
                batch: settings.batch.get(),
                tier: settings.tier.to_string(),
                handler: settings.handler.to_string(),
                group: settings.group.clone(),
                selection: plan.selection.scope.to_string(),
                predicted,
                follow: plan.follow,
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

/// Sorts by time, and tells runs of the same second apart.
fn run_id() -> String {
    format!("{}-{:05x}", Utc::now().format("%Y%m%dT%H%M%S"), rand::random::<u32>() >> 12)
}
