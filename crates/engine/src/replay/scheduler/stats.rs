//! Statistics of the scheduler.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::Scheduler;
use crate::{
    plan::LaneBacklog,
    replay::{
        lanes::quarantine::{QuarantineEntry, QuarantineLoad},
        shown_key::shown_key,
    },
};

impl Scheduler {
    /// Number of idle workers.
    #[cfg(test)]
    pub fn idle(&self) -> usize {
        self.inner.lock().idle.len()
    }

    /// Number of failed attempts of a lane's first record.
    #[must_use]
    pub fn failures(&self, lane: u32) -> u32 {
        self.inner.lock().lanes.failures(lane)
    }

    /// Totals of the quarantine.
    #[must_use]
    pub fn quarantine_load(&self) -> QuarantineLoad {
        self.inner.lock().lanes.quarantine_load()
    }

    /// The keys in quarantine, the oldest first.
    #[must_use]
    pub fn quarantined(&self) -> Vec<QuarantineEntry> {
        self.inner.lock().lanes.quarantined()
    }

    /// The partitions with records of keys in quarantine.
    #[must_use]
    pub fn quarantined_partitions(&self) -> BTreeSet<u32> {
        self.inner.lock().lanes.quarantined_partitions()
    }

    /// The keys in quarantine with records of a partition, and the number of these records.
    #[must_use]
    pub fn quarantined_of(&self, partition: u32) -> (Vec<u64>, u64) {
        self.inner.lock().lanes.quarantined_of(partition)
    }

    /// How long workers have waited for a limit although records were ready.
    #[must_use]
    pub fn limited(&self) -> Duration {
        let (since, before) = self.inner.lock().limited;
        before + since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// How many workers could have records in flight at the same time.
    #[must_use]
    pub fn usable_workers(&self) -> u64 {
        self.inner.lock().lanes.usable_workers()
    }

    /// Whether a barrier waits only for records in quarantine.
    #[must_use]
    pub fn waits_for_quarantine(&self) -> bool {
        let inner = self.inner.lock();
        !inner.barrier.is_open() && !inner.lanes.have_work() && !inner.lanes.are_settled()
    }

    /// The number of records waiting in lanes, and the number in flight. Records behind a barrier are not in a lane
    /// yet.
    #[must_use]
    pub fn load(&self) -> (u64, u64) {
        let inner = self.inner.lock();
        (inner.lanes.waiting(), inner.lanes.in_flight())
    }

    /// The memory used by each partition's waiting records, in bytes.
    #[must_use]
    pub fn waiting_bytes(&self, partitions: &[u32]) -> Vec<u64> {
        let inner = self.inner.lock();
        let bytes = |partition| inner.lanes.waiting_of(partition).1 + inner.barrier.bytes_of(partition);
        partitions.iter().map(|partition| bytes(*partition)).collect()
    }

    /// The memory used by all records that wait in lanes or behind a barrier, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let inner = self.inner.lock();
        inner.lanes.waiting_bytes() + inner.barrier.total_bytes()
    }

    /// The number of waiting records of each lane, without quarantined records.
    #[must_use]
    pub fn backlog(&self) -> Vec<LaneBacklog> {
        self.inner.lock().lanes.backlog().collect()
    }

    /// The partition and the most frequent key of a lane's waiting records. `None` if the lane is empty.
    #[must_use]
    pub fn describe_lane(&self, lane: u32) -> Option<(u32, Option<String>)> {
        let inner = self.inner.lock();
        let record = inner.lanes.example_of(lane)?;
        Some((record.partition, record.lane_hash().is_some().then(|| shown_key(record))))
    }

    /// The lanes that are backing off: their number and the time of the next attempt, and whether no other record can
    /// be handled in the meantime. `None` if no lane is backing off.
    #[must_use]
    pub fn backing_off(&self) -> Option<(u64, Instant, bool)> {
        self.inner.lock().lanes.backing_off()
    }

    /// Number of lanes that have ever held a record.
    #[must_use]
    pub fn lanes_used(&self) -> u64 {
        self.inner.lock().lanes.used()
    }

    /// When the first record was taken.
    #[must_use]
    pub fn first_taken(&self) -> Option<Instant> {
        self.inner.lock().first_taken
    }
}
