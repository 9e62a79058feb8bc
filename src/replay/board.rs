//! The board: the lanes behind one lock, and the workers that wait at it.
//!
//! Fetchers put records up, workers take them down. The lock is held for microseconds; the handler runs outside it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{
    batch_size::BatchSize,
    lanes::{Exclusion, Lanes},
    quarantine::{QuarantineLoad, Trouble, Waiting},
};
use crate::{
    domain::{Ordering, Record},
    handler::LaneRun,
};

/// A worker without work looks again after this time, whatever happens. In tests it is so long that a worker that is not
/// woken when it should be comes to light.
const LONGEST_WAIT: Duration = if cfg!(test) { Duration::from_secs(600) } else { Duration::from_millis(500) };

struct Inner {
    lanes: Lanes,
    size: BatchSize,
    workers: u32,
    paused: bool,
    stopped: bool,
    idle: Vec<u32>,
    /// Which workers have a thread that has not been told to go.
    alive: Vec<bool>,
    bells: Vec<Arc<Condvar>>,
    first_taken: Option<Instant>,
}

/// What is done with a lane when its worker hands it back.
#[derive(Debug)]
pub struct HandBack {
    /// The lane and what was taken from it.
    pub run: LaneRun,
    /// How many of its records are dealt with.
    pub done: usize,
    /// What then.
    pub then: Then,
}

/// What becomes of a lane that is handed back.
#[derive(Debug)]
pub enum Then {
    /// It can be taken again.
    GoOn,
    /// It rests until then, because the record after those that are done has failed.
    Rest(Instant),
    /// The key of that record is put aside.
    Quarantine(Trouble),
    /// The lane's key has been given up: what is done has gone to the dead letters, and so will the rest.
    Condemned,
}

/// The lanes of a run and the workers that wait for them.
pub struct Board {
    inner: Mutex<Inner>,
    drained: Condvar,
    own_queues: bool,
}

impl Board {
    /// A board for lanes by an ordering. With partition order each worker has a queue of its own.
    #[must_use]
    pub fn new(ordering: Ordering, lanes: u32, partitions: usize, batch: usize) -> Self {
        let exclusion = if ordering == Ordering::None { Exclusion::Shared } else { Exclusion::Exclusive };
        Self {
            inner: Mutex::new(Inner {
                lanes: Lanes::new(exclusion, lanes, partitions, 1),
                size: BatchSize::new(batch),
                workers: 0,
                paused: false,
                stopped: false,
                idle: Vec::new(),
                alive: Vec::new(),
                bells: Vec::new(),
                first_taken: None,
            }),
            drained: Condvar::new(),
            own_queues: ordering == Ordering::Partition,
        }
    }

    /// A further partition, with a lane of its own; returns that lane.
    pub fn add_partition(&self) -> u32 {
        self.inner.lock().lanes.add_partition()
    }

    /// Puts records into their lanes and wakes as many workers as there is new work for.
    pub fn put(&self, records: impl Iterator<Item = (u32, Record)>) {
        let mut inner = self.inner.lock();
        let mut rung = None;
        for (lane, record) in records {
            let ready = inner.lanes.push(lane, record);
            if ready && self.own_queues && rung != Some(lane) {
                rung = Some(lane);
                let owner = inner.lanes.queue_of(lane);
                inner.ring(owner);
            }
        }
        if !self.own_queues {
            let wanted = inner.wanted();
            inner.ring_any(wanted);
        }
    }

    /// Waits for work for a worker and takes it. `false` when the worker is to go.
    pub fn take(&self, worker: u32, out: &mut Vec<LaneRun>) -> bool {
        let mut inner = self.inner.lock();
        loop {
            if inner.stopped || worker >= inner.workers {
                inner.set_alive(worker, false);
                if !self.own_queues {
                    // What it has handed back, or was woken for, is another's now.
                    inner.pass_on();
                }
                return false;
            }
            if inner.take(worker, self.own_queues, out) {
                return true;
            }
            let wait = if inner.paused { LONGEST_WAIT } else { inner.rest().min(LONGEST_WAIT) };
            inner.idle.push(worker);
            let Some(bell) = inner.bells.get(worker as usize).cloned() else {
                inner.set_alive(worker, false);
                return false;
            };
            bell.wait_for(&mut inner, wait.max(Duration::from_micros(100)));
            inner.idle.retain(|idle| *idle != worker);
        }
    }

    /// What [`Board::take`] finds without waiting.
    #[cfg(test)]
    pub fn try_take(&self, worker: u32, out: &mut Vec<LaneRun>) -> bool {
        let mut inner = self.inner.lock();
        !inner.stopped && worker < inner.workers && inner.take(worker, self.own_queues, out)
    }

    /// How many workers wait at the board.
    #[cfg(test)]
    pub fn idle(&self) -> usize {
        self.inner.lock().idle.len()
    }

    /// How often the first record of a lane has failed before.
    #[must_use]
    pub fn failures(&self, lane: u32) -> u32 {
        self.inner.lock().lanes.failures(lane)
    }

    /// Hands lanes back, and notes how long their records took.
    pub fn hand_back(&self, runs: impl Iterator<Item = HandBack>, records: usize, elapsed: Duration) {
        let mut inner = self.inner.lock();
        let mut rests = false;
        for HandBack { run, done, then } in runs {
            let lane = run.lane;
            rests |= matches!(then, Then::Rest(_));
            match then {
                Then::GoOn => inner.lanes.finish(run, done, None),
                Then::Rest(until) => inner.lanes.finish(run, done, Some(until)),
                Then::Quarantine(trouble) => inner.lanes.quarantine(run, done, trouble),
                Then::Condemned => inner.lanes.finish_condemned(run, done),
            }
            if self.own_queues {
                // It may belong to another worker by now.
                let owner = inner.lanes.queue_of(lane);
                inner.ring(owner);
            }
        }
        if records > 0 {
            inner.size.learn(records, elapsed);
        }
        if !self.own_queues {
            let others = inner.wanted().saturating_sub(1);
            inner.ring_any(others + usize::from(rests));
        }
        drop(inner);
        self.drained.notify_all();
    }

    /// From now on records of older assignments of these partitions are not taken any more.
    pub fn fence(&self, fences: impl Iterator<Item = (u32, u32)>) {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let mut fenced = false;
        for (partition, epoch) in fences {
            fenced = true;
            inner.lanes.fence(partition, epoch);
            if self.own_queues {
                // The lane's worker may have gone, and the next owner may be in another process.
                let lane = inner.lanes.own_lane(partition);
                inner.lanes.drop_stale(lane);
            }
        }
        if fenced {
            inner.lanes.drop_stale_aside();
        }
    }

    /// Tries keys again that were put aside; returns how many.
    pub fn release(&self, keys: &[u64]) -> usize {
        let mut inner = self.inner.lock();
        let released = keys.iter().filter(|key| inner.lanes.release(**key)).count();
        inner.ring_any(released);
        released
    }

    /// Gives keys up that were put aside; returns how many.
    pub fn condemn(&self, keys: &[u64]) -> usize {
        let mut inner = self.inner.lock();
        keys.iter().filter(|key| inner.lanes.condemn(**key)).count()
    }

    /// What has to leave of the keys that were given up.
    #[must_use]
    pub fn take_condemned(&self) -> Vec<(LaneRun, Trouble)> {
        self.inner.lock().lanes.take_condemned()
    }

    /// How much waits in quarantine.
    #[must_use]
    pub fn quarantine_load(&self) -> QuarantineLoad {
        self.inner.lock().lanes.quarantine_load()
    }

    /// The keys in quarantine, the oldest first.
    #[must_use]
    pub fn quarantined(&self) -> Vec<Waiting> {
        self.inner.lock().lanes.quarantined()
    }

    /// Waits until no worker has a record of these partitions in hand; `false` when the time is over before.
    pub fn wait_drained(&self, partitions: &[u32], timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut inner = self.inner.lock();
        while partitions.iter().any(|partition| inner.lanes.in_hand_of(*partition) > 0) {
            if self.drained.wait_until(&mut inner, deadline).timed_out() {
                return partitions.iter().all(|partition| inner.lanes.in_hand_of(*partition) == 0);
            }
        }
        true
    }

    /// Changes how many workers may take records; those with higher numbers go when their batch is done. Returns those that
    /// need a thread.
    #[must_use]
    pub fn set_workers(&self, workers: u32) -> Vec<u32> {
        let mut inner = self.inner.lock();
        inner.workers = workers;
        let missing: Vec<u32> =
            (0..workers).filter(|worker| !inner.alive.get(*worker as usize).copied().unwrap_or(false)).collect();
        for &worker in &missing {
            inner.set_alive(worker, true);
        }
        while inner.bells.len() < workers as usize {
            inner.bells.push(Arc::new(Condvar::new()));
        }
        inner.lanes.reserve_queues(if self.own_queues { workers as usize } else { 1 });
        inner.ring_all();
        missing
    }

    /// A worker has no thread after all.
    pub fn forget_worker(&self, worker: u32) {
        self.inner.lock().set_alive(worker, false);
    }

    /// Stops or goes on handing out records.
    pub fn set_paused(&self, paused: bool) {
        let mut inner = self.inner.lock();
        inner.paused = paused;
        inner.ring_all();
    }

    /// Hands out nothing more, ever.
    pub fn stop(&self) {
        let mut inner = self.inner.lock();
        inner.stopped = true;
        inner.ring_all();
    }

    /// Gives partitions to workers: `(partition, worker)`.
    pub fn assign(&self, owners: impl Iterator<Item = (u32, u32)>) {
        let mut inner = self.inner.lock();
        for (partition, worker) in owners {
            inner.lanes.reserve_queues(worker as usize + 1);
            let lane = inner.lanes.own_lane(partition);
            inner.lanes.assign(lane, worker);
        }
        inner.ring_all();
    }

    /// Records that wait, and records in hand.
    #[must_use]
    pub fn load(&self) -> (u64, u64) {
        let inner = self.inner.lock();
        (inner.lanes.waiting(), inner.lanes.in_hand())
    }

    /// The bytes of each partition's waiting records.
    #[must_use]
    pub fn waiting_bytes(&self, partitions: &[u32]) -> Vec<u64> {
        let inner = self.inner.lock();
        partitions.iter().map(|partition| inner.lanes.waiting_of(*partition).1).collect()
    }

    /// These lanes have had records before this board was there.
    pub fn note_used(&self, lanes: impl Iterator<Item = u32>) {
        let mut inner = self.inner.lock();
        lanes.for_each(|lane| inner.lanes.note_used(lane));
    }

    /// The memory of all records that wait in lanes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inner.lock().lanes.waiting_bytes()
    }

    /// Whether nothing is handed out for the time being.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.inner.lock().paused
    }

    /// How many lanes have had records.
    #[must_use]
    pub fn lanes_used(&self) -> u64 {
        self.inner.lock().lanes.used()
    }

    /// When the first record was taken.
    #[must_use]
    pub fn first_taken(&self) -> Option<Instant> {
        self.inner.lock().first_taken
    }
}

impl Inner {
    /// Takes what there is for a worker.
    fn take(&mut self, worker: u32, own_queues: bool, out: &mut Vec<LaneRun>) -> bool {
        if self.paused {
            return false;
        }
        if self.lanes.next_wake().is_some() && self.lanes.wake(Instant::now()) > 0 && own_queues {
            self.ring_all();
        }
        let (queue, workers) = if own_queues { (worker, 1) } else { (0, self.workers) };
        let most = self.size.take(self.lanes.waiting(), workers);
        if self.lanes.take(queue, most, out) == 0 {
            return false;
        }
        self.first_taken.get_or_insert_with(Instant::now);
        if !own_queues {
            self.pass_on();
        }
        true
    }

    /// How many workers there is work for in the queue that all share.
    fn wanted(&self) -> usize {
        self.lanes.ready(0).min(self.size.batches(self.lanes.waiting(), self.workers))
    }

    /// Wakes another worker where there is more to take, or a rest whose end somebody must look out for.
    fn pass_on(&mut self) {
        if self.lanes.ready(0) > 0 || self.lanes.next_wake().is_some() {
            self.ring_any(1);
        }
    }

    /// How long until the next lane that rests can go on.
    fn rest(&self) -> Duration {
        self.lanes.next_wake().map_or(LONGEST_WAIT, |at| at.saturating_duration_since(Instant::now()))
    }

    fn set_alive(&mut self, worker: u32, alive: bool) {
        let worker = worker as usize;
        if self.alive.len() <= worker {
            self.alive.resize(worker + 1, false);
        }
        self.alive[worker] = alive;
    }

    fn ring(&mut self, worker: u32) {
        if self.idle.contains(&worker)
            && let Some(bell) = self.bells.get(worker as usize)
        {
            bell.notify_one();
        }
    }

    fn ring_any(&mut self, count: usize) {
        // The one that went to sleep last has the warmest cache. It takes itself off the list when it wakes, so it is
        // taken off here too, lest it be rung twice.
        for _ in 0..count {
            let stays = |worker: &u32| *worker < self.workers;
            let Some(place) = self.idle.iter().rposition(stays) else { return };
            let worker = self.idle.remove(place);
            if let Some(bell) = self.bells.get(worker as usize) {
                bell.notify_one();
            }
        }
    }

    fn ring_all(&mut self) {
        for bell in &self.bells {
            bell.notify_all();
        }
    }
}
