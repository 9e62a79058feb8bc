//! Back-pressure: the limit on record memory, and when readers wait for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

/// Reading resumes once this fraction of the memory limit is free. With less, readers would return for every single
/// record, and take processor time from the workers.
const MIN_FREE_DIVISOR: u64 = 16;
/// The reorder buffer may use this fraction of the record memory: a quarter.
const REORDER_DIVISOR: u64 = 4;

/// The memory of the records that were read and are not settled.
pub struct RecordMemory {
    /// The limit, in bytes.
    limit: u64,
    /// Memory in use, in bytes.
    pub held: Arc<AtomicU64>,
    /// Whether reading has ever waited for free memory.
    was_full: AtomicBool,
    /// Number of partitions with records left, and the total number of records left, as of the last snapshot.
    unfinished: (AtomicUsize, AtomicU64),
    freed: Condvar,
    lock: Mutex<()>,
}

impl RecordMemory {
    /// Free memory with this limit, in bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            held: Arc::default(),
            was_full: AtomicBool::new(false),
            unfinished: (AtomicUsize::new(0), AtomicU64::new(0)),
            freed: Condvar::new(),
            lock: Mutex::new(()),
        }
    }

    /// Memory in use, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// Free memory, in bytes.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.limit.saturating_sub(self.held_bytes())
    }

    /// Whether more than half of the memory is in use.
    #[must_use]
    pub fn is_half_full(&self) -> bool {
        self.held_bytes() > self.limit / 2
    }

    /// Whether enough memory is free for reading to be worthwhile.
    #[must_use]
    pub fn has_capacity(&self) -> bool {
        self.held_bytes() < self.limit - self.limit / MIN_FREE_DIVISOR
    }

    /// Waits, up to `timeout`, until memory is free for more records. `false` if it is not.
    pub(super) fn wait_for_capacity(&self, timeout: Duration) -> bool {
        if self.has_capacity() {
            return true;
        }
        self.was_full.store(true, Relaxed);
        let mut guard = self.lock.lock();
        self.freed.wait_for(&mut guard, timeout);
        drop(guard);
        self.has_capacity()
    }

    /// Whether reading has ever waited for free memory.
    #[must_use]
    pub fn was_full(&self) -> bool {
        self.was_full.load(Relaxed)
    }

    /// Notes that records were settled, and wakes the readers if they can go on.
    pub(super) fn note_settled(&self) {
        if self.has_capacity() {
            self.wake_readers();
        }
    }

    /// Wakes the readers, whether memory is free or not.
    pub(super) fn wake_readers(&self) {
        self.freed.notify_all();
    }

    /// Sets the number of partitions with records left, and the total number of records left.
    pub fn note_unfinished(&self, partitions: usize, records: u64) {
        self.unfinished.0.store(partitions, Relaxed);
        self.unfinished.1.store(records, Relaxed);
    }

    /// The memory, in bytes, that a partition with this number of records left may use. Half of the limit is shared
    /// equally, the other half in proportion to the records left.
    #[must_use]
    pub fn share_of(&self, left: u64) -> u64 {
        let (partitions, records) = (self.unfinished.0.load(Relaxed) as u64, self.unfinished.1.load(Relaxed));
        let half = self.limit / 2;
        let by_work = u128::from(half) * u128::from(left.min(records)) / u128::from(records.max(1));
        half / partitions.max(1) + u64::try_from(by_work).unwrap_or(half)
    }

    /// The memory, in bytes, that one partition may use in the reorder buffer.
    #[must_use]
    pub fn reorder_share(&self) -> u64 {
        self.limit / REORDER_DIVISOR / (self.unfinished.0.load(Relaxed) as u64).max(1)
    }

    /// Whether waiting records leave half of the memory free.
    pub(super) fn fit_into_half(&self, waiting_bytes: u64) -> bool {
        waiting_bytes <= self.limit / 2
    }
}
