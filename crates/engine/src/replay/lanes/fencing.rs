//! Fencing: drops records of assignments that have ended.

use kreplay_model::domain::Record;

use super::{LaneState, Lanes};

impl Lanes {
    /// Accepts only records of this assignment of a partition from now on. Records of older assignments are dropped
    /// when they reach the front of their lane. Epochs only rise, so a late fence does not exclude a newer assignment.
    pub fn fence(&mut self, partition: u32, epoch: u32) {
        let load = &mut self.partitions[partition as usize];
        if epoch > load.epoch {
            self.stale += load.waiting - load.stale;
            load.stale = load.waiting;
            load.epoch = epoch;
        }
    }

    /// Drops the stale records of a lane at once, for lanes that workers may not reach for a long time.
    pub fn drop_stale(&mut self, lane: u32) {
        let mut records = std::mem::take(&mut self.all[lane as usize].records);
        let first_is_stale = records.front().is_some_and(|record| self.is_stale(record));
        let is_withheld = self.is_withheld(lane);
        records.retain(|record| {
            let stale = self.is_stale(record);
            if stale && is_withheld {
                self.quarantined_keys.remove(record);
            } else if stale {
                self.uncount_waiting(record);
            }
            !stale
        });
        let entry = &mut self.all[lane as usize];
        entry.records = records;
        if first_is_stale && entry.state != LaneState::Busy {
            // In a busy lane the count belongs to the record in flight.
            entry.failures = 0;
        }
        self.refresh(lane);
    }

    /// Whether a record's partition has been fenced since the record was read.
    pub fn is_stale(&self, record: &Record) -> bool {
        self.partitions[record.partition as usize].epoch != record.epoch
    }
}
