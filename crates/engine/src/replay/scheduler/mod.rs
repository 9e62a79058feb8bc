//! The scheduler: the lanes and the idle workers, behind one lock.
//!
//! Fetchers put records in, workers take them out. The lock is held for microseconds; the handler runs outside it.

mod barrier;
#[cfg(test)]
mod barrier_test;
mod batch_cost;
pub mod batch_size;
mod charging;
#[cfg(test)]
mod charging_test;
pub mod pause;
mod stats;
mod wakeups;
#[cfg(test)]
mod wakeups_test;
mod workers;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Ordering, Record};
use parking_lot::{Condvar, Mutex};

use self::{barrier::Barrier, batch_size::BatchSize, charging::WorkerCharges, pause::PauseCause};
use super::{
    lanes::{Exclusion, Lanes, quarantine::QuarantineReason},
    limits::limiter::{Allowance, Limiter},
};
use crate::handler::LaneRun;

/// An idle worker polls at least this often. In tests the interval is so long that a missed wake-up is noticed.
const MAX_IDLE_WAIT: Duration = if cfg!(test) { Duration::from_secs(600) } else { Duration::from_millis(500) };

/// Maximum number of records moved from behind a barrier into their lanes at once, to keep the lock short.
const MAX_MOVED_RECORDS: usize = 4096;

struct Inner {
    lanes: Lanes,
    barrier: Barrier,
    limiter: Limiter,
    /// Workers that could take records and wait for the limiter, in order. The first of them waits for the time to
    /// pass.
    limiter_queue: VecDeque<u32>,
    /// Since when workers have been waiting for the limiter, and the total time of earlier waits.
    limited: (Option<Instant>, Duration),
    size: BatchSize,
    workers: u32,
    /// Why no records are handed out, if so.
    pause: Option<PauseCause>,
    stopped: bool,
    idle: Vec<u32>,
    /// Which workers have a thread that has not been told to exit.
    alive: Vec<bool>,
    wakeups: Vec<Arc<Condvar>>,
    charges: WorkerCharges,
    first_taken: Option<Instant>,
}

/// A lane that its worker returns.
#[derive(Debug)]
pub struct ReturnedLane {
    /// The lane and the records taken from it.
    pub run: LaneRun,
    /// Number of these records, from the first, that are settled.
    pub done: usize,
    /// What happens to the lane.
    pub after: AfterFailure,
}

/// What happens to a returned lane.
#[derive(Debug)]
pub enum AfterFailure {
    /// It is ready again: nothing failed, or the failed record was settled.
    Continue,
    /// It backs off until this time: the first record that is not settled has failed.
    BackOff(Instant),
    /// The key of the first record that is not settled goes into quarantine.
    Quarantine(QuarantineReason),
    /// The lane's key was discarded: the settled records were dead-lettered, and the others will be.
    Discarded,
}

/// The lanes of a run and the workers that wait for them.
pub struct Scheduler {
    inner: Mutex<Inner>,
    drained: Condvar,
    queue_per_worker: bool,
}

impl Scheduler {
    /// A scheduler for lanes with this ordering. With partition order, each worker has its own ready queue.
    #[must_use]
    pub fn new(ordering: Ordering, lanes: u32, partitions: usize, batch: usize) -> Self {
        let exclusion = if ordering == Ordering::None { Exclusion::Shared } else { Exclusion::Exclusive };
        Self {
            inner: Mutex::new(Inner {
                lanes: Lanes::new(exclusion, lanes, partitions, 1),
                barrier: Barrier::default(),
                limiter: Limiter::default(),
                limiter_queue: VecDeque::new(),
                limited: (None, Duration::ZERO),
                size: BatchSize::new(batch),
                workers: 0,
                pause: None,
                stopped: false,
                idle: Vec::new(),
                alive: Vec::new(),
                wakeups: Vec::new(),
                charges: WorkerCharges::default(),
                first_taken: None,
            }),
            drained: Condvar::new(),
            queue_per_worker: ordering == Ordering::Partition,
        }
    }

    /// Sets the target handling time of a batch, instead of the default of a few milliseconds.
    pub fn set_batch_time(&self, batch_time: Duration) {
        self.inner.lock().size.set_target_time(batch_time);
    }

    /// Adds a partition with its own lane; returns that lane.
    pub fn add_partition(&self) -> u32 {
        self.inner.lock().lanes.add_partition()
    }

    /// Puts records into their lanes, and wakes as many workers as the new records need.
    pub fn put(&self, records: impl Iterator<Item = (u32, Record)>) {
        let mut inner = self.inner.lock();
        let mut notified = None;
        let mut held = false;
        for (lane, record) in records {
            if record.route.barrier || !inner.barrier.is_open() {
                inner.barrier.hold(lane, record);
                held = true;
                continue;
            }
            let ready = inner.lanes.push(lane, record);
            if ready && self.queue_per_worker && notified != Some(lane) {
                notified = Some(lane);
                let owner = inner.lanes.queue_of(lane);
                inner.notify(owner);
            }
        }
        if held {
            inner.advance(self.queue_per_worker);
        }
        if !self.queue_per_worker {
            let useful = inner.useful_workers();
            inner.notify_any(useful);
        }
    }

    /// Waits for records for a worker, and takes them. `false` when the worker must exit.
    #[cfg(test)]
    pub fn take(&self, worker: u32, out: &mut Vec<LaneRun>) -> bool {
        self.take_for(worker, out, || ())
    }

    /// Waits for records for a worker, and takes them. `false` when the worker must exit. `taken` is called when it has
    /// got some, before anything can follow.
    pub fn take_for(&self, worker: u32, out: &mut Vec<LaneRun>, taken: impl Fn()) -> bool {
        let mut inner = self.inner.lock();
        loop {
            if inner.stopped || worker >= inner.workers {
                inner.set_alive(worker, false);
                inner.charges.leave_idle(worker);
                inner.leave_limiter_queue(worker);
                if !self.queue_per_worker {
                    // Another worker takes over the records this one returned or was woken for.
                    inner.notify_next();
                }
                return false;
            }
            let Err(wait) = inner.take(worker, self.queue_per_worker, out) else {
                inner.charges.leave_idle(worker);
                taken();
                return true;
            };
            inner.charge_idle(worker, self.queue_per_worker);
            inner.idle.push(worker);
            let Some(wakeup) = inner.wakeups.get(worker as usize).cloned() else {
                inner.set_alive(worker, false);
                return false;
            };
            wakeup.wait_for(&mut inner, wait.clamp(Duration::from_micros(100), MAX_IDLE_WAIT));
            inner.idle.retain(|idle| *idle != worker);
        }
    }

    /// As [`Scheduler::take`], without waiting.
    #[cfg(test)]
    pub fn try_take(&self, worker: u32, out: &mut Vec<LaneRun>) -> bool {
        let mut inner = self.inner.lock();
        !inner.stopped && worker < inner.workers && inner.take(worker, self.queue_per_worker, out).is_ok()
    }

    /// Returns lanes, and records how long their records took.
    pub fn return_lanes(&self, runs: impl Iterator<Item = ReturnedLane>, records: usize, elapsed: Duration) {
        // Settled records are freed after the lock is released.
        let mut settled = Vec::with_capacity(runs.size_hint().0);
        let mut inner = self.inner.lock();
        let mut any_backoff = false;
        for ReturnedLane { mut run, done, after } in runs {
            let lane = run.lane;
            any_backoff |= matches!(after, AfterFailure::BackOff(_));
            match after {
                AfterFailure::Continue => {
                    inner.lanes.finish_in_place(&mut run, done, None);
                    settled.push(run);
                }
                AfterFailure::BackOff(until) => inner.lanes.finish(run, done, Some(until)),
                AfterFailure::Quarantine(reason) => inner.lanes.quarantine(run, done, reason),
                AfterFailure::Discarded => inner.lanes.finish_discarded(run, done),
            }
            if self.queue_per_worker {
                // The lane may belong to another worker by now.
                let owner = inner.lanes.queue_of(lane);
                inner.notify(owner);
            }
        }
        if records > 0 {
            inner.size.learn(records, elapsed);
        }
        inner.advance(self.queue_per_worker);
        if !self.queue_per_worker {
            // A worker takes again itself. The dead-letter thread, which returns settled records, does not.
            let others = inner.useful_workers().saturating_sub(usize::from(records > 0));
            inner.notify_any(others + usize::from(any_backoff));
        }
        drop(inner);
        self.drained.notify_all();
    }

    /// Stops handing out records of older assignments of these partitions. Takes pairs of partition and epoch.
    pub fn fence(&self, fences: impl Iterator<Item = (u32, u32)>) {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let mut any = false;
        for (partition, epoch) in fences {
            any = true;
            inner.lanes.fence(partition, epoch);
            if self.queue_per_worker {
                // The lane's worker may be gone, and the next owner may be another process.
                let lane = inner.lanes.own_lane(partition);
                inner.lanes.drop_stale(lane);
            }
        }
        if any {
            inner.lanes.drop_stale_quarantined();
            if !self.queue_per_worker {
                // Records of other partitions behind a dropped one may be ready.
                let useful = inner.useful_workers();
                inner.notify_any(useful);
            }
        }
        if !inner.barrier.is_open() {
            let Inner { barrier, lanes, .. } = &mut *inner;
            barrier.drop_stale(|record| lanes.is_stale(record));
            inner.advance(self.queue_per_worker);
            if !self.queue_per_worker {
                let useful = inner.useful_workers();
                inner.notify_any(useful);
            }
        }
    }

    /// Retries quarantined keys. `report` is called with the number of keys released, before any of them is retried.
    pub fn release(&self, keys: &[u64], report: impl FnOnce(usize)) {
        let mut inner = self.inner.lock();
        let released = keys.iter().filter(|key| inner.lanes.release(**key)).count();
        report(released);
        inner.notify_any(released);
    }

    /// Discards quarantined keys; returns the number of keys discarded.
    pub fn discard(&self, keys: &[u64]) -> usize {
        let mut inner = self.inner.lock();
        keys.iter().filter(|key| inner.lanes.discard(**key)).count()
    }

    /// Discards keys that an earlier attempt of the run has discarded, before any record arrives.
    pub fn restore_discarded(&self, keys: impl Iterator<Item = QuarantineReason>) {
        let mut inner = self.inner.lock();
        keys.for_each(|key| inner.lanes.restore_discarded(key));
    }

    /// The discarded keys; `None` if there are exactly `known` of them, as the caller knows already.
    #[must_use]
    pub fn discarded(&self, known: usize) -> Option<Vec<QuarantineReason>> {
        let inner = self.inner.lock();
        (inner.lanes.discarded_count() != known).then(|| inner.lanes.discarded())
    }

    /// Takes the records of discarded keys that are to be sent to the dead letters.
    #[must_use]
    pub fn take_discarded(&self) -> Vec<(LaneRun, QuarantineReason)> {
        self.inner.lock().lanes.take_discarded()
    }

    /// Waits until no record of these partitions is in flight; `false` on timeout.
    pub fn wait_drained(&self, partitions: &[u32], timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut inner = self.inner.lock();
        while partitions.iter().any(|partition| inner.lanes.in_flight_of(*partition) > 0) {
            if self.drained.wait_until(&mut inner, deadline).timed_out() {
                return partitions.iter().all(|partition| inner.lanes.in_flight_of(*partition) == 0);
            }
        }
        true
    }

    /// Marks lanes as used: they held records before the run was resumed.
    pub fn mark_lanes_used(&self, lanes: impl Iterator<Item = u32>) {
        let mut inner = self.inner.lock();
        lanes.for_each(|lane| inner.lanes.mark_used(lane));
    }
}

impl Inner {
    /// Takes records for a worker. If there are none, returns how long the worker can sleep.
    fn take(&mut self, worker: u32, queue_per_worker: bool, out: &mut Vec<LaneRun>) -> Result<(), Duration> {
        if self.pause.is_some() {
            return Err(MAX_IDLE_WAIT);
        }
        if self.lanes.next_backoff_end().is_some() && self.lanes.end_backoffs(Instant::now()) > 0 && queue_per_worker {
            self.notify_all();
        }
        let (queue, workers) = if queue_per_worker { (worker, 1) } else { (0, self.workers) };
        let mut max = self.size.take(self.lanes.waiting(), workers);
        let taken = if self.limiter.is_off() {
            self.lanes.take(queue, max, out)
        } else {
            let bytes;
            (max, bytes) = self.wait_for_limiter(worker, queue, max)?;
            let (taken, size) = self.lanes.take_within(queue, max, bytes, out);
            self.limiter.charge(taken, size);
            self.leave_limiter_queue(worker);
            taken
        };
        if taken == 0 {
            return Err(self.backoff_wait());
        }
        self.first_taken.get_or_insert_with(Instant::now);
        if !queue_per_worker {
            self.notify_next();
        }
        Ok(())
    }

    /// The number of records and bytes that a worker may take. If the limit allows none, the worker joins the limiter
    /// queue.
    fn wait_for_limiter(&mut self, worker: u32, queue: u32, max: usize) -> Result<(usize, u64), Duration> {
        if self.lanes.ready(queue) == 0 {
            self.leave_limiter_queue(worker);
            return Err(self.backoff_wait());
        }
        let is_first = self.limiter_queue.front().is_none_or(|first| *first == worker);
        let wait = if is_first {
            match self.limiter.check(max, Instant::now()) {
                Allowance::Take { records, bytes } => return Ok((records, bytes)),
                Allowance::Wait(wait) => wait,
                Allowance::Closed => MAX_IDLE_WAIT,
            }
        } else {
            MAX_IDLE_WAIT
        };
        if !self.limiter_queue.contains(&worker) {
            self.limiter_queue.push_back(worker);
            self.note_limited();
        }
        Err(wait.min(self.backoff_wait()))
    }

    /// Removes a worker from the limiter queue. The first one in the queue waits for the time to pass.
    fn leave_limiter_queue(&mut self, worker: u32) {
        let Some(place) = self.limiter_queue.iter().position(|waiting| *waiting == worker) else { return };
        self.limiter_queue.remove(place);
        match self.limiter_queue.front() {
            Some(&first) if place == 0 => self.notify(first),
            _ => self.note_limited(),
        }
    }

    fn note_limited(&mut self) {
        match (self.limiter_queue.is_empty(), self.limited.0) {
            (true, Some(since)) => self.limited = (None, self.limited.1 + since.elapsed()),
            (false, None) => self.limited.0 = Some(Instant::now()),
            _ => {}
        }
    }

    /// Moves records that no barrier holds back any more into their lanes.
    fn advance(&mut self, queue_per_worker: bool) {
        let mut notified = None;
        for moved in 0.. {
            let Self { barrier, lanes, .. } = self;
            // Records in the lanes will be returned, which moves the remaining ones. Quarantined records may never be.
            if moved >= MAX_MOVED_RECORDS && lanes.have_work() {
                break;
            }
            let Some((lane, record)) = barrier.next(lanes.are_settled(), |record| lanes.is_stale(record)) else {
                break;
            };
            if lanes.push(lane, record) && queue_per_worker && notified != Some(lane) {
                notified = Some(lane);
                self.notify(self.lanes.queue_of(lane));
            }
        }
    }

    /// How long until the next backoff ends.
    fn backoff_wait(&self) -> Duration {
        self.lanes.next_backoff_end().map_or(MAX_IDLE_WAIT, |at| at.saturating_duration_since(Instant::now()))
    }
}
