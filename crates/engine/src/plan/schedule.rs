//! Simulates the engine's scheduling in virtual time: how long the last worker is busy.
//!
//! Time is measured in records: a worker handles one record per unit. Decisions that the engine makes by record counts
//! are made here in the same way: the fullest idle lanes first, small batches, smaller ones towards the end, and
//! partitions assigned by what remains, again when a worker runs out. The effect of limited memory is computed in
//! [`super::model`].

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use crate::schedule::{ReadyQueues, assign};

/// The approximate number of batches in a simulation. With more records, one batch stands for several of the engine's.
const MAX_BATCHES: u64 = 4000;
/// Virtual time per record.
const TICKS_PER_RECORD: u64 = 64;
/// The number of lanes that are simulated individually. Lighter lanes are combined; none of them is heavy enough to
/// make a worker wait.
const MAX_TRACKED_LANES: usize = 1024;

/// The number of records per lane, in descending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneLoads {
    lanes: Vec<u64>,
    total: u64,
}

impl LaneLoads {
    /// Lanes in any order. Lanes without records are removed.
    #[must_use]
    pub fn new(mut lanes: Vec<u64>) -> Self {
        lanes.retain(|lane| *lane > 0);
        lanes.sort_unstable_by(|a, b| b.cmp(a));
        let total = lanes.iter().sum();
        let light = lanes.split_off(lanes.len().min(MAX_TRACKED_LANES));
        lanes.extend(light.chunks(light.len().div_ceil(MAX_TRACKED_LANES).max(1)).map(|some| some.iter().sum::<u64>()));
        Self { lanes, total }
    }

    /// The same records with the heaviest lane split evenly into this number of lanes.
    #[must_use]
    pub fn with_heaviest_split(&self, parts: u64) -> Self {
        let Some((heaviest, others)) = self.lanes.split_first() else { return self.clone() };
        let parts = parts.max(1);
        let part = |index: u64| heaviest / parts + u64::from(index < heaviest % parts);
        Self::new(others.iter().copied().chain((0..parts).map(part)).collect())
    }

    /// The number of records of all lanes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The number of records of the heaviest lane.
    #[must_use]
    pub fn heaviest(&self) -> u64 {
        self.lanes.first().copied().unwrap_or(0)
    }
}

/// The size of the engine's next batch with `waiting` records left: a fixed size, but at most half of a worker's fair
/// share.
fn batch_records(batch: u64, waiting: u64, workers: u64) -> u64 {
    batch.min(waiting / (2 * workers)).max(1)
}

/// The time that `workers` need for these lanes, in records of one worker. A lane is held by at most one worker at a
/// time. `batch` is the maximum batch size.
#[must_use]
pub fn lane_schedule(lanes: &LaneLoads, workers: u32, batch: u64) -> u64 {
    let count = u64::from(workers.max(1));
    let total = lanes.total;
    if count == 1 || lanes.lanes.len() < 2 {
        return total;
    }
    let bound = total.div_ceil(count).max(lanes.heaviest());
    let coarse = (total / MAX_BATCHES / batch.max(1)).max(1);
    let batch = batch.max(1) * coarse;
    let mut left = lanes.lanes.clone();
    let mut ready = ReadyQueues::default();
    ready.reserve(1);
    for (lane, records) in (0..).zip(&left) {
        ready.place(0, lane, saturating_usize(*records));
    }
    let mut waiting = total;
    let mut held_lanes: Vec<Vec<u32>> = vec![Vec::new(); workers as usize];
    let mut free: Vec<usize> = Vec::new();
    // When each busy worker is done, in ticks.
    let mut busy: BinaryHeap<Reverse<(u64, usize)>> =
        (0..held_lanes.len()).map(|worker| Reverse((0, worker))).collect();
    let (mut now, mut batches) = (0, 0);
    loop {
        while let Some(worker) = free.pop() {
            let (wanted, mut taken) = (batch_records(batch, waiting, count), 0);
            while taken < wanted
                && let Some(lane) = ready.next(0)
            {
                let records = &mut left[lane as usize];
                let some = (*records).min(wanted - taken);
                *records -= some;
                taken += some;
                ready.hand_out(saturating_usize(some.div_ceil(coarse)));
                ready.remove(lane);
                held_lanes[worker].push(lane);
            }
            if taken == 0 {
                free.push(worker);
                break;
            }
            waiting -= taken;
            batches += 1;
            busy.push(Reverse((now + jittered(taken * TICKS_PER_RECORD, batches), worker)));
        }
        let Some(Reverse((at, worker))) = busy.pop() else { return now.div_ceil(TICKS_PER_RECORD).max(bound) };
        now = at;
        for lane in held_lanes[worker].drain(..) {
            let records = left[lane as usize];
            if records > 0 {
                ready.place(0, lane, saturating_usize(records));
            }
        }
        free.push(worker);
    }
}

/// Changes a time by up to an eighth, depending on the batch number. Workers in lockstep would pass a lane on without a
/// gap. In reality, a returned lane waits until a worker is idle.
fn jittered(time: u64, batch_number: u64) -> u64 {
    let mut bits = batch_number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let span = time / 8;
    time - span + (bits >> 32) % (2 * span + 1)
}

fn saturating_usize(records: u64) -> usize {
    usize::try_from(records).unwrap_or(usize::MAX)
}

/// How partitions are assigned to workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionAssignment<'a> {
    /// kreplay's assignment by what remains, repeated when a worker runs out.
    Dynamic,
    /// Kafka's range assignor, once. Contains the index of each partition's topic.
    Range(&'a [usize]),
}

/// The time that `workers` need for these partitions, in records of one worker. A partition is held by at most one
/// worker at a time.
#[must_use]
pub fn partition_schedule(partitions: &[u64], workers: u32, batch: u64, assignment: PartitionAssignment<'_>) -> u64 {
    match assignment {
        PartitionAssignment::Range(topics) => range_owners(topics, workers)
            .into_iter()
            .zip(partitions)
            .fold(vec![0; workers.max(1) as usize], |mut loads, (owner, records)| {
                loads[owner] += records;
                loads
            })
            .into_iter()
            .max()
            .unwrap_or(0),
        PartitionAssignment::Dynamic => dynamic_schedule(partitions, workers, batch),
    }
}

fn dynamic_schedule(partitions: &[u64], workers: u32, batch: u64) -> u64 {
    let total: u64 = partitions.iter().sum();
    let batch = batch.max(total / MAX_BATCHES).max(1);
    let mut left = partitions.to_vec();
    let mut held = vec![false; left.len()];
    let mut owners: Vec<Option<u32>> = assign(&left, &vec![None; left.len()], workers).into_iter().map(Some).collect();
    let mut busy: BinaryHeap<Reverse<(u64, usize, usize)>> = BinaryHeap::new();
    let mut free: VecDeque<usize> = (0..workers.max(1) as usize).collect();
    let mut now = 0;
    loop {
        for _ in 0..free.len() {
            let Some(worker) = free.pop_front() else { break };
            let own = |partition: &usize| owners[*partition].is_some_and(|owner| owner as usize == worker);
            let next = (0..left.len())
                .filter(|partition| own(partition) && !held[*partition] && left[*partition] > 0)
                .max_by_key(|partition| (left[*partition], Reverse(*partition)));
            match next {
                Some(partition) => {
                    held[partition] = true;
                    busy.push(Reverse((now + left[partition].min(batch), worker, partition)));
                }
                None => free.push_back(worker),
            }
        }
        let Some(Reverse((at, worker, partition))) = busy.pop() else { return now };
        now = at;
        left[partition] -= left[partition].min(batch);
        held[partition] = false;
        free.push_back(worker);
        if left[partition] == 0 && needs_reassignment(&left, &owners, workers) {
            owners = assign(&left, &owners, workers).into_iter().map(Some).collect();
        }
    }
}

/// Whether a worker has nothing left while another has more than one open partition.
fn needs_reassignment(left: &[u64], owners: &[Option<u32>], workers: u32) -> bool {
    let mut open = vec![0_u32; workers.max(1) as usize];
    for (records, owner) in left.iter().zip(owners) {
        if let (true, Some(owner)) = (*records > 0, owner) {
            open[*owner as usize] += 1;
        }
    }
    open.contains(&0) && open.iter().any(|count| *count > 1)
}

/// Kafka's range assignor: the partitions of each topic in order, in blocks whose sizes differ by at most one, the
/// larger blocks first.
fn range_owners(topics: &[usize], workers: u32) -> Vec<usize> {
    let workers = workers.max(1) as usize;
    topics
        .chunk_by(|a, b| a == b)
        .flat_map(|topic| {
            let (each, more) = (topic.len() / workers, topic.len() % workers);
            (0..workers).flat_map(move |worker| std::iter::repeat_n(worker, each + usize::from(worker < more)))
        })
        .collect()
}

#[cfg(test)]
#[path = "schedule_test.rs"]
mod tests;
