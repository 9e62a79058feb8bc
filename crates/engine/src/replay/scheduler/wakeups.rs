//! Wakes workers: none sleeps while there are records for it, and none is woken without need.

use super::Inner;

impl Inner {
    pub(super) fn set_alive(&mut self, worker: u32, alive: bool) {
        let worker = worker as usize;
        if self.alive.len() <= worker {
            self.alive.resize(worker + 1, false);
        }
        self.alive[worker] = alive;
    }

    pub(super) fn notify(&mut self, worker: u32) {
        if self.idle.contains(&worker)
            && let Some(wakeup) = self.wakeups.get(worker as usize)
        {
            wakeup.notify_one();
        }
    }

    pub(super) fn notify_any(&mut self, count: usize) {
        // The worker that went idle last has the warmest cache. It removes itself from the list when it wakes; it is
        // also removed here so that it is not notified twice.
        for _ in 0..count {
            let stays = |worker: &u32| *worker < self.workers;
            let Some(index) = self.idle.iter().rposition(stays) else { return };
            let worker = self.idle.remove(index);
            if let Some(wakeup) = self.wakeups.get(worker as usize) {
                wakeup.notify_one();
            }
        }
    }

    pub(super) fn notify_all(&mut self) {
        for wakeup in &self.wakeups {
            wakeup.notify_all();
        }
    }

    /// Wakes another worker if more records are ready, or if the end of a backoff must be watched.
    pub(super) fn notify_next(&mut self) {
        if self.lanes.ready(0) > 0 || self.lanes.next_backoff_end().is_some() {
            self.notify_any(1);
        }
    }

    /// The number of workers that would find records in the shared ready queue.
    pub(super) fn useful_workers(&self) -> usize {
        self.lanes.ready(0).min(self.size.batches(self.lanes.waiting(), self.workers))
    }
}
