//! What fetchers, workers and the run share: the partitions, the board, the counters.

#[cfg(test)]
pub mod checks;
mod decisions;
mod delivery;
#[cfg(test)]
mod engine_test;
#[cfg(test)]
pub mod fixture;
pub mod judge;
#[cfg(test)]
mod judge_test;
mod matches;
#[cfg(test)]
mod quarantine_test;
mod room;
mod settling;
#[cfg(test)]
mod sim;
mod stages;
#[cfg(test)]
mod stress_test;
mod trouble;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use hdrhistogram::Histogram;
use parking_lot::{Condvar, Mutex, RwLock};

pub use self::decisions::{PauseCause, PausingRecord};

use self::decisions::Decisions;
use super::{
    board::Board,
    dead_letters::DeadLetters,
    lanes::own_lane,
    limits::limiter::Throttle,
    order::staging::Staging,
    partition::{PartitionRun, key_groups::KeyGroups},
    reading::identity::TopicIds,
    settings::Settings,
    target::Claims,
};
use crate::{
    domain::{Growing, Ordering, TopicPartition},
    feed::{EventLog, GuardView, Owner},
    handler::{HandlerSource, KeptBy},
    journal::{BegunLog, StoredPartition},
    kafka::GroupMember,
    plan::{Clocks, Plan, PlannedPartition},
};

use self::matches::Matches;

/// What fetchers, workers and the run share.
pub struct Engine {
    /// What was to be read when the run began.
    pub plan: Arc<Plan>,
    /// What is read of each partition: those of the plan in its order, then those that have joined since.
    pub planned: Growing<PlannedPartition>,
    /// How.
    pub settings: Settings,
    /// The lanes and who waits for them.
    pub board: Board,
    /// The partitions, in the same order.
    pub partitions: Growing<Mutex<PartitionRun>>,
    /// The lane that is a partition's alone.
    own_lanes: Growing<u32>,
    /// Who is to be told of partitions that join.
    pub handlers: OnceLock<Arc<dyn HandlerSource>>,
    /// Partitions that are being taken over, where the target keeps positions.
    pub claims: Claims,
    /// Where records wait for others that belong before them.
    pub staging: Staging,
    /// The topics that are read, those that have joined included.
    pub topics: Growing<String>,
    /// What tells the topics from others of the same name.
    pub topic_ids: TopicIds,
    /// Which member of the run's group has each partition, and under which assignment.
    pub holders: Mutex<HashMap<u32, (u32, GroupMember)>>,
    /// Partitions that the group tells of and the run does not read; each is told of once.
    pub strangers: Mutex<HashSet<TopicPartition>>,
    /// Whether the broker has refused the notes that go with the group's positions: no more are given.
    pub without_notes: AtomicBool,
    /// Held by whoever puts records up, so that a partition joins between two batches and not within one.
    delivering: RwLock<()>,
    /// The run is to pause: retention has deleted records, and the settings say so.
    pause_wanted: AtomicBool,
    /// Where a partition is among them.
    index: RwLock<HashMap<TopicPartition, u32>>,
    /// Where workers note what they begin, if the run has a journal.
    pub begun: Option<Arc<BegunLog>>,
    /// What happened.
    pub events: EventLog,
    /// Bytes of records in memory.
    pub held: Arc<AtomicU64>,
    /// How many clients read: those of the readers, or the members of this process in a group; 0 before they do.
    pub clients: AtomicU32,
    /// Whether reading has ever had to wait for handling.
    pub fetch_throttled: AtomicBool,
    /// The handling time of one record, in nanoseconds.
    pub latency_ns: Mutex<Histogram<u64>>,
    /// From the client to the end of handling, in nanoseconds for each record; only a run with a probe has it.
    pub journey_ns: Option<Mutex<Histogram<u64>>>,
    /// When members last committed for the last time.
    pub committed: Mutex<Option<Instant>>,
    /// How often a record was tried again.
    pub retried: AtomicU64,
    /// Records passed over.
    pub skipped: AtomicU64,
    /// Barriers that are settled.
    pub barriers: AtomicU64,
    /// Another group that must not suffer, and how far that opens the run.
    guard: Mutex<(Option<GuardView>, Throttle)>,
    /// Records that a dead-letter topic has, by its broker's word.
    pub dead_lettered: AtomicU64,
    /// Where dead letters are sent from, where there are any.
    pub dead_letters: OnceLock<DeadLetters>,
    /// Records that failed and were put aside with their keys, so far.
    pub(super) quarantined: AtomicU64,
    pub(super) paused_by: Mutex<Option<PauseCause>>,
    decisions: Decisions,
    /// What the chances of this run are drawn from.
    pub(super) seed: u64,
    /// What was seen of timestamps, where something rests on them.
    pub(super) clocks: Option<Mutex<Clocks>>,
    /// What the filter has let through and left out so far.
    pub matches: Matches,
    /// Records of which the key template made no key.
    pub unkeyed: AtomicU64,
    /// Records that a rule could not judge and that did not fail for it.
    pub unjudged: AtomicU64,
    /// Those of them that were left out.
    pub unjudged_dropped: AtomicU64,
    /// Partitions that have something left, and how much they have left together, as the last snapshot found it.
    unfinished: (AtomicUsize, AtomicU64),
    /// Whether results have come after their assignment had ended.
    late_results: AtomicBool,
    groups: KeyGroups,
    open: AtomicUsize,
    finished: Mutex<Option<Instant>>,
    last_done: Mutex<Option<Instant>>,
    failure: Mutex<Option<String>>,
    /// What failed the run is that something wrong was asked for.
    wrong_usage: AtomicBool,
    unreadable: Mutex<Option<String>>,
    pub(super) room: Condvar,
    room_lock: Mutex<()>,
    stop_reading: AtomicBool,
}

impl Engine {
    /// Everything at its beginning.
    #[must_use]
    pub fn new(plan: Arc<Plan>, settings: Settings, events: EventLog) -> Self {
        let groups = KeyGroups::for_partitions(plan.partitions.len());
        let clocks = Clocks::of(&plan).map(Mutex::new);
        let matches = Matches::of(&plan.selection.scope.rules.filter);
        let count = u32::try_from(plan.partitions.len()).unwrap_or(u32::MAX);
        let staging = Staging::new(plan.selection.scope.time_order, plan.partitions.len());
        for (planned, index) in plan.partitions.iter().zip(0..) {
            if planned.first >= planned.end
                && !plan.follow
                && let Some(mut stages) = staging.lock()
            {
                stages.gone(index);
            }
        }
        let (keeps, lanes) = match settings.ordering {
            // One lane that all share, whatever else the ordering would allow.
            _ if settings.single_threaded => (Ordering::Key, 1),
            Ordering::Key => (Ordering::Key, groups.count() + count),
            other => (other, count),
        };
        let board = Board::new(keeps, lanes, plan.partitions.len(), settings.batch.as_usize());
        board.set_rate(settings.rate);
        Self {
            board,
            partitions: plan.partitions.iter().map(|one| Mutex::new(PartitionRun::new(one, plan.follow))).collect(),
            handlers: OnceLock::new(),
            claims: Claims::default(),
            staging,
            topics: plan.topics.iter().cloned().collect(),
            topic_ids: TopicIds::new(plan.topic_ids.clone()),
            holders: Mutex::default(),
            strangers: Mutex::default(),
            without_notes: AtomicBool::new(false),
            delivering: RwLock::default(),
            pause_wanted: AtomicBool::new(false),
            planned: plan.partitions.iter().cloned().collect(),
            own_lanes: (0..plan.partitions.len()).map(|one| own_lane(lanes, plan.partitions.len(), one)).collect(),
            index: RwLock::new(plan.partitions.iter().zip(0..).map(|(one, index)| (one.id.clone(), index)).collect()),
            open: AtomicUsize::new(plan.partitions.len()),
            journey_ns: settings.probe.map(|_| Mutex::new(latency_histogram())),
            committed: Mutex::new(None),
            plan,
            settings,
            events,
            begun: None,
            held: Arc::default(),
            clients: AtomicU32::new(0),
            fetch_throttled: AtomicBool::new(false),
            latency_ns: Mutex::new(latency_histogram()),
            retried: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            barriers: AtomicU64::new(0),
            guard: Mutex::default(),
            dead_lettered: AtomicU64::new(0),
            dead_letters: OnceLock::new(),
            quarantined: AtomicU64::new(0),
            paused_by: Mutex::new(None),
            decisions: Decisions::default(),
            seed: rand::random(),
            clocks,
            matches,
            unkeyed: AtomicU64::new(0),
            unjudged: AtomicU64::new(0),
            unjudged_dropped: AtomicU64::new(0),
            unfinished: (AtomicUsize::new(0), AtomicU64::new(0)),
            late_results: AtomicBool::new(false),
            groups,
            finished: Mutex::new(None),
            last_done: Mutex::new(None),
            failure: Mutex::new(None),
            wrong_usage: AtomicBool::new(false),
            unreadable: Mutex::new(None),
            room: Condvar::new(),
            room_lock: Mutex::new(()),
            stop_reading: AtomicBool::new(false),
        }
    }

    /// Where a partition is among those of the run, if it is one of them.
    #[must_use]
    pub fn index_of(&self, id: &TopicPartition) -> Option<u32> {
        self.index.read().get(id).copied()
    }

    /// Which partition that is.
    #[must_use]
    pub fn id(&self, partition: u32) -> &TopicPartition {
        &self.planned[partition as usize].id
    }

    /// A partition joins the run; returns where it is now, and whether it is new. Nobody has it yet.
    pub fn join(&self, planned: PlannedPartition) -> (u32, bool) {
        let mut index = self.index.write();
        if let Some(known) = index.get(&planned.id) {
            return (*known, false);
        }
        let id = planned.id.clone();
        // From here on no batch is half delivered.
        let _between_batches = self.delivering.write();
        self.stage_young(&id);
        let run = PartitionRun::new(&planned, self.plan.follow);
        if let Some(handlers) = self.handlers.get() {
            handlers.joined(&id);
        }
        self.own_lanes.push(self.board.add_partition());
        self.open.fetch_add(1, Relaxed);
        self.planned.push(planned);
        let place = u32::try_from(self.partitions.push(Mutex::new(run))).unwrap_or(u32::MAX);
        index.insert(id, place);
        (place, true)
    }

    /// Who keeps how far the run has got.
    #[must_use]
    pub fn kept_by(&self) -> KeptBy {
        self.handlers.get().map_or(KeptBy::Run, |handlers| handlers.kept_by())
    }

    /// Partitions are let go, of which nothing is in hand any more: their target notes what it still has to.
    pub fn let_go(&self, partitions: &[u32]) {
        if let Some(handlers) = self.handlers.get().filter(|handlers| handlers.kept_by() != KeptBy::Run) {
            handlers.let_go(partitions);
        }
    }

    /// Whether the run itself keeps its positions, in its journal.
    #[must_use]
    pub fn keeps_positions(&self) -> bool {
        self.settings.group.is_none() && self.kept_by() == KeptBy::Run
    }

    /// A partition begins where its target stands, without a group.
    pub fn begin_at(&self, partition: u32, start: i64) {
        let complete = self.with(partition, |one| {
            if one.follows {
                one.end = one.end.max(start);
            }
            one.begin(0, start, Owner::Shared);
            one.is_complete()
        });
        self.stage_begin(partition, 0, start);
        if complete {
            // Nobody reads it, so nothing may wait for it.
            self.stage_gone(partition);
        }
    }

    /// A partition goes on where a journal has left it.
    pub fn restore(&self, partition: u32, stored: &StoredPartition) {
        let complete = self.with(partition, |one| {
            one.restore(stored);
            one.is_complete() && !self.plan.follow
        });
        // A partition that has joined may be waiting for this one.
        self.stage_begin(partition, 0, stored.state.position);
        if complete {
            // Nobody reads it any more, so nothing may wait for it.
            self.stage_gone(partition);
        }
        let own_lane = self.own_lanes[partition as usize];
        self.board.note_used(stored.groups.iter().map(|entry| match self.settings.ordering {
            _ if self.settings.single_threaded => 0,
            Ordering::Key if !self.is_keyless(entry.group) => entry.group,
            _ => own_lane,
        }));
    }

    /// Changes a partition under its lock, and keeps count of those that are complete.
    pub fn with<T>(&self, partition: u32, change: impl FnOnce(&mut PartitionRun) -> T) -> T {
        let mut guard = self.partitions[partition as usize].lock();
        let before = guard.is_complete();
        let result = change(&mut guard);
        match (before, guard.is_complete()) {
            (false, true) if self.open.fetch_sub(1, Relaxed) == 1 => {
                *self.finished.lock() = Some(Instant::now());
            }
            (true, false) => {
                self.open.fetch_add(1, Relaxed);
            }
            _ => {}
        }
        result
    }

    /// The run is to pause.
    pub fn want_pause(&self) {
        self.pause_wanted.store(true, Relaxed);
    }

    /// Whether the run is to pause, and has not paused yet.
    #[must_use]
    pub fn pause_wanted(&self) -> bool {
        self.pause_wanted.load(Relaxed)
    }

    /// Whether the run is to pause; that is dealt with then.
    #[must_use]
    pub fn take_pause(&self) -> bool {
        self.pause_wanted() && self.pause_wanted.swap(false, Relaxed)
    }

    /// Takes note of a group that must not suffer, and how far that opens the run.
    pub fn set_guard(&self, view: GuardView, throttle: Throttle) {
        let before = std::mem::replace(&mut *self.guard.lock(), (Some(view), throttle)).1;
        if before != throttle {
            self.board.set_throttle(throttle);
        }
    }

    /// The group that must not suffer, as views see it.
    #[must_use]
    pub fn guard_view(&self) -> Option<GuardView> {
        self.guard.lock().0.clone()
    }

    /// How far a guard opens the run.
    #[must_use]
    pub fn throttle(&self) -> Throttle {
        self.guard.lock().1
    }

    /// The first few partitions of which the group does not have the end by its coordinator's word, and how many there are. It
    /// is asked at the end of a run in which everything is handled.
    #[must_use]
    pub fn unacknowledged(&self) -> (Vec<TopicPartition>, usize) {
        const NAMED: usize = 3;
        let (mut named, mut count) = (Vec::new(), 0);
        if self.settings.group.is_some() && self.kept_by() != KeptBy::TargetsGroup {
            for partition in self.partitions.iter() {
                let partition = partition.lock();
                if !(partition.is_complete() && partition.is_acknowledged()) {
                    count += 1;
                    if named.len() < NAMED {
                        named.push(partition.id.clone());
                    }
                }
            }
        }
        (named, count)
    }

    /// When the last open partition became complete, if none is open.
    #[must_use]
    pub fn finished_at(&self) -> Option<Instant> {
        if self.open.load(Relaxed) == 0 { *self.finished.lock() } else { None }
    }

    /// How many partitions are not complete.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// When a worker was last done with a batch.
    #[must_use]
    pub fn last_done(&self) -> Option<Instant> {
        *self.last_done.lock()
    }
}

/// From a nanosecond to an hour with two significant digits: about 50 KB.
fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000_000, 2).unwrap_or_else(|_| {
        // The bounds are constants that the library accepts; the smallest histogram resizes itself as needed.
        let mut histogram = Histogram::new(1).unwrap_or_else(|_| std::process::abort());
        histogram.auto(true);
        histogram
    })
}
