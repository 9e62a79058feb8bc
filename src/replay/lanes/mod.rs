//! Lanes: the queues between reading and handling.
//!
//! A lane holds records that must be handled one after the other. A worker takes records from one or more idle lanes and
//! owns those lanes until it hands them back, so that no lane is ever in two hands. The fullest idle lanes are served
//! first, which is the list-scheduling rule "longest processing time first" (Graham 1969) applied batch by batch: it is
//! what lets W workers share K lanes evenly where K is no multiple of W. A lane that has waited for long has its turn
//! in between (see `ready`), so that positions follow.
//!
//! Pure: no clock, no lock, no thread. The caller passes the time and holds the lock.

mod counts;
mod fencing;
#[cfg(test)]
mod lanes_test;
#[cfg(test)]
mod model;
pub mod quarantine;
#[cfg(test)]
mod quarantine_test;
pub mod ready;
mod resting;
#[cfg(test)]
mod sharing_test;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Instant,
};

use self::{
    quarantine::{PutAside, Trouble},
    ready::ReadyQueues,
};
use crate::{domain::Record, handler::LaneRun};

/// The queue of an emptied lane is used again for another one, unless it has grown beyond so many records.
const REUSED_CAPACITY_RECORDS: usize = 64;
/// At most so many queues wait to be used again. Lanes have queues only while they hold records: with one kept in each of the
/// 65,536 lanes that a run may have, memory grew for as long as there were keys that had not been seen yet.
const UNUSED_QUEUES: usize = 1024;

/// Whether the records of a lane exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// One worker at a time.
    Exclusive,
    /// Any number of workers: nothing keeps its order.
    Shared,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LaneState {
    /// Nobody has it.
    #[default]
    Idle,
    /// A worker has it.
    Busy,
    /// Its first record waits for its next attempt.
    Parked,
    /// Its first record has failed for good: it waits for a decision.
    Quarantined,
    /// What comes into it is not handled any more but goes to the dead letters.
    Condemned,
    /// The same, and some of it is on its way.
    Leaving,
}

#[derive(Debug, Default)]
struct Lane {
    records: VecDeque<Record>,
    state: LaneState,
    queue: u32,
    /// How often the first record has failed so far.
    failures: u32,
    /// Whether it has ever held a record.
    used: bool,
    /// Made for a single record that failed while lanes are shared, or for a key that was put aside.
    spare: bool,
    /// Of a key that was put aside, in a lane of its own: which key, and why.
    apart: Option<Box<Trouble>>,
}

/// What the lanes know of one partition.
#[derive(Clone, Copy, Debug, Default)]
struct PartitionLoad {
    /// The lane that is the partition's alone.
    lane: u32,
    epoch: u32,
    in_hand: u64,
    waiting: u64,
    waiting_bytes: u64,
    /// How many of those that wait were fenced off, and are dropped when they come to the front.
    stale: u64,
}

/// All lanes of a run.
#[derive(Debug)]
pub struct Lanes {
    exclusion: Exclusion,
    all: Vec<Lane>,
    ready: ReadyQueues,
    partitions: Vec<PartitionLoad>,
    parked: BinaryHeap<Reverse<(Instant, u32)>>,
    /// Lanes made for single records that failed while lanes are shared, or for keys put aside, free to be used again.
    spare: Vec<u32>,
    waiting: u64,
    in_hand: u64,
    stale: u64,
    /// Lanes in workers' hands.
    busy: u64,
    used: u64,
    /// Keys that were put aside.
    aside: PutAside,
    /// Empty queues of lanes that hold nothing.
    unused: Vec<VecDeque<Record>>,
}

impl Lanes {
    /// `lanes` empty lanes for records of `partitions` partitions, all in the ready queue 0 of `queues`. The last lanes are
    /// the partitions' own, in their order.
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
            parked: BinaryHeap::new(),
            spare: Vec::new(),
            waiting: 0,
            in_hand: 0,
            stale: 0,
            busy: 0,
            used: 0,
            aside: PutAside::default(),
            unused: Vec::new(),
        }
    }

    /// A further partition, with a lane of its own; returns that lane.
    pub fn add_partition(&mut self) -> u32 {
        let lane = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(Lane::default());
        self.partitions.push(PartitionLoad { lane, ..PartitionLoad::default() });
        lane
    }

    /// The lane that is a partition's alone.
    #[must_use]
    pub fn own_lane(&self, partition: u32) -> u32 {
        self.partitions[partition as usize].lane
    }

    /// Appends a record to its lane, unless its partition has been fenced off since it was read.
    /// Returns whether the lane is now there for the taking.
    pub fn push(&mut self, lane: u32, record: Record) -> bool {
        if self.is_stale(&record) {
            return false;
        }
        // The lane of a key that was put aside is no further one.
        self.note_used(lane);
        let (lane, record) = match self.aside.lane_of(&record) {
            Some(lane) => (lane, record.detached()),
            None => (lane, record),
        };
        self.note_arrived(lane, &record);
        let entry = &mut self.all[lane as usize];
        let record = if entry.state == LaneState::Parked { record.detached() } else { record };
        if entry.records.capacity() == 0
            && let Some(queue) = self.unused.pop()
        {
            entry.records = queue;
        }
        entry.records.push_back(record);
        if entry.state == LaneState::Condemned {
            self.note_condemned(lane);
        }
        self.refresh(lane)
    }

    /// Takes up to `max` records from the idle lanes of a ready queue whose turn it is, lane by lane, and returns their number.
    /// The lanes belong to the caller until [`Lanes::finish`].
    pub fn take(&mut self, queue: u32, max: usize, out: &mut Vec<LaneRun>) -> usize {
        self.take_within(queue, max, u64::MAX, out).0
    }

    /// As [`Lanes::take`], and no further record once those taken have `max_bytes` together; returns their bytes as well.
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
                    // Dropped, not lost: whoever owns the partition now reads it again.
                    load.stale -= 1;
                    self.stale -= 1;
                    if records.is_empty() {
                        entry.failures = 0;
                    }
                    continue;
                }
                load.in_hand += 1;
                self.in_hand += 1;
                taken += 1;
                bytes += record.size();
                records.push(record);
            }
            if records.is_empty() {
                self.retire(lane);
                self.refresh(lane);
                continue;
            }
            if self.exclusion == Exclusion::Exclusive || entry.spare {
                entry.state = LaneState::Busy;
                self.busy += 1;
            }
            self.ready.hand_out(records.len());
            // Also where it can be taken again at once: it has had its turn.
            self.ready.remove(lane);
            self.refresh(lane);
            out.push(LaneRun { lane, records });
        }
        (taken, bytes)
    }

    /// Hands a lane back after its first `done` records were dealt with. The others return to the front of the lane;
    /// with `until` the lane rests until that time, because its first record has failed.
    pub fn finish(&mut self, mut run: LaneRun, done: usize, until: Option<Instant>) {
        self.take_back(&mut run, done, until);
    }

    /// As [`Lanes::finish`]; what is dealt with stays in `run`, so that its memory can be freed elsewhere.
    pub fn take_back(&mut self, run: &mut LaneRun, done: usize, until: Option<Instant>) {
        for record in &run.records {
            self.partitions[record.partition as usize].in_hand -= 1;
        }
        self.in_hand -= run.records.len() as u64;
        let shared = self.exclusion == Exclusion::Shared && !self.all[run.lane as usize].spare;
        // A failed record that has been fenced off since leaves nothing to wait for.
        let until = until.filter(|_| run.records.get(done).is_some_and(|failed| !self.is_stale(failed)));
        let mut left = if done < run.records.len() { run.records.split_off(done) } else { Vec::new() };
        left.retain(|record| !self.is_stale(record));
        if shared {
            self.return_shared(run.lane, left, until);
            return;
        }
        for record in &left {
            self.note_waiting(record);
        }
        let entry = &mut self.all[run.lane as usize];
        self.busy -= 1;
        match until {
            Some(at) if !left.is_empty() => {
                entry.state = LaneState::Parked;
                entry.failures = if done > 0 { 1 } else { entry.failures + 1 };
                self.parked.push(Reverse((at, run.lane)));
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
        self.retire(run.lane);
        self.refresh(run.lane);
    }

    /// Moves a lane to another ready queue; a lane in a worker's hand follows when it is handed back.
    pub fn assign(&mut self, lane: u32, queue: u32) {
        let entry = &mut self.all[lane as usize];
        if entry.queue != queue {
            entry.queue = queue;
            self.ready.remove(lane);
            self.refresh(lane);
        }
    }

    /// Makes sure that there are at least so many ready queues.
    pub fn reserve_queues(&mut self, queues: usize) {
        self.ready.reserve(queues);
    }

    /// Which ready queue a lane belongs to.
    #[must_use]
    pub fn queue_of(&self, lane: u32) -> u32 {
        self.all[lane as usize].queue
    }

    /// Puts a lane where it belongs among the ready ones; returns whether it is ready.
    fn refresh(&mut self, lane: u32) -> bool {
        let entry = &mut self.all[lane as usize];
        if entry.state == LaneState::Idle && !entry.records.is_empty() {
            self.ready.place(entry.queue, lane, entry.records.len());
            return true;
        }
        self.ready.remove(lane);
        if entry.records.is_empty() && entry.records.capacity() > 0 {
            let queue = std::mem::take(&mut entry.records);
            if queue.capacity() <= REUSED_CAPACITY_RECORDS && self.unused.len() < UNUSED_QUEUES {
                self.unused.push(queue);
            }
        }
        false
    }
}

/// The last of so many lanes are those of the partitions.
pub fn own_lane(lanes: u32, partitions: usize, partition: usize) -> u32 {
    lanes.saturating_sub(u32::try_from(partitions - partition).unwrap_or(u32::MAX))
}
