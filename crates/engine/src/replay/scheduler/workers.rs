//! Workers and limits: how many workers there are, their partitions, and rate limits.

use std::{sync::Arc, time::Instant};

use kreplay_model::domain::RateLimit;
use parking_lot::Condvar;

use super::Scheduler;
use crate::replay::limits::limiter::{Limiter, Throttle};

impl Scheduler {
    /// Changes the number of workers. Workers with higher numbers exit after their batch. Returns the workers that need
    /// a thread.
    #[must_use]
    pub fn set_workers(&self, workers: u32) -> Vec<u32> {
        let mut inner = self.inner.lock();
        inner.workers = workers;
        let missing: Vec<u32> =
            (0..workers).filter(|worker| !inner.alive.get(*worker as usize).copied().unwrap_or(false)).collect();
        for &worker in &missing {
            inner.set_alive(worker, true);
        }
        while inner.wakeups.len() < workers as usize {
            inner.wakeups.push(Arc::new(Condvar::new()));
        }
        inner.lanes.reserve_queues(if self.queue_per_worker { workers as usize } else { 1 });
        inner.notify_all();
        missing
    }

    /// Notes that a worker has no thread, because it could not be started.
    pub fn forget_worker(&self, worker: u32) {
        self.inner.lock().set_alive(worker, false);
    }

    /// Stops handing out records, for good.
    pub fn stop(&self) {
        let mut inner = self.inner.lock();
        inner.stopped = true;
        inner.notify_all();
    }

    /// Assigns partitions to workers: `(partition, worker)`.
    pub fn assign(&self, owners: impl Iterator<Item = (u32, u32)>) {
        let mut inner = self.inner.lock();
        for (partition, worker) in owners {
            inner.lanes.reserve_queues(worker as usize + 1);
            let lane = inner.lanes.own_lane(partition);
            inner.lanes.assign(lane, worker);
        }
        inner.notify_all();
    }

    /// Sets or removes the rate limit.
    pub fn set_rate(&self, rate: Option<RateLimit>) {
        self.change_limit(|limiter| limiter.set_rate(rate, Instant::now()));
    }

    /// Sets what the lag guard allows.
    pub fn set_throttle(&self, throttle: Throttle) {
        self.change_limit(|limiter| limiter.set_guard(throttle, Instant::now()));
    }

    fn change_limit(&self, change: impl FnOnce(&mut Limiter)) {
        let mut inner = self.inner.lock();
        change(&mut inner.limiter);
        inner.limiter_queue.clear();
        inner.note_limited();
        inner.notify_all();
    }
}
