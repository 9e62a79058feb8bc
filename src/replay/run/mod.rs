//! One execution of a plan: its threads, its state, its end.

pub mod assignor;
mod deal;
mod ending;
mod failures;
mod figures;
pub mod rate;
mod tuner;
pub mod view;
pub mod worker;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use self::{ending::Ending, failures::Failures, tuner::Tuner, view::Meters, worker::WorkerStats};
use super::{
    dead_letters::{DeadLetters, Target, topics},
    engine::Engine,
    group::rebalance::Rebalances,
    journalling::{Opened, recorder::Recorder},
    lanes::quarantine::Trouble,
    limits::guarding,
    reading::{
        discovery,
        readers::{GroupContext, MemberThread, spawn_readers},
    },
    settings::Settings,
};
use crate::{
    domain::{Concurrency, Ordering, RateLimit},
    feed::{EventKind, EventLog, Owner, Prediction, RebalanceKind, RebalanceView, RunState},
    handler::{HandlerError, HandlerSource},
    journal::{CondemnedKey, Figures},
    kafka::{Client, ClientHealth, GroupProtocol, KafkaConfig, MemberConfig, Place},
    plan::Plan,
};

/// How often the run tells its journal where it stands as a whole.
const RECORD: Duration = Duration::from_millis(50);

/// How a run reaches its cluster.
#[derive(Clone)]
pub struct Connection {
    /// The client that the plan was made with, so that it knows the topics already.
    pub client: Client,
    /// What further clients are made with.
    pub kafka: KafkaConfig,
    /// Which group protocol to speak.
    pub protocol: GroupProtocol,
}

impl Connection {
    fn health(&self) -> Arc<ClientHealth> {
        Arc::clone(self.client.health())
    }
}

/// A run that cannot be started, or a change that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// More workers than partition order can use.
    #[error(
        "concurrency {wanted} is more than the {partitions} partitions that partition order can keep busy; \
         choose at most {partitions}, or --ordering key"
    )]
    TooManyWorkers {
        /// What was asked for.
        wanted: u32,
        /// How many there can be.
        partitions: u32,
    },
    /// Another number of workers than one.
    #[error("this run is single-threaded: it has one worker; start it without --single-threaded for more")]
    SingleThreaded,
    /// Barriers, where others may have a part of the records.
    #[error(
        "a barrier comes after everything before it, which one process cannot know of what others in its group have in hand; \
         run it without a group, or without barriers"
    )]
    GroupBarriers,
    /// An order by time that cannot be kept, or has no effect.
    #[error("--time-order {0}")]
    TimeOrder(&'static str),
    /// The handler cannot be made.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// The settings contradict each other.
    #[error("{0}")]
    Contradiction(String),
    /// There is no way to the dead letters.
    #[error("{0}")]
    DeadLetters(String),
    /// The operating system gives no thread.
    #[error("the system gives no further thread ({0}); choose a lower concurrency")]
    Thread(#[from] std::io::Error),
}

pub(super) enum Reading {
    Own(Vec<JoinHandle<()>>),
    Group { context: GroupContext, members: Vec<(u32, MemberThread)> },
}

pub(super) struct WorkerSlot {
    pub(super) stats: Arc<WorkerStats>,
    pub(super) thread: Option<JoinHandle<()>>,
}

/// One execution of a plan.
pub struct Run {
    pub(super) id: String,
    pub(super) engine: Arc<Engine>,
    pub(super) started: Instant,
    pub(super) started_at: DateTime<Utc>,
    pub(super) state: RunState,
    pub(super) target: u32,
    pub(super) initial: u32,
    pub(super) changed: bool,
    pub(super) source: Arc<dyn HandlerSource>,
    pub(super) workers: Vec<WorkerSlot>,
    pub(super) rebalances: Arc<Mutex<Rebalances>>,
    pub(super) rebalanced: Vec<RebalanceView>,
    pub(super) worker_seconds: f64,
    pub(super) over: Option<Instant>,
    pub(super) error: Option<String>,
    pub(super) meters: Meters,
    pub(super) failures: Failures,
    /// What a plan said before, if one was made.
    pub(super) predicted_before: Option<Prediction>,
    pub(super) reading: Reading,
    pub(super) ending: Option<Ending>,
    last_tick: Instant,
    /// What keeps threads from being started, as it was told last.
    trouble: Option<String>,
    pub(super) dealt_with_open: usize,
    /// Finds the number of workers, where that is wanted.
    pub(super) tuner: Option<Tuner>,
    pub(super) rate: Option<RateLimit>,
    pub(super) rate_changed: bool,
    /// What earlier attempts of this run add up to.
    pub(super) before: Figures,
    pub(super) recorder: Option<Recorder>,
    /// Whether there is a journal to go on from.
    pub(super) resumable: bool,
    recorded: Instant,
    /// How many partitions there were when they were dealt out last.
    dealt_partitions: usize,
}

impl Run {
    /// Starts a run.
    ///
    /// # Errors
    /// Too many workers for the ordering, no thread for them.
    pub fn start(
        id: String,
        plan: Arc<Plan>,
        settings: Settings,
        connection: &Connection,
        source: Arc<dyn HandlerSource>,
        events: EventLog,
        journal: Option<Opened>,
    ) -> Result<Self, RunError> {
        let joined = journal.as_ref().map_or(0, |opened| opened.joined.len());
        let target = first_workers(plan.partitions.len() + joined, &settings);
        check_workers(plan.partitions.len() + joined, &settings, target)?;
        if settings.group.is_some() && !plan.selection.scope.rules.barriers.is_empty() {
            return Err(RunError::GroupBarriers);
        }
        check_time_order(&plan, &settings)?;
        let targets = dead_letter_targets(&plan, &settings, connection)?;
        let partitions = plan.partitions.len();
        let mut engine = Engine::new(plan, settings, events);
        let (mut before, mut stored, mut journal) = (Figures::default(), Vec::new(), journal);
        if let Some(opened) = &mut journal {
            // With a group Kafka keeps the positions, and what is repeated is for the next owner to find out.
            engine.begun = engine.settings.group.is_none().then(|| Arc::clone(opened.journal.begun()));
            (before, stored) = (std::mem::take(&mut opened.before), std::mem::take(&mut opened.partitions));
            engine.retried.store(before.retried, Relaxed);
            engine.skipped.store(before.skipped, Relaxed);
            engine.dead_lettered.store(before.dead_lettered, Relaxed);
        }
        let engine = Arc::new(engine);
        give_up_again(&engine, std::mem::take(&mut before.condemned));
        drop(engine.handlers.set(Arc::clone(&source)));
        for joined in journal.iter_mut().flat_map(|opened| opened.joined.drain(..)) {
            engine.join(joined);
        }
        let headers = source.wants_headers() || targets.is_some();
        if let Some(targets) = targets {
            // It ends by itself when the run is over.
            drop(DeadLetters::spawn(&engine, &connection.kafka, &id, targets).map_err(RunError::DeadLetters)?);
        }
        let now = Instant::now();
        engine.events.push(EventKind::Started { run_id: id.clone(), concurrency: target });
        let rebalances = Arc::new(Mutex::new(Rebalances::new(partitions)));
        let reading = match &engine.settings.group {
            None => {
                for (planned, index) in engine.planned.iter().zip(0_u32..) {
                    match stored.get(index as usize) {
                        Some(stored) => engine.restore(index, stored),
                        None => engine.with(index, |one| one.begin(0, planned.first.get(), Owner::Shared)),
                    }
                }
                drop(stored);
                Reading::Own(spawn_readers(&engine, &connection.client, headers)?)
            }
            Some(group) => Reading::Group {
                context: GroupContext {
                    engine: Arc::clone(&engine),
                    config: member_config(&engine, group, connection),
                    client: connection.client.clone(),
                    health: connection.health(),
                    rebalances: Arc::clone(&rebalances),
                    headers,
                },
                members: Vec::new(),
            },
        };
        let started_at = journal.as_ref().map_or_else(Utc::now, |opened| opened.journal.head().created);
        let recorder = match journal {
            Some(Opened { journal, keep, .. }) => {
                let figures = Figures { state: RunState::Running, ..before.clone() };
                Some(Recorder::spawn(Arc::clone(&engine), journal, keep, figures)?)
            }
            None => None,
        };
        let resumable = recorder.is_some();
        let mut run = Self {
            id,
            started: now,
            started_at,
            state: RunState::Running,
            target,
            initial: target,
            changed: false,
            source,
            workers: Vec::new(),
            rebalances,
            rebalanced: Vec::new(),
            worker_seconds: before.worker_s,
            over: None,
            error: None,
            meters: Meters::new(partitions),
            failures: Failures::default(),
            predicted_before: None,
            reading,
            ending: None,
            last_tick: now,
            trouble: None,
            dealt_with_open: partitions,
            tuner: None,
            rate: engine.settings.rate,
            rate_changed: false,
            before,
            recorder,
            resumable,
            recorded: now,
            dealt_partitions: partitions,
            engine,
        };
        run.begin_limits(&connection.kafka)?;
        run.announce_own_assignment();
        run.reconcile()?;
        discovery::spawn(Arc::clone(&run.engine), connection.client.clone())?;
        Ok(run)
    }

    fn begin_limits(&mut self, kafka: &KafkaConfig) -> std::io::Result<()> {
        if self.engine.settings.adaptive {
            self.tuner = Some(self.new_tuner());
        }
        if let (Some(group), Some(max_lag)) = (&self.engine.settings.protect_group, self.engine.settings.max_lag) {
            guarding::spawn(&self.engine, kafka, group, max_lag)?;
        }
        Ok(())
    }

    /// The most workers that this run can have.
    #[must_use]
    pub fn max_concurrency(&self) -> u32 {
        most_workers(self.engine.partitions.len(), &self.engine.settings)
    }

    /// Changes the number of workers by a user's will: where kreplay has found it by itself, that is over.
    ///
    /// # Errors
    /// [`RunError::TooManyWorkers`] or [`RunError::SingleThreaded`]; the number stays as it was.
    pub fn set_concurrency(&mut self, wanted: Concurrency) -> Result<(), RunError> {
        self.change_concurrency(wanted.get(), None)?;
        self.set_adaptive(false)
    }

    pub(super) fn change_concurrency(&mut self, to: u32, reason: Option<String>) -> Result<(), RunError> {
        let from = self.target;
        if self.engine.settings.single_threaded && to != 1 {
            return Err(RunError::SingleThreaded);
        }
        check_workers(self.engine.partitions.len(), &self.engine.settings, to)?;
        if from == to || self.ending.is_some() || self.state.is_over() {
            return Ok(());
        }
        self.engine.events.push(EventKind::ConcurrencyChanged { from, to, reason });
        self.target = to;
        self.changed = true;
        self.reconcile()?;
        if self.deals_itself() {
            self.deal();
        }
        Ok(())
    }

    /// Lets the number of workers be found, or stay.
    ///
    /// # Errors
    /// [`RunError::SingleThreaded`].
    pub fn set_adaptive(&mut self, adaptive: bool) -> Result<(), RunError> {
        if adaptive && self.engine.settings.single_threaded {
            return Err(RunError::SingleThreaded);
        }
        if adaptive != self.tuner.is_some() && self.ending.is_none() && !self.state.is_over() {
            self.tuner = adaptive.then(|| self.new_tuner());
            let text =
                if adaptive { "concurrency auto" } else { "concurrency auto is off: the number of workers stays" };
            self.engine.events.push(EventKind::Notice { text: text.into() });
        }
        Ok(())
    }

    /// Sets or lifts the most that is handed out in a second.
    pub fn set_rate(&mut self, rate: Option<RateLimit>) {
        if rate == self.rate || self.state.is_over() {
            return;
        }
        self.rate = rate;
        self.rate_changed = true;
        self.engine.board.set_rate(rate);
        let text = rate.map_or_else(|| "no rate limit".to_owned(), |rate| format!("at most {rate}"));
        self.engine.events.push(EventKind::Notice { text });
    }

    /// Stops handing out records, for the time being.
    pub fn pause(&mut self) {
        if self.state == RunState::Running {
            self.state = RunState::Paused;
            self.engine.board.set_paused(true);
            self.engine.events.push(EventKind::Paused);
        }
    }

    /// Goes on after a pause.
    pub fn resume(&mut self) {
        if self.state == RunState::Paused {
            self.state = RunState::Running;
            self.engine.forget_pause();
            self.engine.board.set_paused(false);
            self.engine.events.push(EventKind::Resumed);
        }
    }

    /// Stops before the end: what is in hand is finished and committed.
    pub fn cancel(&mut self) {
        if !self.state.is_over() && self.ending.is_none() {
            self.engine.events.push(EventKind::CancelRequested);
            self.begin_ending(RunState::Cancelled, Instant::now());
        }
    }

    /// Looks after everything that has no thread of its own. Returns whether the run is over.
    pub fn tick(&mut self, now: Instant) -> bool {
        if self.state.is_over() {
            return true;
        }
        if self.ending.is_none() {
            if self.state == RunState::Running {
                self.worker_seconds +=
                    f64::from(self.target) * now.saturating_duration_since(self.last_tick).as_secs_f64();
            }
            self.last_tick = now;
            self.follow_rebalances(now);
            self.look_after_failures(now);
        }
        if self.ending.is_none() {
            self.look_for_the_end(now);
        }
        if self.ending.is_none() {
            if self.deals_itself() && self.engine.partitions.len() > self.dealt_partitions {
                self.dealt_partitions = self.engine.partitions.len();
                self.deal();
            }
            let trouble = self.reconcile().err().map(|error| error.to_string());
            if trouble != self.trouble {
                // Told once, though it is tried again all the time.
                if let Some(text) = &trouble {
                    self.engine.events.push(EventKind::Warning { text: text.clone() });
                }
                self.trouble = trouble;
            }
            if self.deals_itself() {
                self.deal_when_idle();
            }
            self.tune(now);
        } else {
            self.go_on_ending(now);
        }
        if now.saturating_duration_since(self.recorded) >= RECORD
            && let Some(recorder) = &self.recorder
        {
            self.recorded = now;
            recorder.note(self.figures(now));
        }
        self.state.is_over()
    }

    /// Brings the threads in line with the wanted concurrency.
    fn reconcile(&mut self) -> Result<(), RunError> {
        let partitions = u32::try_from(self.engine.partitions.len()).unwrap_or(u32::MAX);
        let wanted_members = self.target.min(partitions);
        let mut workers = self.target;
        if let Reading::Group { context, members } = &mut self.reading {
            members.retain(|(_, member)| !member.is_gone());
            let mut changed = false;
            for number in 0..wanted_members {
                if !members.iter().any(|(known, _)| *known == number) {
                    members.push((number, MemberThread::spawn(context.clone(), number)?));
                    changed = true;
                }
            }
            for (number, member) in members.iter().filter(|(number, _)| *number >= wanted_members) {
                if !member.is_leaving() {
                    member.leave();
                    changed = true;
                }
                if self.engine.settings.ordering == Ordering::Partition {
                    // Its worker stays until it has given its partitions back.
                    workers = workers.max(number + 1);
                }
            }
            if changed && self.rebalances.lock().expect(Instant::now()) {
                self.engine.events.push(EventKind::RebalanceStarted { by: RebalanceKind::Group });
            }
        }
        let mut result = Ok(());
        for id in self.engine.board.set_workers(workers) {
            if result.is_ok() {
                result = self.spawn_worker(id);
            }
            if result.is_err() {
                // The next look tries again.
                self.engine.board.forget_worker(id);
            }
        }
        result
    }

    fn spawn_worker(&mut self, id: u32) -> Result<(), RunError> {
        let index = id as usize;
        while self.workers.len() <= index {
            self.workers.push(WorkerSlot { stats: Arc::default(), thread: None });
        }
        let slot = &mut self.workers[index];
        let handler = self.source.make(id);
        slot.thread = Some(worker::spawn(Arc::clone(&self.engine), id, Arc::clone(&slot.stats), handler)?);
        Ok(())
    }

    fn follow_rebalances(&mut self, now: Instant) {
        let expected = self.target as usize;
        let mut rebalances = self.rebalances.lock();
        rebalances.grow(self.engine.partitions.len());
        let settled = rebalances.settle(now, expected);
        drop(rebalances);
        let Some(finished) = settled else { return };
        self.note_rebalance(RebalanceKind::Group, finished.started, finished.duration, finished.moved);
    }

    pub(super) fn note_rebalance(&mut self, by: RebalanceKind, started: Instant, duration: Duration, moved: usize) {
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.engine.events.push(EventKind::RebalanceFinished { by, duration_ms, moved });
        let at_s = self.before.elapsed_s + started.saturating_duration_since(self.started).as_secs_f64();
        self.rebalanced.push(RebalanceView { at_s, kind: by, duration_ms, moved });
    }

    pub(super) fn busy_seconds(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "nanoseconds of a run fit")]
        let this: f64 = self.workers.iter().map(|slot| slot.stats.busy_ns.load(Relaxed) as f64 / 1e9).sum();
        self.before.busy_s + this
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A session that ends early leaves no thread behind that goes on handling.
        self.engine.board.stop();
        self.engine.stop_reading();
        self.close_dead_letters();
    }
}

/// What comes of keys that an earlier attempt has given up goes to the dead letters, behind what is there of them.
fn give_up_again(engine: &Engine, keys: Vec<CondemnedKey>) {
    if keys.is_empty() || !engine.settings.quarantine || !engine.settings.dead_letters() {
        return;
    }
    engine.events.push(EventKind::Notice {
        text: format!("{} keys were given up before: what is left of them goes to the dead letters", keys.len()),
    });
    engine.board.condemn_again(keys.into_iter().map(Trouble::from_journal));
}

/// How many workers a run begins with.
pub(super) fn first_workers(partitions: usize, settings: &Settings) -> u32 {
    let wanted = settings.concurrency.get();
    if settings.single_threaded {
        1
    } else if settings.adaptive {
        wanted.min(settings.max_concurrency.get()).min(most_workers(partitions, settings))
    } else {
        wanted
    }
}

/// How members join. Where a run follows the log, they look for new partitions as often as it does.
fn member_config(engine: &Engine, group: &str, connection: &Connection) -> MemberConfig {
    let mut kafka = connection.kafka.clone();
    if engine.plan.follow {
        let every = engine.settings.discovery_interval.as_millis().to_string();
        kafka.properties.entry("topic.metadata.refresh.interval.ms".into()).or_insert(every);
    }
    let config = MemberConfig {
        kafka,
        group: group.to_owned(),
        topics: engine.plan.topics.clone(),
        protocol: connection.protocol,
        tier: engine.settings.tier,
        place: Place::First,
    };
    let (wait, longest) = (engine.settings.drain_timeout, config.longest_wait());
    if wait > longest {
        engine.events.push(EventKind::Warning {
            text: format!(
                "run.drain_timeout ({} s) is too long for max.poll.interval.ms: members give partitions back after {} s",
                wait.as_secs(),
                longest.as_secs()
            ),
        });
    }
    config
}

/// Time order needs every partition in one process, and lanes that span them.
fn check_time_order(plan: &Plan, settings: &Settings) -> Result<(), RunError> {
    if !plan.selection.scope.time_order {
        return Ok(());
    }
    if settings.group.is_some() {
        return Err(RunError::TimeOrder(
            "needs all partitions in one process, and a group may spread them over several; leave --group out",
        ));
    }
    if settings.ordering != Ordering::Key {
        return Err(RunError::TimeOrder("puts the records of a key in order; use it with --ordering key"));
    }
    Ok(())
}

/// Where the dead letters of each partition go, where there may be any.
fn dead_letter_targets(
    plan: &Plan,
    settings: &Settings,
    connection: &Connection,
) -> Result<Option<Vec<Target>>, RunError> {
    if let Some(contradiction) = settings.contradiction() {
        return Err(RunError::Contradiction(contradiction));
    }
    if !settings.dead_letters() {
        return Ok(None);
    }
    let found = topics::find(&connection.client, plan, &settings.dead_letter);
    found.map(Some).map_err(RunError::DeadLetters)
}

fn most_workers(partitions: usize, settings: &Settings) -> u32 {
    if settings.single_threaded {
        1
    } else if settings.ordering == Ordering::Partition {
        u32::try_from(partitions).unwrap_or(u32::MAX).clamp(1, Concurrency::MAX.get())
    } else {
        Concurrency::MAX.get()
    }
}

/// Whether the ordering can keep so many workers busy.
pub(super) fn check_workers(partitions: usize, settings: &Settings, wanted: u32) -> Result<(), RunError> {
    let partitions = most_workers(partitions, settings);
    if wanted > partitions { Err(RunError::TooManyWorkers { wanted, partitions }) } else { Ok(()) }
}
