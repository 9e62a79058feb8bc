//! What the board tells of itself.

use std::time::{Duration, Instant};

use super::Board;
use crate::{
    plan::LaneBacklog,
    replay::{
        engine::judge::key_text,
        lanes::quarantine::{QuarantineLoad, Waiting},
    },
};

impl Board {
    /// How many workers wait at the board.
    #[cfg(test)]
    pub fn idle(&self) -> usize {
        self.inner.lock().idle.len()
    }

    /// How often the first record of a lane has failed before.
    #[must_use]
    pub fn failures(&self, lane: u32) -> u32 {
        self.inner.lock().lanes.failures(lane)
    }

    /// How much waits in quarantine.
    #[must_use]
    pub fn quarantine_load(&self) -> QuarantineLoad {
        self.inner.lock().lanes.quarantine_load()
    }

    /// The keys in quarantine, the oldest first.
    #[must_use]
    pub fn quarantined(&self) -> Vec<Waiting> {
        self.inner.lock().lanes.quarantined()
    }

    /// How long workers had something to take and a limit kept them from it.
    #[must_use]
    pub fn limited(&self) -> Duration {
        let (since, before) = self.inner.lock().limited;
        before + since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// How many workers could have something in hand at the same time.
    #[must_use]
    pub fn usable(&self) -> u64 {
        self.inner.lock().lanes.usable()
    }

    /// Whether a barrier waits for nothing but what is in quarantine.
    #[must_use]
    pub fn waits_for_quarantine(&self) -> bool {
        let inner = self.inner.lock();
        !inner.barrier.is_open() && !inner.lanes.have_work() && !inner.lanes.are_settled()
    }

    /// Records that wait in lanes, and records in hand; what waits behind a barrier is in no lane yet.
    #[must_use]
    pub fn load(&self) -> (u64, u64) {
        let inner = self.inner.lock();
        (inner.lanes.waiting(), inner.lanes.in_hand())
    }

    /// The bytes of each partition's waiting records.
    #[must_use]
    pub fn waiting_bytes(&self, partitions: &[u32]) -> Vec<u64> {
        let inner = self.inner.lock();
        let bytes = |partition| inner.lanes.waiting_of(partition).1 + inner.barrier.bytes_of(partition);
        partitions.iter().map(|partition| bytes(*partition)).collect()
    }

    /// The memory of all records that wait in lanes, or behind a barrier.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let inner = self.inner.lock();
        inner.lanes.waiting_bytes() + inner.barrier.bytes_of_all()
    }

    /// Whether nothing is handed out for the time being.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.inner.lock().paused
    }

    /// What waits in each lane, without what is put aside.
    #[must_use]
    pub fn backlog(&self) -> Vec<LaneBacklog> {
        self.inner.lock().lanes.backlog().collect()
    }

    /// Whose a lane is, where something waits in it: the partition of its records, and the key that most of them have.
    #[must_use]
    pub fn whose(&self, lane: u32) -> Option<(u32, Option<String>)> {
        let inner = self.inner.lock();
        let record = inner.lanes.example_of(lane)?;
        Some((record.partition, record.lane_hash().is_some().then(|| key_text(record))))
    }

    /// Lanes that rest after a failure and the time of the next attempt, where there are any; and whether nothing else can be
    /// handled meanwhile.
    #[must_use]
    pub fn resting(&self) -> Option<(u64, Instant, bool)> {
        self.inner.lock().lanes.resting()
    }

    /// How many lanes have had records.
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
