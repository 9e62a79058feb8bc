//! The shared state of a run: partitions, scheduler, and counters, used by fetchers, workers and the run itself.

mod backpressure;
#[cfg(test)]
pub mod checks;
mod completion;
mod decisions;
mod delivery;
#[cfg(test)]
mod engine_test;
mod failure;
pub mod failure_policy;
#[cfg(test)]
mod failure_policy_test;
#[cfg(test)]
pub mod fixture;
mod matches;
#[cfg(test)]
mod quarantine_test;
mod reorder;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod stress_test;

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

use kreplay_kafka::GroupMember;
use kreplay_model::{
    domain::{AppendOnlyVec, Ordering, TopicPartition},
    feed::{EventLog, GuardView, Owner},
};

use self::decisions::Decisions;
use self::matches::Matches;
use super::{
    dead_letters::DeadLetters, lanes::own_lane, limits::limiter::Throttle, partition::PartitionRun,
    position_claims::Claims, reading::identity::TopicIds, reorder::buffer::ReorderBuffer, scheduler::Scheduler,
};
use crate::{
    handler::{OpenHandlers, PositionStore},
    journal::{BegunLog, StoredPartition},
    plan::{Plan, PlannedPartition, TimestampMonitor},
};
use crate::{schedule::KeyGroups, settings::Settings};

/// The shared state of a run.
pub struct Engine {
    /// The plan, as it was when the run began.
    pub plan: Arc<Plan>,
    /// The range of each partition: first those of the plan, in its order, then those added during the run.
    pub planned: AppendOnlyVec<PlannedPartition>,
    /// The settings.
    pub settings: Settings,
    /// The lanes and the idle workers.
    pub scheduler: Scheduler,
    /// The state of each partition, in the same order.
    pub partitions: AppendOnlyVec<Mutex<PartitionRun>>,
    /// Each partition's own lane.
    own_lanes: AppendOnlyVec<u32>,
    /// The handlers; they are notified of partitions added during the run.
    pub handlers: OnceLock<Arc<OpenHandlers>>,
    /// Partitions whose positions are being claimed, if the target stores positions.
    pub claims: Claims,
    /// Holds records back until earlier ones have been read.
    pub reorder_buffer: ReorderBuffer,
    /// The topics that are read, including those added during the run.
    pub topics: AppendOnlyVec<String>,
    /// The ids of the topics, which distinguish them from other topics of the same name.
    pub topic_ids: TopicIds,
    /// For each partition: the epoch of its assignment, and the member of the run's group that has it.
    pub holders: Mutex<HashMap<u32, (u32, GroupMember)>>,
    /// Partitions that the group assigned but the run does not read; each is reported once.
    pub unplanned_partitions: Mutex<HashSet<TopicPartition>>,
    /// Whether the broker has refused the notes committed with positions; no more are sent then.
    pub commit_notes_refused: AtomicBool,
    /// Held for reading while a batch is delivered, so that partitions are added between batches only.
    delivering: RwLock<()>,
    /// Whether the run must pause, because retention has deleted records and the settings demand it.
    pause_requested: AtomicBool,
    /// The index of each partition in `partitions`.
    index: RwLock<HashMap<TopicPartition, u32>>,
    /// Where workers record which records they begin, if the run has a journal.
    pub begun: Option<Arc<BegunLog>>,
    /// The events of the run.
    pub events: EventLog,
    /// Record memory in use, in bytes.
    pub held: Arc<AtomicU64>,
    /// Number of clients that read: the readers, or this process's members of the group. 0 before they start.
    pub clients: AtomicU32,
    /// Whether reading has ever waited for handling.
    pub fetch_throttled: AtomicBool,
    /// The handling time of one record, in nanoseconds.
    pub latency_ns: Mutex<Histogram<u64>>,
    /// The time from the client to the end of handling, in nanoseconds per record; only for runs with a probe.
    pub journey_ns: Option<Mutex<Histogram<u64>>>,
    /// When members made their final commit.
    pub committed: Mutex<Option<Instant>>,
    /// Number of retries.
    pub retried: AtomicU64,
    /// Number of skipped records.
    pub skipped: AtomicU64,
    /// Number of settled barriers.
    pub barriers: AtomicU64,
    /// The protected group, and the limit that the lag guard sets for the run.
    guard: Mutex<(Option<GuardView>, Throttle)>,
    /// Number of dead letters acknowledged by the broker.
    pub dead_lettered: AtomicU64,
    /// The dead-letter sender, if there is one.
    pub dead_letters: OnceLock<DeadLetters>,
    /// Number of records that failed and were quarantined with their keys.
    pub(super) quarantined: AtomicU64,
    pub(super) paused_by: Mutex<Option<PauseCause>>,
    decisions: Decisions,
    /// The seed of this run's random numbers.
    pub(super) seed: u64,
    /// Observed timestamps, if the run depends on them.
    pub(super) clocks: Option<Mutex<TimestampMonitor>>,
    /// Whether any record has passed the filter so far.
    pub matches: Matches,
    /// Number of records for which the key template gave no key.
    pub unkeyed: AtomicU64,
    /// Number of records that a rule could not judge, and that did not fail because of it.
    pub unjudged: AtomicU64,
    /// Number of those that were excluded.
    pub unjudged_dropped: AtomicU64,
    /// Number of partitions with records left, and the total number of records left, as of the last snapshot.
    unfinished: (AtomicUsize, AtomicU64),
    /// Whether results have arrived after the end of their assignment.
    late_results: AtomicBool,
    groups: KeyGroups,
    open: AtomicUsize,
    finished: Mutex<Option<Instant>>,
    last_done: Mutex<Option<Instant>>,
    failure: Mutex<Option<String>>,
    /// Whether the failure of the run is a usage error.
    wrong_usage: AtomicBool,
    unreadable: Mutex<Option<String>>,
    pub(super) capacity_freed: Condvar,
    capacity_lock: Mutex<()>,
    stop_reading: AtomicBool,
}

impl Engine {
    /// A run at its start.
    #[must_use]
    pub fn new(plan: Arc<Plan>, settings: Settings, events: EventLog) -> Self {
        let groups = KeyGroups::for_partitions(plan.partitions.len());
        let clocks = TimestampMonitor::of(&plan).map(Mutex::new);
        let matches = Matches::of(&plan.selection.scope.rules.filter);
        let count = u32::try_from(plan.partitions.len()).unwrap_or(u32::MAX);
        let reorder_buffer = ReorderBuffer::new(plan.selection.scope.time_order, plan.partitions.len());
        for (planned, index) in plan.partitions.iter().zip(0..) {
            if planned.first >= planned.end
                && !plan.follow
                && let Some(mut buffer) = reorder_buffer.lock()
            {
                buffer.gone(index);
            }
        }
        let (keeps, lanes) = match settings.ordering {
            // One lane for all records, whatever the ordering would allow.
            _ if settings.single_threaded => (Ordering::Key, 1),
            Ordering::Key => (Ordering::Key, groups.count() + count),
            other => (other, count),
        };
        let scheduler = Scheduler::new(keeps, lanes, plan.partitions.len(), settings.batch.as_usize());
        scheduler.set_rate(settings.rate);
        Self {
            scheduler,
            partitions: plan.partitions.iter().map(|one| Mutex::new(PartitionRun::new(one, plan.follow))).collect(),
            handlers: OnceLock::new(),
            claims: Claims::default(),
            reorder_buffer,
            topics: plan.topics.iter().cloned().collect(),
            topic_ids: TopicIds::new(plan.topic_ids.clone()),
            holders: Mutex::default(),
            unplanned_partitions: Mutex::default(),
            commit_notes_refused: AtomicBool::new(false),
            delivering: RwLock::default(),
            pause_requested: AtomicBool::new(false),
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
            capacity_freed: Condvar::new(),
            capacity_lock: Mutex::new(()),
            stop_reading: AtomicBool::new(false),
        }
    }

    /// The index of a partition, if the run reads it.
    #[must_use]
    pub fn index_of(&self, id: &TopicPartition) -> Option<u32> {
        self.index.read().get(id).copied()
    }

    /// The topic and partition at an index.
    #[must_use]
    pub fn id(&self, partition: u32) -> &TopicPartition {
        &self.planned[partition as usize].id
    }

    /// Adds a partition to the run, without an owner. Returns its index, and whether it is new.
    pub fn join(&self, planned: PlannedPartition) -> (u32, bool) {
        let mut index = self.index.write();
        if let Some(known) = index.get(&planned.id) {
            return (*known, false);
        }
        let id = planned.id.clone();
        // No batch is partly delivered while this lock is held.
        let _between_batches = self.delivering.write();
        self.reorder_new_partition(&id);
        let run = PartitionRun::new(&planned, self.plan.follow);
        if let Some(handlers) = self.handlers.get() {
            handlers.join(&id);
        }
        self.own_lanes.push(self.scheduler.add_partition());
        self.open.fetch_add(1, Relaxed);
        self.planned.push(planned);
        let new_index = u32::try_from(self.partitions.push(Mutex::new(run))).unwrap_or(u32::MAX);
        index.insert(id, new_index);
        (new_index, true)
    }

    /// Where the positions of the run are stored.
    #[must_use]
    pub fn position_store(&self) -> PositionStore {
        self.handlers.get().map_or(PositionStore::Run, |handlers| handlers.position_store())
    }

    /// Tells the target that partitions without records in flight are released, so that it can complete its
    /// bookkeeping.
    pub fn release_partitions(&self, partitions: &[u32]) {
        if let Some(positions) = self.handlers.get().and_then(|handlers| handlers.positions()) {
            positions.release(partitions);
        }
    }

    /// Whether the run stores its positions itself, in its journal.
    #[must_use]
    pub fn keeps_positions(&self) -> bool {
        self.settings.group.is_none() && self.position_store() == PositionStore::Run
    }

    /// Begins a partition at the target's position, without a group.
    pub fn begin_at(&self, partition: u32, start: i64) {
        let complete = self.with(partition, |one| {
            if one.follows {
                one.end = one.end.max(start);
            }
            one.begin(0, start, Owner::Shared);
            one.is_complete()
        });
        self.reorder_begin(partition, 0, start);
        if complete {
            // No reader reads it, so no record may wait for it.
            self.reorder_gone(partition);
        }
    }

    /// Continues a partition from its checkpoint.
    pub fn restore(&self, partition: u32, stored: &StoredPartition) {
        let complete = self.with(partition, |one| {
            one.restore(stored);
            one.is_complete() && !self.plan.follow
        });
        // Records of a partition added during the run may wait for this one.
        self.reorder_begin(partition, 0, stored.state.position);
        if complete {
            // No reader reads it any more, so no record may wait for it.
            self.reorder_gone(partition);
        }
        let own_lane = self.own_lanes[partition as usize];
        self.scheduler.mark_lanes_used(stored.groups.iter().map(|entry| match self.settings.ordering {
            _ if self.settings.single_threaded => 0,
            Ordering::Key if !self.is_keyless(entry.group) => entry.group,
            _ => own_lane,
        }));
    }

    /// Changes a partition under its lock, and updates the number of complete partitions.
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

    /// Requests that the run pauses.
    pub fn request_pause(&self) {
        self.pause_requested.store(true, Relaxed);
    }

    /// Whether a pause is requested and not yet taken.
    #[must_use]
    pub fn pause_requested(&self) -> bool {
        self.pause_requested.load(Relaxed)
    }

    /// Takes the request to pause, if there is one.
    #[must_use]
    pub fn take_pause_request(&self) -> bool {
        self.pause_requested() && self.pause_requested.swap(false, Relaxed)
    }

    /// Sets the state of the protected group, and the limit that follows from it.
    pub fn set_guard(&self, view: GuardView, throttle: Throttle) {
        let before = std::mem::replace(&mut *self.guard.lock(), (Some(view), throttle)).1;
        if before != throttle {
            self.scheduler.set_throttle(throttle);
        }
    }

    /// The state of the protected group, for display.
    #[must_use]
    pub fn guard_view(&self) -> Option<GuardView> {
        self.guard.lock().0.clone()
    }

    /// The limit that the lag guard sets.
    #[must_use]
    pub fn throttle(&self) -> Throttle {
        self.guard.lock().1
    }

    /// Partitions whose end the group's coordinator has not acknowledged: the first few, and their number. Used at the
    /// end of a run in which all records were handled.
    #[must_use]
    pub fn unacknowledged(&self) -> (Vec<TopicPartition>, usize) {
        const NAMED: usize = 3;
        let (mut named, mut count) = (Vec::new(), 0);
        if self.settings.group.is_some() && self.position_store() != PositionStore::TargetGroup {
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

    /// When the last partition became complete; `None` while any is open.
    #[must_use]
    pub fn finished_at(&self) -> Option<Instant> {
        if self.open.load(Relaxed) == 0 { *self.finished.lock() } else { None }
    }

    /// Number of partitions that are not complete.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// When a worker last finished a batch.
    #[must_use]
    pub fn last_done(&self) -> Option<Instant> {
        *self.last_done.lock()
    }
}

/// From one nanosecond to one hour, with two significant digits: about 50 KB.
fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000_000, 2).unwrap_or_else(|_| {
        // The library accepts these constant bounds. The smallest histogram resizes itself as needed.
        let mut histogram = Histogram::new(1).unwrap_or_else(|_| std::process::abort());
        histogram.auto(true);
        histogram
    })
}
