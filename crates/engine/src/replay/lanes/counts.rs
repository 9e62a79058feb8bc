//! Counts of records: waiting, in flight, per partition.

use std::{cmp::Reverse, time::Instant};

use kreplay_model::domain::Record;

use super::{Exclusion, LaneState, Lanes};
use crate::plan::LaneBacklog;

/// Number of a lane's next records that are examined to find its most frequent key.
const SAMPLED_RECORDS: usize = 32;
/// Number of backoffs that are examined to find out what an idle worker waits for.
const MAX_COUNTED_BACKOFFS: usize = 256;

impl Lanes {
    /// Number of ready lanes in a ready queue.
    #[must_use]
    pub fn ready(&self, queue: u32) -> usize {
        self.ready.len(queue)
    }

    /// Number of records waiting in lanes.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Number of records in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Number of a partition's records in flight.
    #[must_use]
    pub fn in_flight_of(&self, partition: u32) -> u64 {
        self.partitions[partition as usize].in_flight
    }

    /// The waiting records of a partition: their number, and their memory in bytes.
    #[must_use]
    pub fn waiting_of(&self, partition: u32) -> (u64, u64) {
        let load = self.partitions[partition as usize];
        (load.waiting, load.waiting_bytes)
    }

    /// The memory used by all waiting records, in bytes.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.partitions.iter().map(|load| load.waiting_bytes).sum()
    }

    /// Whether all records are settled: none is in flight, in quarantine, or waiting. Fenced records do not count.
    #[must_use]
    pub fn are_settled(&self) -> bool {
        !self.have_work() && self.quarantined_keys.is_empty()
    }

    /// Whether any record is in flight, or waits outside quarantine.
    #[must_use]
    pub fn have_work(&self) -> bool {
        self.waiting > self.stale || self.in_flight > 0
    }

    /// How many workers could have records in flight at the same time: the number of lanes that are busy or ready. For
    /// shared lanes, the number of records.
    #[must_use]
    pub fn usable_workers(&self) -> u64 {
        match self.exclusion {
            Exclusion::Exclusive => self.busy + self.ready.total() as u64,
            Exclusion::Shared => self.waiting + self.in_flight,
        }
    }

    /// Whether records wait in lanes that workers hold. Meaningful while no lane is ready.
    #[must_use]
    pub fn has_records_in_busy_lanes(&self) -> bool {
        if self.busy == 0 || self.waiting <= self.stale {
            return false;
        }
        // Most runs have no backoffs. With many of them, it is not worth counting all of their records.
        let backing_off = self.backoffs.iter().take(MAX_COUNTED_BACKOFFS);
        let delayed: usize =
            backing_off.map(|Reverse((_, lane))| self.all.get(*lane as usize).map_or(0, |one| one.records.len())).sum();
        self.waiting - self.stale > delayed as u64
    }

    /// Whether any lane of a ready queue is backing off.
    #[must_use]
    pub fn is_backing_off(&self, queue: u32) -> bool {
        let is_in_queue = |lane: u32| self.all.get(lane as usize).is_some_and(|one| one.queue == queue);
        self.backoffs.iter().take(MAX_COUNTED_BACKOFFS).any(|Reverse((_, lane))| is_in_queue(*lane))
    }

    /// The number of waiting records of each lane, without quarantined records.
    pub fn backlog(&self) -> impl Iterator<Item = LaneBacklog> + '_ {
        (0_u32..).zip(&self.all).filter_map(|(number, lane)| {
            let first = lane.records.front()?;
            let waits = matches!(lane.state, LaneState::Idle | LaneState::Busy | LaneState::BackingOff);
            waits.then_some(LaneBacklog {
                lane: number,
                records: lane.records.len() as u64,
                partition: first.partition,
            })
        })
    }

    /// A waiting record of a lane, with the most frequent key among the lane's next records.
    #[must_use]
    pub fn example_of(&self, lane: u32) -> Option<&Record> {
        let next: Vec<&Record> = self.all.get(lane as usize)?.records.iter().take(SAMPLED_RECORDS).collect();
        let alike = |one: &&Record| next.iter().filter(|other| other.lane_hash() == one.lane_hash()).count();
        next.iter().copied().max_by_key(alike)
    }

    /// The lanes that are backing off: their number and the time of the next attempt, and whether nothing else is ready
    /// or in flight. `None` if no lane is backing off.
    #[must_use]
    pub fn backing_off(&self) -> Option<(u64, Instant, bool)> {
        let next = self.next_backoff_end()?;
        Some((self.backoffs.len() as u64, next, self.in_flight == 0 && self.ready.total() == 0))
    }

    /// Number of lanes that have ever held a record.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Marks a lane as used: it held records before the run was resumed.
    pub fn mark_used(&mut self, lane: u32) {
        if let Some(lane) = self.all.get_mut(lane as usize)
            && !std::mem::replace(&mut lane.used, true)
        {
            self.used += 1;
        }
    }

    /// Counts a record that arrives in a lane. Quarantined records do not wait for a worker.
    pub(super) fn count_arrived(&mut self, lane: u32, record: &Record) {
        if self.is_withheld(lane) { self.quarantined_keys.add(record) } else { self.count_waiting(record) }
    }

    pub(super) fn uncount_waiting(&mut self, record: &Record) {
        let stale = u64::from(self.is_stale(record));
        let load = &mut self.partitions[record.partition as usize];
        load.stale -= stale;
        self.stale -= stale;
        load.waiting -= 1;
        load.waiting_bytes -= record.footprint();
        self.waiting -= 1;
    }

    pub(super) fn count_waiting(&mut self, record: &Record) {
        let stale = u64::from(self.is_stale(record));
        let load = &mut self.partitions[record.partition as usize];
        load.stale += stale;
        self.stale += stale;
        load.waiting += 1;
        load.waiting_bytes += record.footprint();
        self.waiting += 1;
    }
}
