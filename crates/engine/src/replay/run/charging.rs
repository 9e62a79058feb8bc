//! The time of the workers, and the observation of reading that tells why idle workers wait.

use std::time::Instant;

use kreplay_model::{domain::Ordering, feed::Charges};

use super::Run;
use crate::replay::{
    charges::ReadingFacts,
    partition::{Owner, PartitionRun},
};

/// Observing takes at most 1/100 of a core: this many times its duration passes between two.
const CPU_TIME_FACTOR: u32 = 100;

/// When reading is observed next.
#[derive(Debug, Default)]
pub(super) struct ReadingObserver {
    next: Option<Instant>,
}

impl Run {
    /// The time of all workers by state, up to this moment.
    pub(super) fn charges(&self, now: Instant) -> Charges {
        self.workers.iter().fold(Charges::default(), |sum, slot| sum + slot.ledgers.charges_at(now))
    }

    /// Tells the scheduler what idle workers wait for, as far as reading is concerned. Called at each tick.
    pub(super) fn observe_reading(&mut self, now: Instant) {
        let is_due = self.reading_observer.next.is_none_or(|next| now >= next);
        if !is_due || !self.engine.scheduler.has_idle_workers() {
            return;
        }
        let begun = Instant::now();
        let by_worker = self.engine.settings.ordering == Ordering::Partition && !self.engine.settings.single_threaded;
        let mut has_unread = vec![false; if by_worker { self.workers.len() } else { 0 }];
        let mut any = false;
        for partition in self.engine.partitions.iter() {
            let partition = partition.lock();
            if !has_unread_records(&partition) {
                continue;
            }
            any = true;
            if !by_worker {
                break;
            }
            if let Some(worker) = partition.owner.worker()
                && let Some(has_unread) = has_unread.get_mut(worker as usize)
            {
                *has_unread = true;
            }
        }
        let reading = ReadingFacts {
            is_rebalancing: self.rebalances.lock().is_open(),
            has_unread: any,
            is_memory_full: !self.engine.memory.has_capacity(),
            is_reordering: self.engine.ingress.reorder_buffer.is_on() && self.engine.is_reordering(),
        };
        self.engine.scheduler.observe_reading(reading, has_unread);
        self.reading_observer.next = Some(now + begun.elapsed() * CPU_TIME_FACTOR);
    }
}

/// Whether this process is to read more records of a partition.
fn has_unread_records(partition: &PartitionRun) -> bool {
    partition.owner != Owner::None && !partition.has_failed() && partition.unread() > 0
}
