//! Back-pressure: the limit on record memory, and when readers wait for it.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use super::Engine;

/// Reading resumes once this fraction of the memory limit is free. With less, readers would return for every single
/// record, and take processor time from the workers.
const MIN_FREE_DIVISOR: u64 = 16;

impl Engine {
    /// Whether enough memory is free for reading to be worthwhile.
    #[must_use]
    pub fn has_capacity(&self) -> bool {
        let bound = self.settings.buffer_bytes;
        self.held.load(Relaxed) < bound - bound / MIN_FREE_DIVISOR
    }

    /// Waits, up to `timeout`, until memory is free for more records. `false` if it is not.
    pub fn wait_for_capacity(&self, timeout: Duration) -> bool {
        if self.has_capacity() {
            return true;
        }
        self.fetch_throttled.store(true, Relaxed);
        let mut guard = self.capacity_lock.lock();
        self.capacity_freed.wait_for(&mut guard, timeout);
        drop(guard);
        self.has_capacity() || self.must_keep_reading()
    }

    /// Free record memory, in bytes.
    #[must_use]
    pub fn free_buffer_bytes(&self) -> u64 {
        self.settings.buffer_bytes.saturating_sub(self.held.load(Relaxed))
    }

    /// Whether reading must continue although the memory is full. Records in the reorder buffer occupy memory until
    /// earlier ones are read, so reading continues as long as the records ready to be handled do not fill the memory.
    fn must_keep_reading(&self) -> bool {
        self.reorder_buffer.is_starved() && self.scheduler.bytes() <= self.settings.buffer_bytes / 2
    }

    /// Sets the number of partitions with records left, and the total number of records left.
    pub fn note_unfinished(&self, partitions: usize, records: u64) {
        self.unfinished.0.store(partitions, Relaxed);
        self.unfinished.1.store(records, Relaxed);
    }

    /// The record memory, in bytes, that a partition with this number of records left may use. Half of the limit is
    /// shared equally, the other half in proportion to the records left.
    #[must_use]
    pub fn buffer_share_of(&self, left: u64) -> u64 {
        let (partitions, records) = (self.unfinished.0.load(Relaxed) as u64, self.unfinished.1.load(Relaxed));
        let half = self.settings.buffer_bytes / 2;
        let by_work = u128::from(half) * u128::from(left.min(records)) / u128::from(records.max(1));
        half / partitions.max(1) + u64::try_from(by_work).unwrap_or(half)
    }

    /// Tells the fetchers to stop.
    pub fn stop_reading(&self) {
        self.stop_reading.store(true, Relaxed);
        self.capacity_freed.notify_all();
    }

    /// Whether the fetchers must stop.
    #[must_use]
    pub fn reading_stopped(&self) -> bool {
        self.stop_reading.load(Relaxed)
    }
}
