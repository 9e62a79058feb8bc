//! One execution of a plan: its threads, its state, and its end.

mod charging;
pub mod concurrency;
mod ending;
pub mod error;
mod failures;
mod handled_late;
mod handler_finish;
mod ideal_time;
mod other_processes;
mod outlook;
mod pace;
mod partition_assignment;
pub mod rate;
mod record_guard;
pub mod scope_check;
mod stalemate;
mod starting;
mod stats;
mod tuner;
pub mod view;
mod what_if;
pub mod worker;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use kreplay_kafka::{Client, ClientHealth, GroupProtocol, KafkaConfig};
use kreplay_model::{
    domain::{ErrorClass, RateLimit},
    feed::{EventKind, LastReport, Prediction, RebalanceKind, RebalanceView, RunState},
};
use parking_lot::Mutex;

use self::{
    charging::ReadingObserver, ending::Ending, failures::Failures, handler_finish::HandlerFinish, outlook::Outlook,
    stalemate::Stalemate, tuner::Tuner, view::Meters, what_if::Adviser, worker::WorkerStats,
};
use super::{
    charges::WorkerLedgers,
    checkpoints::thread::CheckpointThread,
    engine::Engine,
    group::{
        member::{GroupContext, MemberThread},
        rebalance::Rebalances,
    },
    lag_guard::LagGuardThread,
    scheduler::pause::PauseCause,
};
use crate::{
    handler::OpenHandlers,
    journal::{BegunLog, JournalTotals},
};

/// How many rebalances a run keeps for its report. Each snapshot copies them, and a run that follows the log may last
/// for weeks.
const REPORTED_REBALANCES: usize = 1000;

/// How often the run passes its totals to its journal.
const TOTALS_INTERVAL: Duration = Duration::from_millis(50);

/// How a run reaches its cluster.
#[derive(Clone)]
pub struct Connection {
    /// The client that the plan was made with. It already knows the topics.
    pub client: Client,
    /// The configuration for further clients.
    pub kafka: KafkaConfig,
    /// Which group protocol to speak.
    pub protocol: GroupProtocol,
    /// The cluster is the embedded broker. It is recreated each time, with new ids for the same topics.
    pub embedded: bool,
    /// How long to wait for each response from the cluster.
    pub timeout: Duration,
}

impl Connection {
    fn health(&self) -> Arc<ClientHealth> {
        Arc::clone(self.client.health())
    }
}

enum Reading {
    Own(Vec<JoinHandle<()>>),
    Group { context: GroupContext, members: Vec<(u32, MemberThread)> },
}

struct WorkerSlot {
    stats: Arc<WorkerStats>,
    ledgers: WorkerLedgers,
    thread: Option<JoinHandle<()>>,
}

/// One execution of a plan.
pub struct Run {
    id: String,
    engine: Arc<Engine>,
    started: Instant,
    started_at: DateTime<Utc>,
    /// Never [`RunState::Paused`]: the scheduler knows whether it is paused. See [`Run::state`].
    state: RunState,
    wanted_workers: u32,
    initial_workers: u32,
    concurrency_changed: bool,
    source: Arc<OpenHandlers>,
    workers: Vec<WorkerSlot>,
    rebalances: Arc<Mutex<Rebalances>>,
    finished_rebalances: Vec<RebalanceView>,
    worker_seconds: f64,
    ended_at: Option<Instant>,
    error: Option<String>,
    meters: Meters,
    outlook: Outlook,
    reading_observer: ReadingObserver,
    adviser: Adviser,
    pub(super) failures: Failures,
    /// The prediction of the plan, if one was made before the run.
    pub(super) predicted_before: Option<Prediction>,
    /// For a dry run: what a real run would do with failed records.
    pub(super) would_fail: String,
    reading: Reading,
    /// Whether this process, which has failed partitions, and others wait for each other.
    stalemate: Stalemate,
    ending: Option<Ending>,
    handler_finish: Option<HandlerFinish>,
    last_tick: Instant,
    /// The last reported reason why threads cannot be started.
    thread_error: LastReport,
    open_at_assignment: usize,
    /// Finds the number of workers, with automatic concurrency.
    tuner: Option<Tuner>,
    rate: Option<RateLimit>,
    rate_changed: bool,
    /// The totals of earlier attempts.
    before: JournalTotals,
    checkpoint_thread: Option<CheckpointThread>,
    /// Where workers record which records they begin, if the run has a journal.
    begun: Option<Arc<BegunLog>>,
    /// Protects a consumer group, if the run was asked to.
    lag_guard: Option<LagGuardThread>,
    /// Whether the run can be resumed from a journal.
    pub(super) resumable: bool,
    /// The configuration for further clients.
    kafka: KafkaConfig,
    totals_sent_at: Instant,
    /// The number of partitions when they were last assigned to workers.
    assigned_partitions: usize,
}

impl Run {
    /// Sets or removes the rate limit.
    pub fn set_rate(&mut self, rate: Option<RateLimit>) {
        if rate == self.rate || self.state.is_over() {
            return;
        }
        self.rate = rate;
        self.rate_changed = true;
        self.engine.scheduler.set_rate(rate);
        let text = rate.map_or_else(|| "no rate limit".to_owned(), |rate| format!("at most {rate}"));
        self.engine.events.notice(text);
    }

    /// Pauses the run: no more records are handed to workers.
    pub fn pause(&mut self) {
        if self.state == RunState::Running {
            self.engine.pause(PauseCause::User);
        }
    }

    /// Resumes a paused run.
    pub fn resume(&mut self) {
        if self.state == RunState::Running {
            self.engine.scheduler.resume(|| self.engine.events.push(EventKind::Resumed));
        }
    }

    /// The state of the run.
    #[must_use]
    pub fn state(&self) -> RunState {
        self.state_if(self.engine.scheduler.is_paused())
    }

    /// The state of the run if no records are handed out, or if they are.
    fn state_if(&self, is_paused: bool) -> RunState {
        if is_paused && self.state == RunState::Running { RunState::Paused } else { self.state }
    }

    /// Stops the run before its end: records in flight are finished and committed.
    pub fn stop(&mut self) {
        if !self.state.is_over() && self.ending.is_none() {
            self.engine.events.push(EventKind::CancelRequested);
            self.begin_ending(RunState::Cancelled, Instant::now());
        }
    }

    /// Does everything that has no thread of its own. Returns whether the run has ended.
    pub fn tick(&mut self, now: Instant) -> bool {
        if self.state.is_over() {
            return true;
        }
        if self.ending.is_none() {
            if self.state() == RunState::Running {
                self.worker_seconds +=
                    f64::from(self.wanted_workers) * now.saturating_duration_since(self.last_tick).as_secs_f64();
            }
            self.last_tick = now;
            self.follow_rebalances(now);
            self.handle_failures(now);
        }
        if self.ending.is_none() {
            // Partitions that are still being assigned have not been read yet, unless everything was read.
            let is_settled = !matches!(self.reading, Reading::Group { .. }) || !self.rebalances.lock().is_open();
            if is_settled || self.engine.partitions.finished_at().is_some() {
                let Engine { matches, partitions, counters, events, .. } = &*self.engine;
                matches.check(partitions, counters, events);
            }
            self.check_end(now);
        }
        if self.ending.is_none() {
            if self.assigns_partitions() && self.engine.partitions.len() > self.assigned_partitions {
                self.assigned_partitions = self.engine.partitions.len();
                self.assign_partitions();
            }
            match self.reconcile() {
                // Reported once, although starting is retried all the time.
                Err(error) => self.engine.events.warn_once(&mut self.thread_error, error.to_string()),
                Ok(()) => {
                    self.thread_error.clear();
                }
            }
            if self.assigns_partitions() {
                self.reassign_when_idle();
            }
            self.tune(now);
            self.observe_reading(now);
        } else {
            self.continue_ending(now);
        }
        if now.saturating_duration_since(self.totals_sent_at) >= TOTALS_INTERVAL
            && let Some(checkpoint_thread) = &self.checkpoint_thread
        {
            self.totals_sent_at = now;
            checkpoint_thread.note(self.journal_totals(now));
        }
        self.state.is_over()
    }

    /// The class of the run's failure, if it has failed.
    #[must_use]
    pub fn failure_class(&self) -> Option<ErrorClass> {
        (self.state == RunState::Failed).then(|| self.engine.status.class())
    }

    fn follow_rebalances(&mut self, now: Instant) {
        let expected = self.wanted_workers as usize;
        let mut rebalances = self.rebalances.lock();
        rebalances.grow(self.engine.partitions.len());
        let settled = rebalances.settle(now, expected);
        drop(rebalances);
        let Some(finished) = settled else { return };
        self.note_rebalance(RebalanceKind::Group, finished.started, finished.duration, finished.moved);
    }

    fn note_rebalance(&mut self, by: RebalanceKind, started: Instant, duration: Duration, moved: usize) {
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.engine.events.push(EventKind::RebalanceFinished { by, duration_ms, moved });
        let at_s = self.before.elapsed_s + started.saturating_duration_since(self.started).as_secs_f64();
        if self.finished_rebalances.len() == REPORTED_REBALANCES {
            self.finished_rebalances.remove(0);
        }
        self.finished_rebalances.push(RebalanceView { at_s, kind: by, duration_ms, moved });
    }

    fn busy_seconds(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "nanoseconds of a run fit")]
        let this: f64 = self.workers.iter().map(|slot| slot.stats.busy_ns.load(Relaxed) as f64 / 1e9).sum();
        self.before.busy_s + this
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // If a session ends early, no thread continues handling.
        self.engine.scheduler.stop();
        self.engine.stop_reading();
        self.close_dead_letters();
    }
}
