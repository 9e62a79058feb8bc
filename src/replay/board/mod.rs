//! The board: the lanes behind one lock, and the workers that wait at it.
//!
//! Fetchers put records up, workers take them down. The lock is held for microseconds; the handler runs outside it.

mod barrier;
#[cfg(test)]
mod barrier_test;
mod batch_cost;
pub mod batch_size;
mod bells;
#[cfg(test)]
mod board_test;
mod figures;
mod workers;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use self::{barrier::Barrier, batch_size::BatchSize};
use super::{
    lanes::{Exclusion, Lanes, quarantine::Trouble},
    limits::limiter::{Allowance, Limiter},
};
use crate::{
    domain::{Ordering, Record},
    handler::LaneRun,
};

/// A worker without work looks again after this time, whatever happens. In tests it is so long that a worker that is not
/// woken when it should be comes to light.
const LONGEST_WAIT: Duration = if cfg!(test) { Duration::from_secs(600) } else { Duration::from_millis(500) };

/// So many records that waited behind a barrier go into their lanes at a time, lest the lock be held for long.
const MOVED_AT_ONCE: usize = 4096;

struct Inner {
    lanes: Lanes,
    barrier: Barrier,
    limiter: Limiter,
    /// Workers that have something to take and wait for the limiter, in their turn. The first of them watches the clock.
    turns: VecDeque<u32>,
    /// Since when somebody waits for the limiter, and how long that was before.
    limited: (Option<Instant>, Duration),
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
                barrier: Barrier::default(),
                limiter: Limiter::default(),
                turns: VecDeque::new(),
                limited: (None, Duration::ZERO),
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

    /// A batch should take about so long, rather than the usual few milliseconds.
    pub fn aim_at(&self, batch_time: Duration) {
        self.inner.lock().size.aim_at(batch_time);
    }

    /// A further partition, with a lane of its own; returns that lane.
    pub fn add_partition(&self) -> u32 {
        self.inner.lock().lanes.add_partition()
    }

    /// Puts records into their lanes and wakes as many workers as there is new work for.
    pub fn put(&self, records: impl Iterator<Item = (u32, Record)>) {
        let mut inner = self.inner.lock();
        let mut rung = None;
        let mut staged = false;
        for (lane, record) in records {
            if record.route.barrier || !inner.barrier.is_open() {
                inner.barrier.stage(lane, record);
                staged = true;
                continue;
            }
            let ready = inner.lanes.push(lane, record);
            if ready && self.own_queues && rung != Some(lane) {
                rung = Some(lane);
                let owner = inner.lanes.queue_of(lane);
                inner.ring(owner);
            }
        }
        if staged {
            inner.advance(self.own_queues);
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
                inner.leave_turn(worker);
                if !self.own_queues {
                    // What it has handed back, or was woken for, is another's now.
                    inner.pass_on();
                }
                return false;
            }
            let Err(wait) = inner.take(worker, self.own_queues, out) else { return true };
            inner.idle.push(worker);
            let Some(bell) = inner.bells.get(worker as usize).cloned() else {
                inner.set_alive(worker, false);
                return false;
            };
            bell.wait_for(&mut inner, wait.clamp(Duration::from_micros(100), LONGEST_WAIT));
            inner.idle.retain(|idle| *idle != worker);
        }
    }

    /// What [`Board::take`] finds without waiting.
    #[cfg(test)]
    pub fn try_take(&self, worker: u32, out: &mut Vec<LaneRun>) -> bool {
        let mut inner = self.inner.lock();
        !inner.stopped && worker < inner.workers && inner.take(worker, self.own_queues, out).is_ok()
    }

    /// Hands lanes back, and notes how long their records took.
    pub fn hand_back(&self, runs: impl Iterator<Item = HandBack>, records: usize, elapsed: Duration) {
        // What is dealt with is freed when the lock is no longer held.
        let mut dealt_with = Vec::with_capacity(runs.size_hint().0);
        let mut inner = self.inner.lock();
        let mut rests = false;
        for HandBack { mut run, done, then } in runs {
            let lane = run.lane;
            rests |= matches!(then, Then::Rest(_));
            match then {
                Then::GoOn => {
                    inner.lanes.take_back(&mut run, done, None);
                    dealt_with.push(run);
                }
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
        inner.advance(self.own_queues);
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
        let mut any = false;
        for (partition, epoch) in fences {
            any = true;
            inner.lanes.fence(partition, epoch);
            if self.own_queues {
                // The lane's worker may have gone, and the next owner may be in another process.
                let lane = inner.lanes.own_lane(partition);
                inner.lanes.drop_stale(lane);
            }
        }
        if any {
            inner.lanes.drop_stale_aside();
        }
        if !inner.barrier.is_open() {
            let Inner { barrier, lanes, .. } = &mut *inner;
            barrier.drop_stale(|record| lanes.is_stale(record));
            inner.advance(self.own_queues);
            if !self.own_queues {
                let wanted = inner.wanted();
                inner.ring_any(wanted);
            }
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

    /// Gives keys up that an earlier attempt of the run has given up, before any record has come.
    pub fn condemn_again(&self, keys: impl Iterator<Item = Trouble>) {
        let mut inner = self.inner.lock();
        keys.for_each(|key| inner.lanes.condemn_again(key));
    }

    /// The keys that have been given up, where those are not `known` already by their number.
    #[must_use]
    pub fn condemned(&self, known: usize) -> Option<Vec<Trouble>> {
        let inner = self.inner.lock();
        (inner.lanes.condemned_count() != known).then(|| inner.lanes.condemned())
    }

    /// What has to leave of the keys that were given up.
    #[must_use]
    pub fn take_condemned(&self) -> Vec<(LaneRun, Trouble)> {
        self.inner.lock().lanes.take_condemned()
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

    /// These lanes have had records before this board was there.
    pub fn note_used(&self, lanes: impl Iterator<Item = u32>) {
        let mut inner = self.inner.lock();
        lanes.for_each(|lane| inner.lanes.note_used(lane));
    }
}

impl Inner {
    /// Takes what there is for a worker; where that is nothing, says how long nothing will change by itself.
    fn take(&mut self, worker: u32, own_queues: bool, out: &mut Vec<LaneRun>) -> Result<(), Duration> {
        if self.paused {
            return Err(LONGEST_WAIT);
        }
        if self.lanes.next_wake().is_some() && self.lanes.wake(Instant::now()) > 0 && own_queues {
            self.ring_all();
        }
        let (queue, workers) = if own_queues { (worker, 1) } else { (0, self.workers) };
        let mut most = self.size.take(self.lanes.waiting(), workers);
        let taken = if self.limiter.is_off() {
            self.lanes.take(queue, most, out)
        } else {
            let bytes;
            (most, bytes) = self.wait_for_turn(worker, queue, most)?;
            let (taken, size) = self.lanes.take_within(queue, most, bytes, out);
            self.limiter.charge(taken, size);
            self.leave_turn(worker);
            taken
        };
        if taken == 0 {
            return Err(self.rest());
        }
        self.first_taken.get_or_insert_with(Instant::now);
        if !own_queues {
            self.pass_on();
        }
        Ok(())
    }

    /// How many records a worker may take, and how many bytes; where a limit lets it take none, it gets in line.
    fn wait_for_turn(&mut self, worker: u32, queue: u32, most: usize) -> Result<(usize, u64), Duration> {
        if self.lanes.ready(queue) == 0 {
            self.leave_turn(worker);
            return Err(self.rest());
        }
        let is_first = self.turns.front().is_none_or(|first| *first == worker);
        let wait = if is_first {
            match self.limiter.look(most, Instant::now()) {
                Allowance::Take { records, bytes } => return Ok((records, bytes)),
                Allowance::Wait(wait) => wait,
                Allowance::Closed => LONGEST_WAIT,
            }
        } else {
            LONGEST_WAIT
        };
        if !self.turns.contains(&worker) {
            self.turns.push_back(worker);
            self.note_limited();
        }
        Err(wait.min(self.rest()))
    }

    /// A worker no longer waits for the limiter; whoever is first now watches the clock.
    fn leave_turn(&mut self, worker: u32) {
        let Some(place) = self.turns.iter().position(|waiting| *waiting == worker) else { return };
        self.turns.remove(place);
        match self.turns.front() {
            Some(&first) if place == 0 => self.ring(first),
            _ => self.note_limited(),
        }
    }

    fn note_limited(&mut self) {
        match (self.turns.is_empty(), self.limited.0) {
            (true, Some(since)) => self.limited = (None, self.limited.1 + since.elapsed()),
            (false, None) => self.limited.0 = Some(Instant::now()),
            _ => {}
        }
    }

    /// Lets the records go on that no barrier holds any more.
    fn advance(&mut self, own_queues: bool) {
        let mut rung = None;
        for moved in 0.. {
            let Self { barrier, lanes, .. } = self;
            // What has gone into the lanes comes back one day, and then the others are let go on; what is put aside may not.
            if moved >= MOVED_AT_ONCE && lanes.have_work() {
                break;
            }
            let Some((lane, record)) = barrier.next(lanes.are_settled(), |record| lanes.is_stale(record)) else {
                break;
            };
            if lanes.push(lane, record) && own_queues && rung != Some(lane) {
                rung = Some(lane);
                self.ring(self.lanes.queue_of(lane));
            }
        }
    }

    /// How long until the next lane that rests can go on.
    fn rest(&self) -> Duration {
        self.lanes.next_wake().map_or(LONGEST_WAIT, |at| at.saturating_duration_since(Instant::now()))
    }
}
