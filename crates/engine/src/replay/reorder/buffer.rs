//! The reorder buffer, between reading and the lanes: holds records back until earlier records have been read.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use kreplay_model::domain::Record;
use parking_lot::{Mutex, MutexGuard};

use super::{
    new_partitions::{EndOffsetsRequest, NewPartitionBuffer},
    time_order::TimeOrder,
};

/// In time order, how long a followed partition that has caught up with its log holds back the other partitions.
/// Records written at about the same time arrive within this time.
const CAUGHT_UP_GRACE: Duration = Duration::from_millis(500);

/// Holds records back until earlier ones have been read: for time order, and for partitions added during the run.
#[derive(Debug)]
pub struct ReorderBuffer {
    state: Mutex<ReorderState>,
    /// Whether records can be held back at all. Most runs never take the lock.
    is_on: AtomicBool,
}

/// The two reasons to hold records back. A run in time order needs no separate handling of new partitions.
#[derive(Debug)]
pub struct ReorderState {
    time_order: Option<TimeOrder>,
    new_partitions: NewPartitionBuffer,
}

impl ReorderBuffer {
    /// A buffer for a run over this number of partitions.
    #[must_use]
    pub fn new(time_order: bool, partitions: usize) -> Self {
        let is_on = AtomicBool::new(time_order);
        let time_order = time_order.then(|| TimeOrder::new(partitions, CAUGHT_UP_GRACE));
        Self { state: Mutex::new(ReorderState { time_order, new_partitions: NewPartitionBuffer::default() }), is_on }
    }

    /// The locked state; `None` where records bypass the buffer.
    pub fn lock(&self) -> Option<MutexGuard<'_, ReorderState>> {
        self.is_on.load(Relaxed).then(|| self.state.lock())
    }

    /// Whether records pass through the buffer.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Adds a partition to a topic that is already being read: see [`NewPartitionBuffer::join`].
    pub fn join(&self, partition: u32, older: impl IntoIterator<Item = (u32, Option<i64>)>) {
        let mut state = self.state.lock();
        if let Some(time_order) = &mut state.time_order {
            time_order.grow(partition as usize + 1);
        } else {
            state.new_partitions.join(partition, older, Instant::now());
            self.is_on.store(true, Relaxed);
        }
    }

    /// The memory used here by the records of each of these partitions, in bytes.
    #[must_use]
    pub fn bytes_of(&self, partitions: &[u32]) -> Option<Vec<u64>> {
        let state = self.lock()?;
        Some(partitions.iter().map(|partition| state.bytes_of(*partition)).collect())
    }

    /// Whether buffered records can only be released after more records are read.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        self.lock().is_some_and(|state| {
            state.time_order.as_ref().is_some_and(TimeOrder::is_starved) || state.new_partitions.is_starved()
        })
    }

    /// Whether records of new partitions wait for this older one.
    #[must_use]
    pub fn is_awaited(&self, partition: u32) -> bool {
        self.lock().is_some_and(|state| state.new_partitions.is_awaited(partition, Instant::now()))
    }

    /// The new partitions that need the current end offsets of the older partitions.
    #[must_use]
    pub fn end_offsets_requests(&self) -> Vec<EndOffsetsRequest> {
        self.lock().map(|state| state.new_partitions.end_offsets_requests(Instant::now())).unwrap_or_default()
    }
}

impl ReorderState {
    /// Takes in a record that was read. A record that need not wait is added to `released`.
    pub fn put(&mut self, record: Record, released: &mut Vec<Record>) {
        match &mut self.time_order {
            Some(time_order) => time_order.put(record),
            None => released.extend(self.new_partitions.put(record)),
        }
    }

    /// Notes a record that was read but is not handled: it still advances the time of its partition.
    pub fn note_excluded(&mut self, record: &Record) {
        if let Some(time_order) = &mut self.time_order {
            time_order.advance(record.partition, record.timestamp_ms);
        }
    }

    /// Whether records of new partitions are held back.
    #[must_use]
    pub fn has_new_partitions(&self) -> bool {
        !self.new_partitions.is_empty()
    }

    /// Notes that no record of an older partition below this offset can still enter a lane.
    pub fn note_read_to(&mut self, partition: u32, offset: i64) {
        self.new_partitions.note_read_to(partition, offset);
    }

    /// Notes that the reader has reached the end of a partition.
    pub fn note_end(&mut self, partition: u32, end: PartitionEnd) {
        if let Some(time_order) = &mut self.time_order {
            match end {
                PartitionEnd::Finished => time_order.finish(partition),
                PartitionEnd::CaughtUp => time_order.caught_up(partition, Instant::now()),
            }
        }
    }

    /// The older partitions that new ones wait for.
    #[must_use]
    pub fn awaited_partitions(&self) -> Vec<u32> {
        self.new_partitions.awaited_partitions()
    }

    /// Starts a partition again under a new assignment, at offset `start`.
    pub fn begin(&mut self, partition: u32, epoch: u32, start: i64) {
        if !self.new_partitions.is_empty() {
            self.new_partitions.drop_below(partition, epoch);
            self.new_partitions.begin(partition, start);
        }
    }

    /// A partition was revoked, and may be assigned to this process again.
    pub fn away(&mut self, partition: u32) {
        // Groups do not read in time order.
        if !self.new_partitions.is_empty() {
            // Its buffered records belong to the assignment that has ended.
            self.new_partitions.drop_below(partition, u32::MAX);
            self.new_partitions.away(partition, Instant::now());
        }
    }

    /// The group is assigning partitions: those that are away may return in this round.
    pub fn extend_absences(&mut self) {
        self.new_partitions.extend_absences(Instant::now());
    }

    /// Stops waiting for a partition: this process reads no more of it.
    pub fn gone(&mut self, partition: u32) {
        if let Some(time_order) = &mut self.time_order {
            time_order.finish(partition);
        }
        if !self.new_partitions.is_empty() {
            self.new_partitions.finish(partition);
        }
    }

    /// Takes in the end offsets for a request.
    pub fn answer(&mut self, request: &EndOffsetsRequest, ends: &Arc<BTreeMap<u32, i64>>) {
        self.new_partitions.answer(request, ends);
    }

    /// Moves the records that need not wait any longer into `released`.
    pub fn release(&mut self, released: &mut Vec<Record>) {
        let now = Instant::now();
        if let Some(time_order) = &mut self.time_order {
            time_order.release(now, |record| released.push(record));
        }
        self.new_partitions.release(now, |record| released.push(record));
    }

    fn bytes_of(&self, partition: u32) -> u64 {
        self.time_order.as_ref().map_or(0, |time_order| time_order.bytes_of(partition))
            + self.new_partitions.bytes_of(partition)
    }
}

/// What it means that the reader has reached the end of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionEnd {
    /// No more records are read from it.
    Finished,
    /// More records may be written to it.
    CaughtUp,
}
