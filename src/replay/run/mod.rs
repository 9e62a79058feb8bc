//! One execution of a plan: its threads, its state, its end.

mod accepted;
pub mod assignor;
pub mod concurrency;
mod deal;
mod ending;
pub mod error;
mod failures;
mod figures;
mod finishing;
mod handled_late;
mod outlook;
mod pace;
pub mod rate;
mod starting;
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

use self::{
    ending::Ending, failures::Failures, finishing::Finishing, outlook::Outlook, tuner::Tuner, view::Meters,
    worker::WorkerStats,
};
use super::{
    engine::Engine,
    group::rebalance::Rebalances,
    journalling::recorder::Recorder,
    reading::member::{GroupContext, MemberThread},
};
use crate::{
    domain::RateLimit,
    feed::{EventKind, Prediction, RebalanceKind, RebalanceView, RunState},
    handler::HandlerSource,
    journal::Figures,
    kafka::{Client, ClientHealth, GroupProtocol, KafkaConfig},
};

/// How many rebalances a run keeps for its report: each snapshot copies them, and a run that follows may go on for weeks.
const REPORTED_REBALANCES: usize = 1000;

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
    /// The cluster is the embedded broker, which is made anew each time and has new names for the same topics.
    pub embedded: bool,
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
    thread: Option<JoinHandle<()>>,
}

/// One execution of a plan.
pub struct Run {
    id: String,
    engine: Arc<Engine>,
    started: Instant,
    started_at: DateTime<Utc>,
    state: RunState,
    target: u32,
    initial: u32,
    changed: bool,
    source: Arc<dyn HandlerSource>,
    workers: Vec<WorkerSlot>,
    rebalances: Arc<Mutex<Rebalances>>,
    rebalanced: Vec<RebalanceView>,
    worker_seconds: f64,
    over: Option<Instant>,
    error: Option<String>,
    meters: Meters,
    outlook: Outlook,
    pub(super) failures: Failures,
    /// What a plan said before, if one was made.
    pub(super) predicted_before: Option<Prediction>,
    /// What would become of records that fail, where nothing is applied.
    pub(super) would_fail: String,
    reading: Reading,
    ending: Option<Ending>,
    finishing: Option<Finishing>,
    last_tick: Instant,
    /// What keeps threads from being started, as it was told last.
    trouble: Option<String>,
    dealt_with_open: usize,
    /// Finds the number of workers, where that is wanted.
    tuner: Option<Tuner>,
    rate: Option<RateLimit>,
    rate_changed: bool,
    /// What earlier attempts of this run add up to.
    before: Figures,
    recorder: Option<Recorder>,
    /// Whether there is a journal to go on from.
    pub(super) resumable: bool,
    /// What further clients are made with.
    kafka: KafkaConfig,
    recorded: Instant,
    /// How many partitions there were when they were dealt out last.
    dealt_partitions: usize,
}

impl Run {
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
            // Partitions that are on their way to a member have not been read yet, unless everything has.
            let is_settled = !matches!(self.reading, Reading::Group { .. }) || !self.rebalances.lock().is_open();
            if is_settled || self.engine.finished_at().is_some() {
                self.engine.look_for_matches();
            }
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

    /// Whether the run has failed because something wrong was asked for.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        self.state == RunState::Failed && self.engine.is_wrong_usage()
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

    fn note_rebalance(&mut self, by: RebalanceKind, started: Instant, duration: Duration, moved: usize) {
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.engine.events.push(EventKind::RebalanceFinished { by, duration_ms, moved });
        let at_s = self.before.elapsed_s + started.saturating_duration_since(self.started).as_secs_f64();
        if self.rebalanced.len() == REPORTED_REBALANCES {
            self.rebalanced.remove(0);
        }
        self.rebalanced.push(RebalanceView { at_s, kind: by, duration_ms, moved });
    }

    fn busy_seconds(&self) -> f64 {
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
