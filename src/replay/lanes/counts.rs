//! How much there is: in lanes, in hand, of a partition.

use super::{Exclusion, Lanes};
use crate::domain::Record;

impl Lanes {
    /// How many lanes of a ready queue are there for the taking.
    #[must_use]
    pub fn ready(&self, queue: u32) -> usize {
        self.ready.len(queue)
    }

    /// Records that wait in lanes.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Records in workers' hands.
    #[must_use]
    pub fn in_hand(&self) -> u64 {
        self.in_hand
    }

    /// Records of a partition in workers' hands.
    #[must_use]
    pub fn in_hand_of(&self, partition: u32) -> u64 {
        self.partitions[partition as usize].in_hand
    }

    /// Records of a partition that wait in lanes, and the memory they take.
    #[must_use]
    pub fn waiting_of(&self, partition: u32) -> (u64, u64) {
        let load = self.partitions[partition as usize];
        (load.waiting, load.waiting_bytes)
    }

    /// The memory that all records in lanes take.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.partitions.iter().map(|load| load.waiting_bytes).sum()
    }

    /// Whether everything that was put in is settled: nothing waits or is put aside, but what was fenced
    /// off, and nothing is in hand.
    #[must_use]
    pub fn are_settled(&self) -> bool {
        !self.have_work() && self.aside.is_empty()
    }

    /// Whether anything is in hand, or waits that is not put aside.
    #[must_use]
    pub fn have_work(&self) -> bool {
        self.waiting > self.stale || self.in_hand > 0
    }

    /// How many workers could have something in hand at the same time: the lanes that are in hand or ready; where lanes are
    /// shared, the records.
    #[must_use]
    pub fn usable(&self) -> u64 {
        match self.exclusion {
            Exclusion::Exclusive => self.busy + self.ready.total() as u64,
            Exclusion::Shared => self.waiting + self.in_hand,
        }
    }

    /// How many lanes have ever held a record.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// A lane has had records before this board was there.
    pub fn note_used(&mut self, lane: u32) {
        if let Some(lane) = self.all.get_mut(lane as usize)
            && !std::mem::replace(&mut lane.used, true)
        {
            self.used += 1;
        }
    }

    /// Counts a record that comes into a lane: what is put aside does not wait for a worker.
    pub(super) fn note_arrived(&mut self, lane: u32, record: &Record) {
        if self.rests_aside(lane) { self.aside.note(record) } else { self.note_waiting(record) }
    }

    pub(super) fn note_gone(&mut self, record: &Record) {
        let stale = u64::from(self.is_stale(record));
        let load = &mut self.partitions[record.partition as usize];
        load.stale -= stale;
        self.stale -= stale;
        load.waiting -= 1;
        load.waiting_bytes -= record.footprint();
        self.waiting -= 1;
    }

    pub(super) fn note_waiting(&mut self, record: &Record) {
        let stale = u64::from(self.is_stale(record));
        let load = &mut self.partitions[record.partition as usize];
        load.stale += stale;
        self.stale += stale;
        load.waiting += 1;
        load.waiting_bytes += record.footprint();
        self.waiting += 1;
    }
}
