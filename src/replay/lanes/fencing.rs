//! Records of assignments that are over: dropped when they are met.

use super::{LaneState, Lanes};
use crate::domain::Record;

impl Lanes {
    /// From now on only records of this assignment of a partition are taken; those of older ones are dropped when they come
    /// to the front of their lane. Epochs only rise: a fence that comes late does not shut out a newer assignment.
    pub fn fence(&mut self, partition: u32, epoch: u32) {
        let load = &mut self.partitions[partition as usize];
        if epoch > load.epoch {
            self.stale += load.waiting - load.stale;
            load.stale = load.waiting;
            load.epoch = epoch;
        }
    }

    /// Drops the stale records of a lane at once, where it may be long before a worker comes to them.
    pub fn drop_stale(&mut self, lane: u32) {
        let mut records = std::mem::take(&mut self.all[lane as usize].records);
        let first_is_stale = records.front().is_some_and(|record| self.is_stale(record));
        let rests_aside = self.rests_aside(lane);
        records.retain(|record| {
            let stale = self.is_stale(record);
            if stale && rests_aside {
                self.aside.note_gone(record);
            } else if stale {
                self.note_gone(record);
            }
            !stale
        });
        let entry = &mut self.all[lane as usize];
        entry.records = records;
        if first_is_stale && entry.state != LaneState::Busy {
            // In a worker's hand they are those of the record there.
            entry.failures = 0;
        }
        self.refresh(lane);
    }

    /// Whether a record's partition has been fenced off since it was read.
    pub fn is_stale(&self, record: &Record) -> bool {
        self.partitions[record.partition as usize].epoch != record.epoch
    }
}
