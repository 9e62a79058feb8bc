//! The bound on records in memory, and when readers wait for it.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use super::Engine;

/// Reading goes on when this part of the bound is free. Below it, readers would come back for every single record, and take the
/// processor from those that handle them.
const LEAST_ROOM_DIVISOR: u64 = 16;

impl Engine {
    /// Whether there is enough room for it to be worth reading.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let bound = self.settings.buffer_bytes;
        self.held.load(Relaxed) < bound - bound / LEAST_ROOM_DIVISOR
    }

    /// Waits until there is room for more records, at most for `timeout`. `false` while there is none.
    pub fn wait_for_room(&self, timeout: Duration) -> bool {
        if self.has_room() {
            return true;
        }
        self.fetch_throttled.store(true, Relaxed);
        let mut guard = self.room_lock.lock();
        self.room.wait_for(&mut guard, timeout);
        drop(guard);
        self.has_room() || self.must_read_on()
    }

    /// How many more bytes of records there is room for.
    #[must_use]
    pub fn room_bytes(&self) -> u64 {
        self.settings.buffer_bytes.saturating_sub(self.held.load(Relaxed))
    }

    /// What waits for earlier records holds memory until those are read: there is always room for them, as long as what is
    /// there to be handled does not fill the memory.
    fn must_read_on(&self) -> bool {
        self.staging.is_starved() && self.board.bytes() <= self.settings.buffer_bytes / 2
    }

    /// Notes how many partitions have something left, and how much together.
    pub fn note_unfinished(&self, partitions: usize, records: u64) {
        self.unfinished.0.store(partitions, Relaxed);
        self.unfinished.1.store(records, Relaxed);
    }

    /// How many bytes a partition with so many records left may keep waiting in memory: one half of the limit is shared
    /// evenly, the other by what is left.
    #[must_use]
    pub fn share_of(&self, left: u64) -> u64 {
        let (partitions, records) = (self.unfinished.0.load(Relaxed) as u64, self.unfinished.1.load(Relaxed));
        let half = self.settings.buffer_bytes / 2;
        let by_work = u128::from(half) * u128::from(left.min(records)) / u128::from(records.max(1));
        half / partitions.max(1) + u64::try_from(by_work).unwrap_or(half)
    }

    /// Tells the fetchers to stop.
    pub fn stop_reading(&self) {
        self.stop_reading.store(true, Relaxed);
        self.room.notify_all();
    }

    /// Whether the fetchers are to stop.
    #[must_use]
    pub fn reading_stopped(&self) -> bool {
        self.stop_reading.load(Relaxed)
    }
}
