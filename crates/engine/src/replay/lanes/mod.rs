//! Lanes: the queues between reading and handling.
//!
//! A lane holds records that must be handled one after another. A worker takes records from one or more idle lanes and
//! owns these lanes until it returns them, so no lane is ever owned by two workers. The fullest idle lanes are served
//! first: the list-scheduling rule "longest processing time first" (Graham 1969), applied batch by batch. It lets W
//! workers share K lanes evenly even where K is not a multiple of W. Lanes that have waited long are served in between
//! (see [`ReadyQueues`]), so that positions keep advancing.
//!
//! Pure: no clock, no lock, no thread. The caller passes the time and holds the lock.

mod backoff;
mod counts;
mod fencing;
#[cfg(test)]
mod lanes_test;
#[cfg(test)]
mod model;
pub mod quarantine;
#[cfg(test)]
mod quarantine_test;
#[cfg(test)]
mod sharing_test;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Instant,
};

use kreplay_model::domain::Record;

use self::quarantine::{QuarantineReason, QuarantinedKeys};
use crate::handler::LaneRun;
use crate::schedule::ReadyQueues;

/// The buffer of an emptied lane is reused for another lane, unless its capacity exceeds this number of records.
const MAX_REUSED_CAPACITY_RECORDS: usize = 64;
/// Maximum number of empty buffers kept for reuse. Lanes have buffers only while they hold records. A run may have
/// 65,536 lanes; if each kept a buffer, memory would grow for as long as new keys appear.
const MAX_UNUSED_QUEUES: usize = 1024;

/// Whether the records of a lane exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// One worker at a time.
    Exclusive,
    /// Any number of workers: no order is kept.
    Shared,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LaneState {
    /// Not owned by a worker.
    #[default]
    Idle,
    /// Owned by a worker.
    Busy,
    /// Its first record waits for its next attempt.
    BackingOff,
    /// Its first record has failed for good. The key waits for a decision.
    Quarantined,
    /// Its records are not handled any more: they go to the dead letters.
    Discarded,
    /// As [`LaneState::Discarded`], with records being sent to the dead letters.
    DeadLettering,
}

#[derive(Debug, Default)]
struct Lane {
    records: VecDeque<Record>,
    state: LaneState,
    queue: u32,
    /// Number of failed attempts of the first record.
    failures: u32,
    /// Whether the lane has ever held a record.
    used: bool,
    /// Made for a single record that failed in a shared lane, or for a quarantined key.
    is_extra: bool,
    /// For the lane of a quarantined key: which key, and why.
    quarantine: Option<Box<QuarantineReason>>,
}

/// Load of one partition.
#[derive(Clone, Copy, Debug, Default)]
struct PartitionLoad {
    /// The partition's own lane.
    lane: u32,
    epoch: u32,
    in_flight: u64,
    waiting: u64,
    waiting_bytes: u64,
    /// Number of waiting records that are fenced. They are dropped when they reach the front.
    stale: u64,
}

/// All lanes of a run.
#[derive(Debug)]
pub struct Lanes {
    exclusion: Exclusion,
    all: Vec<Lane>,
    ready: ReadyQueues,
    partitions: Vec<PartitionLoad>,
    backoffs: BinaryHeap<Reverse<(Instant, u32)>>,
    /// Extra lanes that are free for reuse: made for single failed records of shared lanes, and for quarantined keys.
    free_extra: Vec<u32>,
    waiting: u64,
    in_flight: u64,
    stale: u64,
    /// Lanes owned by workers.
    busy: u64,
    used: u64,
    /// Keys in quarantine.
    quarantined_keys: QuarantinedKeys,
    /// Empty buffers of lanes that hold no records.
    unused_queues: Vec<VecDeque<Record>>,
}

impl Lanes {
    /// Makes `lanes` empty lanes for the records of `partitions` partitions, all in ready queue 0 of `queues`. The last
    /// lanes are the partitions' own lanes, in their order.
    #[must_use]
    pub fn new(exclusion: Exclusion, lanes: u32, partitions: usize, queues: usize) -> Self {
        let mut all = Vec::new();
        all.resize_with(lanes as usize, Lane::default);
        let mut ready = ReadyQueues::default();
        ready.reserve(queues.max(1));
        Self {
            exclusion,
            all,
            ready,
            partitions: (0..partitions)
                .map(|partition| PartitionLoad { lane: own_lane(lanes, partitions, partition), ..Default::default() })
                .collect(),
            backoffs: BinaryHeap::new(),
            free_extra: Vec::new(),
            waiting: 0,
            in_flight: 0,
            stale: 0,
            busy: 0,
            used: 0,
            quarantined_keys: QuarantinedKeys::default(),
            unused_queues: Vec::new(),
        }
    }

    /// Adds a partition with its own lane; returns that lane.
    pub fn add_partition(&mut self) -> u32 {
        let lane = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(Lane::default());
        self.partitions.push(PartitionLoad { lane, ..PartitionLoad::default() });
        lane
    }

    /// A partition's own lane.
    #[must_use]
    pub fn own_lane(&self, partition: u32) -> u32 {
        self.partitions[partition as usize].lane
    }

    /// Appends a record to its lane, unless its partition has been fenced since the record was read.
    /// Returns whether the lane became ready.
    pub fn push(&mut self, lane: u32, record: Record) -> bool {
        if self.is_stale(&record) {
            return false;
        }
        // The lane of a quarantined key does not count as another lane.
        self.mark_used(lane);
        let (lane, record) = match self.quarantined_keys.lane_of(&record) {
            Some(lane) => (lane, record.detached()),
            None => (lane, record),
        };
        self.count_arrived(lane, &record);
        let entry = &mut self.all[lane as usize];
        let record = if entry.state == LaneState::BackingOff { record.detached() } else { record };
        if entry.records.capacity() == 0
            && let Some(queue) = self.unused_queues.pop()
        {
            entry.records = queue;
        }
        entry.records.push_back(record);
        if entry.state == LaneState::Discarded {
            self.queue_dead_letters(lane);
        }
        self.refresh(lane)
    }

    /// Takes up to `max` records from idle lanes of a ready queue, lane by lane, and returns their number. The lanes
    /// belong to the caller until [`Lanes::finish`].
    pub fn take(&mut self, queue: u32, max: usize, out: &mut Vec<LaneRun>) -> usize {
        self.take_within(queue, max, u64::MAX, out).0
    }

    /// As [`Lanes::take`], and stops once the taken records have `max_bytes` together. Returns their bytes as well.
    pub fn take_within(&mut self, queue: u32, max: usize, max_bytes: u64, out: &mut Vec<LaneRun>) -> (usize, u64) {
        let (mut taken, mut bytes) = (0, 0);
        while taken < max && bytes < max_bytes {
            let Some(lane) = self.ready.next(queue) else { break };
            let entry = &mut self.all[lane as usize];
            let mut records = Vec::with_capacity(entry.records.len().min(max - taken));
            while taken < max && bytes < max_bytes {
                let Some(record) = entry.records.pop_front() else { break };
                let load = &mut self.partitions[record.partition as usize];
                load.waiting -= 1;
                load.waiting_bytes -= record.footprint();
                self.waiting -= 1;
                if load.epoch != record.epoch {
                    // Dropped, not lost: the current owner of the partition reads it again.
                    load.stale -= 1;
                    self.stale -= 1;
                    if records.is_empty() {
                        entry.failures = 0;
                    }
                    continue;
                }
                load.in_flight += 1;
                self.in_flight += 1;
                taken += 1;
                bytes += record.size();
                records.push(record);
            }
            if records.is_empty() {
                self.release_extra(lane);
                self.refresh(lane);
                continue;
            }
            if self.exclusion == Exclusion::Exclusive || entry.is_extra {
                entry.state = LaneState::Busy;
                self.busy += 1;
            }
            self.ready.hand_out(records.len());
            // Also if the lane is ready again at once: it has had its turn.
            self.ready.remove(lane);
            self.refresh(lane);
            out.push(LaneRun { lane, records });
        }
        (taken, bytes)
    }

    /// Returns a lane after its first `done` records were settled. The others go back to the front of the lane. With
    /// `until`, the first of them has failed, and the lane backs off until that time.
    pub fn finish(&mut self, mut run: LaneRun, done: usize, until: Option<Instant>) {
        self.finish_in_place(&mut run, done, until);
    }

    /// As [`Lanes::finish`]. The settled records stay in `run`, so that the caller can free their memory without the
    /// lock.
    pub fn finish_in_place(&mut self, run: &mut LaneRun, done: usize, until: Option<Instant>) {
        for record in &run.records {
            self.partitions[record.partition as usize].in_flight -= 1;
        }
        self.in_flight -= run.records.len() as u64;
        let shared = self.exclusion == Exclusion::Shared && !self.all[run.lane as usize].is_extra;
        // If the failed record has been fenced, there is nothing to wait for.
        let until = until.filter(|_| run.records.get(done).is_some_and(|failed| !self.is_stale(failed)));
        let mut left = if done < run.records.len() { run.records.split_off(done) } else { Vec::new() };
        left.retain(|record| !self.is_stale(record));
        if shared {
            self.return_shared_lane(run.lane, left, until);
            return;
        }
        for record in &left {
            self.count_waiting(record);
        }
        let entry = &mut self.all[run.lane as usize];
        self.busy -= 1;
        match until {
            Some(at) if !left.is_empty() => {
                entry.state = LaneState::BackingOff;
                entry.failures = if done > 0 { 1 } else { entry.failures + 1 };
                self.backoffs.push(Reverse((at, run.lane)));
            }
            _ => {
                entry.state = LaneState::Idle;
                entry.failures = 0;
            }
        }
        let entry = &mut self.all[run.lane as usize];
        for record in left.into_iter().rev() {
            entry.records.push_front(record);
        }
        self.release_extra(run.lane);
        self.refresh(run.lane);
    }

    /// Moves a lane to another ready queue. A lane owned by a worker moves when it is returned.
    pub fn assign(&mut self, lane: u32, queue: u32) {
        let entry = &mut self.all[lane as usize];
        if entry.queue != queue {
            entry.queue = queue;
            self.ready.remove(lane);
            self.refresh(lane);
        }
    }

    /// Makes sure that there are at least this many ready queues.
    pub fn reserve_queues(&mut self, queues: usize) {
        self.ready.reserve(queues);
    }

    /// The ready queue of a lane.
    #[must_use]
    pub fn queue_of(&self, lane: u32) -> u32 {
        self.all[lane as usize].queue
    }

    /// Updates a lane's place in the ready queues; returns whether it is ready.
    fn refresh(&mut self, lane: u32) -> bool {
        let entry = &mut self.all[lane as usize];
        if entry.state == LaneState::Idle && !entry.records.is_empty() {
            self.ready.place(entry.queue, lane, entry.records.len());
            return true;
        }
        self.ready.remove(lane);
        if entry.records.is_empty() && entry.records.capacity() > 0 {
            let queue = std::mem::take(&mut entry.records);
            if queue.capacity() <= MAX_REUSED_CAPACITY_RECORDS && self.unused_queues.len() < MAX_UNUSED_QUEUES {
                self.unused_queues.push(queue);
            }
        }
        false
    }
}

/// A partition's own lane: the last lanes belong to the partitions, in their order.
pub fn own_lane(lanes: u32, partitions: usize, partition: usize) -> u32 {
    lanes.saturating_sub(u32::try_from(partitions - partition).unwrap_or(u32::MAX))
}
