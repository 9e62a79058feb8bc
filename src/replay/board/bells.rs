//! The bells of the workers: nobody sleeps while there is work for them, and nobody is woken without.

use super::Inner;

impl Inner {
    pub(super) fn set_alive(&mut self, worker: u32, alive: bool) {
        let worker = worker as usize;
        if self.alive.len() <= worker {
            self.alive.resize(worker + 1, false);
        }
        self.alive[worker] = alive;
    }

    pub(super) fn ring(&mut self, worker: u32) {
        if self.idle.contains(&worker)
            && let Some(bell) = self.bells.get(worker as usize)
        {
            bell.notify_one();
        }
    }

    pub(super) fn ring_any(&mut self, count: usize) {
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

    pub(super) fn ring_all(&mut self) {
        for bell in &self.bells {
            bell.notify_all();
        }
    }

    /// Wakes another worker where there is more to take, or a rest whose end somebody must look out for.
    pub(super) fn pass_on(&mut self) {
        if self.lanes.ready(0) > 0 || self.lanes.next_wake().is_some() {
            self.ring_any(1);
        }
    }

    /// How many workers there is work for in the queue that all share.
    pub(super) fn wanted(&self) -> usize {
        self.lanes.ready(0).min(self.size.batches(self.lanes.waiting(), self.workers))
    }
}
