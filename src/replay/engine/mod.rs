//! What fetchers, workers and the run share: the partitions, the board, the counters.

#[cfg(test)]
pub mod checks;
#[cfg(test)]
mod engine_test;
#[cfg(test)]
pub mod fixture;
pub mod judge;
#[cfg(test)]
mod quarantine_test;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod stress_test;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use parking_lot::{Condvar, Mutex, RwLock};

use super::{
    board::{Board, HandBack, Then},
    dead_letters::DeadLetters,
    lanes::own_lane,
    limits::limiter::Throttle,
    order::{
        staging::{End, PART_OF_BUFFER, Stages, Staging},
        young::Question,
    },
    partition::{
        Completed, Delivery, PartitionRun,
        key_groups::{KeyGroups, hash_content},
    },
    settings::Settings,
};
use crate::{
    domain::{Growing, Ordering, Record, TopicPartition},
    feed::{EventKind, EventLog, GuardView, PartitionState},
    handler::{HandlerSource, LaneFailure, LaneRun},
    journal::{BegunLog, StoredPartition},
    plan::{Plan, PlannedPartition},
};

/// After so many events of a kind about single records only one in a hundred gets an event of its own; all are counted.
const SINGLES_TOLD: u64 = 200;

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
    /// Where records wait for others that belong before them.
    pub staging: Staging,
    /// The topics that are read, those that have joined included.
    pub topics: Growing<String>,
    /// Partitions that the group tells of and the run does not read; each is told of once.
    pub strangers: Mutex<HashSet<TopicPartition>>,
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
    pub(super) paused_by: Mutex<Option<String>>,
    /// What the chances of this run are drawn from.
    pub(super) seed: u64,
    /// Records of which the key template made no key.
    pub unkeyed: AtomicU64,
    /// Partitions that have something left, and how much they have left together, as the last snapshot found it.
    unfinished: (AtomicUsize, AtomicU64),
    groups: KeyGroups,
    open: AtomicUsize,
    finished: Mutex<Option<Instant>>,
    last_done: Mutex<Option<Instant>>,
    failure: Mutex<Option<String>>,
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
            staging,
            topics: plan.topics.iter().cloned().collect(),
            strangers: Mutex::default(),
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
            seed: rand::random(),
            unkeyed: AtomicU64::new(0),
            unfinished: (AtomicUsize::new(0), AtomicU64::new(0)),
            groups,
            finished: Mutex::new(None),
            last_done: Mutex::new(None),
            failure: Mutex::new(None),
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

    /// A further partition of a topic that is being read: keys move to it, so its records wait for those of the old ones.
    fn stage_young(&self, id: &TopicPartition) {
        let young = u32::try_from(self.partitions.len()).unwrap_or(u32::MAX);
        let older: Vec<(u32, i64)> = (0..young)
            .filter(|index| self.id(*index).topic == id.topic)
            // What nobody here reads is not waited for.
            .map(|index| (index, self.partitions[index as usize].lock().reached().unwrap_or(i64::MAX)))
            .collect();
        if self.settings.ordering == Ordering::Key && !older.is_empty() {
            self.staging.join(young, older);
        }
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

    /// Puts records that were read into their lanes. The vector is empty afterwards.
    pub fn deliver(&self, records: &mut Vec<Record>) {
        let _batch = self.delivering.read();
        let mut keep = Vec::with_capacity(records.len());
        for chunk in records.chunk_by(|a, b| a.partition == b.partition) {
            let Some(first) = chunk.first() else { continue };
            self.with(first.partition, |partition| {
                for record in chunk {
                    let delivery = partition.deliver(record.epoch, record.offset, record.route.filtered);
                    if record.route.unkeyed && matches!(delivery, Delivery::New | Delivery::Filtered) {
                        self.unkeyed.fetch_add(1, Relaxed);
                    }
                    keep.push(delivery == Delivery::New);
                }
            });
        }
        if self.staging.is_on() {
            return self.deliver_staged(records, keep);
        }
        let kept = records.drain(..).zip(keep).filter_map(|(record, keep)| keep.then_some(record));
        self.board.put(kept.map(|record| (self.lane_of(&record), record)));
    }

    fn deliver_staged(&self, records: &mut Vec<Record>, keep: Vec<bool>) {
        let Some(mut stages) = self.staging.lock() else { return };
        let mut through = Vec::with_capacity(records.len());
        let mut seen: Vec<u32> = records.iter().map(|record| record.partition).collect();
        seen.dedup();
        for (record, keep) in records.drain(..).zip(keep) {
            if keep {
                stages.put(record, &mut through);
            } else {
                stages.left_out(&record);
            }
        }
        self.put_through(&mut through);
        for partition in seen {
            self.note_passed(&mut stages, partition, false);
        }
        stages.release(&mut through);
        self.put_through(&mut through);
    }

    fn put_through(&self, through: &mut Vec<Record>) {
        self.board.put(through.drain(..).map(|record| (self.lane_of(&record), record)));
    }

    fn note_passed(&self, stages: &mut Stages, partition: u32, at_end_of_log: bool) {
        let (reached, over) = {
            let state = self.partitions[partition as usize].lock();
            let Some(reached) = state.reached() else { return };
            (reached, !state.follows && reached >= state.end)
        };
        let end = if over { Some(End::Over) } else { at_end_of_log.then_some(End::Quiet) };
        stages.passed(partition, reached, end);
    }

    /// A partition's log holds nothing unread below `offset`, which is its end for the time being.
    pub fn reach(&self, partition: u32, epoch: u32, offset: i64) {
        self.with(partition, |one| one.reach(epoch, offset));
        self.stage(|stages| self.note_passed(stages, partition, true));
    }

    /// Nothing below `offset` can be read any more of a partition: it is passed over, and counted as lost.
    pub fn pass_over(&self, partition: u32, epoch: u32, offset: i64) {
        self.with(partition, |one| one.pass_over(epoch, offset));
        self.stage(|stages| self.note_passed(stages, partition, false));
    }

    /// Whether records that were read wait for others before they go into their lanes.
    #[must_use]
    pub fn is_staging(&self) -> bool {
        let all: Vec<u32> = (0..u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)).collect();
        self.staging.bytes_of(&all).is_some_and(|bytes| bytes.iter().any(|bytes| *bytes > 0))
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

    /// A partition begins under an assignment, at an offset.
    pub fn stage_begin(&self, partition: u32, epoch: u32, start: i64) {
        self.stage(|stages| stages.begin(partition, epoch, start));
    }

    /// Nothing more comes of a partition for the time being.
    pub fn stage_gone(&self, partition: u32) {
        self.stage(|stages| stages.gone(partition));
    }

    /// The ends that a question about new partitions was about.
    pub fn stage_answer(&self, question: &Question, ends: impl IntoIterator<Item = (u32, i64)>) {
        self.stage(|stages| stages.answer(question, ends));
    }

    /// Lets records go on that waited only for time to pass.
    pub fn stage_tick(&self) {
        self.stage(|_| {});
    }

    fn stage(&self, change: impl FnOnce(&mut Stages)) {
        let Some(mut stages) = self.staging.lock() else { return };
        change(&mut stages);
        let mut through = Vec::new();
        stages.release(&mut through);
        self.put_through(&mut through);
    }

    /// Records without a key are a group of their own: they share no lane with those of a key, so nothing can be said of
    /// the one by the other.
    fn group_of(&self, record: &Record) -> u32 {
        record.lane_hash().map_or(self.groups.count(), |hash| self.groups.of(hash))
    }

    /// Whether that is the group of the records without a key.
    #[must_use]
    pub fn is_keyless(&self, group: u32) -> bool {
        group == self.groups.count()
    }

    fn lane_of(&self, record: &Record) -> u32 {
        match self.settings.ordering {
            _ if self.settings.single_threaded => 0,
            Ordering::Key if record.lane_hash().is_some() => self.group_of(record),
            // Records without a key promise no order among themselves; that of their partition is the safe one.
            _ => self.own_lanes[record.partition as usize],
        }
    }

    /// Settles a batch after the handler has returned.
    pub fn settle(&self, batch: Vec<LaneRun>, failures: &[LaneFailure], elapsed: Duration) {
        let records: usize = batch.iter().map(|run| run.records.len()).sum();
        let per_record = elapsed / u32::try_from(records.max(1)).unwrap_or(u32::MAX);
        self.latency_ns
            .lock()
            .saturating_record_n(u64::try_from(per_record.as_nanos()).unwrap_or(u64::MAX).max(1), records as u64);
        self.note_journeys(&batch);
        let mut returned = Vec::with_capacity(batch.len());
        for (index, run) in batch.into_iter().enumerate() {
            let failure = failures.iter().find(|failure| failure.run == index);
            let done = failure.map_or(run.records.len(), |failure| failure.done.min(run.records.len()));
            self.account(&run.records[..done], true, per_record);
            returned.extend(match failure {
                Some(failure) if done < run.records.len() => self.judge(run, done, failure),
                _ => Some(HandBack { run, done, then: Then::GoOn }),
            });
        }
        *self.last_done.lock() = Some(Instant::now());
        self.board.hand_back(returned.into_iter(), records, elapsed);
        if self.held.load(Relaxed) < self.settings.buffer_bytes {
            self.room.notify_all();
        }
    }

    fn note_journeys(&self, batch: &[LaneRun]) {
        let Some(journey_ns) = &self.journey_ns else { return };
        let (now, mut journey_ns) = (Instant::now(), journey_ns.lock());
        for run in batch {
            for chunk in run.records.chunk_by(|a, b| a.fetched() == b.fetched()) {
                let Some(fetched) = chunk.first().and_then(Record::fetched) else { continue };
                let took = now.saturating_duration_since(fetched).as_nanos();
                journey_ns.saturating_record_n(u64::try_from(took).unwrap_or(u64::MAX).max(1), chunk.len() as u64);
            }
        }
    }

    pub(super) fn account(&self, records: &[Record], handled: bool, per_record: Duration) {
        for record in records.iter().filter(|record| record.route.barrier) {
            if is_told(self.barriers.fetch_add(1, Relaxed) + 1) {
                let id = self.id(record.partition);
                let text = format!("barrier: {id} at {} was handled alone, after everything before it", record.offset);
                self.events.push(EventKind::Notice { text });
            }
        }
        let microseconds = u64::try_from(per_record.as_micros()).unwrap_or(u64::MAX);
        for chunk in records.chunk_by(|a, b| a.partition == b.partition) {
            let Some(first) = chunk.first() else { continue };
            let completed: Vec<Completed> = chunk
                .iter()
                .map(|record| Completed {
                    offset: record.offset,
                    group: self.group_of(record),
                    content: hash_content(record),
                    bytes: record.size(),
                    handled,
                })
                .collect();
            let late = self.with(first.partition, |partition| {
                let before = partition.fenced;
                for (record, completed) in chunk.iter().zip(completed) {
                    partition.complete(record.epoch, completed);
                }
                if handled {
                    partition.note_latency(microseconds, chunk.len() as u64);
                }
                partition.fenced - before
            });
            if late > 0 {
                let id = self.id(first.partition);
                self.events.push(EventKind::Warning {
                    text: format!(
                        "{id}: {late} records were handled after the partition had been taken away; they do not count \
                         here, and its next owner handles them again"
                    ),
                });
            }
        }
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

    /// Records handled so far.
    #[must_use]
    pub fn handled(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.lock().handled).sum()
    }

    /// The run cannot go on. The first reason stays.
    pub fn fail(&self, reason: String) {
        let mut failure = self.failure.lock();
        if failure.is_none() {
            self.events.push(EventKind::Error { text: reason.clone() });
            *failure = Some(reason);
            drop(failure);
            self.board.stop();
        }
    }

    /// A partition cannot be read and will not come back; the run goes on with the others.
    pub fn give_up(&self, partition: u32, reason: &str) {
        let id = self.with(partition, |partition| {
            partition.state = PartitionState::Failed;
            partition.id.clone()
        });
        self.stage_gone(partition);
        let text = format!("{id} cannot be read: {reason}");
        self.unreadable.lock().get_or_insert_with(|| text.clone());
        self.events.push(EventKind::Error { text });
    }

    /// A topic is gone: what is open of it is given up.
    pub fn give_up_topic(&self, topic: &str) {
        for (planned, index) in self.planned.iter().zip(0_u32..) {
            let open = {
                let partition = self.partitions[index as usize].lock();
                !partition.is_complete() && !partition.has_failed()
            };
            if *planned.id.topic == *topic && open {
                self.give_up(index, "the topic is not there any more");
            }
        }
    }

    /// The first partition that was given up, and why.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        self.unreadable.lock().clone()
    }

    /// Why the run cannot go on, if so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
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

    /// Waits until there is room for more records, at most for `timeout`. `false` while there is none.
    pub fn wait_for_room(&self, timeout: Duration) -> bool {
        if self.held.load(Relaxed) < self.settings.buffer_bytes {
            return true;
        }
        self.fetch_throttled.store(true, Relaxed);
        let mut guard = self.room_lock.lock();
        self.room.wait_for(&mut guard, timeout);
        drop(guard);
        self.held.load(Relaxed) < self.settings.buffer_bytes || self.must_read_on()
    }

    /// What waits for earlier records holds memory until those are read: there is always room for them, as long as what is
    /// there to be handled does not fill the memory.
    fn must_read_on(&self) -> bool {
        self.staging.is_starved() && self.board.bytes() <= self.settings.buffer_bytes / 2
    }

    /// Whether one of these partitions has far more waiting for earlier records than it should.
    #[must_use]
    pub fn staging_is_full(&self, partitions: &[u32]) -> bool {
        let share = self.staging_share();
        self.staging.bytes_of(partitions).is_some_and(|bytes| bytes.iter().any(|bytes| *bytes > 2 * share))
    }

    /// The memory that records of one partition may take while they wait for earlier ones.
    #[must_use]
    pub fn staging_share(&self) -> u64 {
        self.settings.buffer_bytes / PART_OF_BUFFER / (self.unfinished.0.load(Relaxed) as u64).max(1)
    }

    /// Notes how many partitions have something left, and how much together.
    pub fn note_unfinished(&self, partitions: usize, records: u64) {
        self.unfinished.0.store(partitions, Relaxed);
        self.unfinished.1.store(records, Relaxed);
    }

    /// How many bytes a partition with so many records left may keep waiting in memory: one half of the limit is shared
    /// evenly, the other by what is left.
    #[must_use]
    pub fn share_of(&self, left: u64) -> u64 {
        let (partitions, records) = (self.unfinished.0.load(Relaxed) as u64, self.unfinished.1.load(Relaxed));
        let half = self.settings.buffer_bytes / 2;
        let by_work = u128::from(half) * u128::from(left.min(records)) / u128::from(records.max(1));
        half / partitions.max(1) + u64::try_from(by_work).unwrap_or(half)
    }

    /// Tells the fetchers to stop.
    pub fn stop_reading(&self) {
        self.stop_reading.store(true, Relaxed);
        self.room.notify_all();
    }

    /// Whether the fetchers are to stop.
    #[must_use]
    pub fn reading_stopped(&self) -> bool {
        self.stop_reading.load(Relaxed)
    }
}

/// Whether a failure gets an event of its own, by its number.
pub(super) fn is_told(count: u64) -> bool {
    count <= SINGLES_TOLD || count.is_multiple_of(100)
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
