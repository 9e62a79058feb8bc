//! Who may take, and how fast: workers come and go, and are paused, paced and given partitions.

use std::{sync::Arc, time::Instant};

use parking_lot::Condvar;

use super::Board;
use crate::{
    domain::RateLimit,
    replay::limits::limiter::{Limiter, Throttle},
};

impl Board {
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

    /// Sets or lifts the most that is handed out in a second.
    pub fn set_rate(&self, rate: Option<RateLimit>) {
        self.change_limit(|limiter| limiter.set_rate(rate, Instant::now()));
    }

    /// Sets or lifts what a guard allows.
    pub fn set_throttle(&self, throttle: Throttle) {
        self.change_limit(|limiter| limiter.set_guard(throttle, Instant::now()));
    }

    fn change_limit(&self, change: impl FnOnce(&mut Limiter)) {
        let mut inner = self.inner.lock();
        change(&mut inner.limiter);
        inner.turns.clear();
        inner.note_limited();
        inner.ring_all();
    }
}
