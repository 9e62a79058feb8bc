//! How much there is: in lanes, in hand, of a partition.

use std::time::Instant;

use super::{Exclusion, LaneState, Lanes};
use crate::{domain::Record, plan::LaneBacklog};

/// So many records of a lane are looked at to say whose it is.
const EXAMPLES: usize = 32;

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

    /// What waits in each lane, without what is put aside.
    pub fn backlog(&self) -> impl Iterator<Item = LaneBacklog> + '_ {
        (0_u32..).zip(&self.all).filter_map(|(number, lane)| {
            let first = lane.records.front()?;
            let waits = matches!(lane.state, LaneState::Idle | LaneState::Busy | LaneState::Parked);
            waits.then_some(LaneBacklog {
                lane: number,
                records: lane.records.len() as u64,
                partition: first.partition,
            })
        })
    }

    /// A record that waits in a lane, where the lane is one key's: that of which most of its next records are.
    #[must_use]
    pub fn example_of(&self, lane: u32) -> Option<&Record> {
        let next: Vec<&Record> = self.all.get(lane as usize)?.records.iter().take(EXAMPLES).collect();
        let alike = |one: &&Record| next.iter().filter(|other| other.lane_hash() == one.lane_hash()).count();
        next.iter().copied().max_by_key(alike)
    }

    /// Lanes that rest after a failure and the time of the next attempt, where there are any; and whether nothing else is
    /// there for the taking, or in hand.
    #[must_use]
    pub fn resting(&self) -> Option<(u64, Instant, bool)> {
        let next = self.next_wake()?;
        Some((self.parked.len() as u64, next, self.in_hand == 0 && self.ready.total() == 0))
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
