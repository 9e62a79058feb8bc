//! The engine's way of sharing work out, in virtual time: how long the last worker is busy.
//!
//! Time is measured in records: a worker handles one record in one unit. All that the engine decides by records is decided
//! here in the same way (the fullest idle lanes first, small batches, smaller ones towards the end; partitions dealt out by what
//! remains, again when a worker runs out); what it decides by memory is left to [`super::model`].

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use crate::replay::assign;

/// A schedule is worked out in at most about so many batches; larger ones stand for several of the engine's.
const BATCHES: u64 = 4000;
/// Lanes that are followed one by one. The lighter ones together are a heap of sand: they are too many and too light to make
/// anybody wait.
const FOLLOWED: usize = 512;

/// Lanes by their records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneLoads {
    /// The heaviest, in falling order.
    top: Vec<u64>,
    /// Records in the others, and how many those are.
    sand: (u64, u64),
}

impl LaneLoads {
    /// Lanes in any order; those without records do not count.
    #[must_use]
    pub fn new(mut lanes: Vec<u64>) -> Self {
        lanes.retain(|lane| *lane > 0);
        lanes.sort_unstable_by(|a, b| b.cmp(a));
        let light = lanes.split_off(lanes.len().min(FOLLOWED));
        Self { top: lanes, sand: (light.iter().sum(), light.len() as u64) }
    }

    /// Records in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.top.iter().sum::<u64>() + self.sand.0
    }

    /// Records of the heaviest lane.
    #[must_use]
    pub fn heaviest(&self) -> u64 {
        self.top.first().copied().unwrap_or(0)
    }
}

/// How many records the engine hands out at once, with `waiting` left and so many workers: a fixed batch, and towards the end
/// no more than half of a fair share.
fn share(batch: u64, waiting: u64, workers: u64) -> u64 {
    batch.min(waiting / (2 * workers)).max(1)
}

/// How long `workers` need for lanes of which no two workers may have the same at a time, in records of one worker. `batch`
/// is the most that is handed out at once.
#[must_use]
pub fn by_lane(lanes: &LaneLoads, workers: u32, batch: u64) -> u64 {
    let workers = u64::from(workers.max(1));
    let total = lanes.total();
    let bound = total.div_ceil(workers).max(lanes.heaviest());
    if workers == 1 || lanes.heaviest() == total {
        return total;
    }
    let batch = batch.clamp(1, (bound / 100).max(1)).max(total / BATCHES);
    let mut idle: BinaryHeap<(u64, usize)> = lanes.top.iter().copied().zip(0..).collect();
    let (mut sand, each) = (lanes.sand.0, lanes.sand.0.div_ceil(lanes.sand.1.max(1)));
    let mut waiting = total;
    // What each busy worker brings back, and when.
    let mut busy: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut hands: Vec<Vec<(u64, usize)>> = (0..workers).map(|_| Vec::new()).collect();
    let mut free: Vec<usize> = (0..hands.len()).collect();
    let mut now = 0;
    loop {
        while waiting > 0
            && let Some(worker) = free.pop()
        {
            let wanted = share(batch, waiting, workers);
            let mut taken = 0;
            while taken < wanted {
                let fullest = idle.peek().map_or(0, |(left, _)| *left);
                if fullest >= each.max(1) || (fullest > 0 && sand == 0) {
                    let Some((left, lane)) = idle.pop() else { break };
                    let some = left.min(wanted - taken);
                    taken += some;
                    hands[worker].push((left - some, lane));
                } else if sand > 0 {
                    let some = sand.min(wanted - taken);
                    sand -= some;
                    taken += some;
                } else {
                    break;
                }
            }
            if taken == 0 {
                free.push(worker);
                break;
            }
            waiting -= taken;
            busy.push(Reverse((now + taken, worker)));
        }
        let Some(Reverse((at, worker))) = busy.pop() else { return now.max(bound) };
        now = at;
        idle.extend(hands[worker].drain(..).filter(|(left, _)| *left > 0));
        free.push(worker);
    }
}

/// Who handles which partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dealing<'a> {
    /// kreplay, by what remains, and again when a worker runs out.
    Own,
    /// Kafka's range assignor, once: the topic's number of each partition.
    Range(&'a [usize]),
}

/// How long `workers` need for partitions of which no two workers may have the same at a time, in records of one worker.
#[must_use]
pub fn by_partition(partitions: &[u64], workers: u32, batch: u64, dealing: Dealing<'_>) -> u64 {
    match dealing {
        Dealing::Range(topics) => range_owners(topics, workers)
            .into_iter()
            .zip(partitions)
            .fold(vec![0; workers.max(1) as usize], |mut loads, (owner, records)| {
                loads[owner] += records;
                loads
            })
            .into_iter()
            .max()
            .unwrap_or(0),
        Dealing::Own => dealt(partitions, workers, batch),
    }
}

fn dealt(partitions: &[u64], workers: u32, batch: u64) -> u64 {
    let total: u64 = partitions.iter().sum();
    let batch = batch.max(total / BATCHES).max(1);
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
        if left[partition] == 0 && is_uneven(&left, &owners, workers) {
            owners = assign(&left, &owners, workers).into_iter().map(Some).collect();
        }
    }
}

/// Whether a worker has nothing left while another has more than one partition to go.
fn is_uneven(left: &[u64], owners: &[Option<u32>], workers: u32) -> bool {
    let mut open = vec![0_u32; workers.max(1) as usize];
    for (records, owner) in left.iter().zip(owners) {
        if let (true, Some(owner)) = (*records > 0, owner) {
            open[*owner as usize] += 1;
        }
    }
    open.contains(&0) && open.iter().any(|count| *count > 1)
}

/// Kafka's range assignor: each topic's partitions in order, in blocks that differ by one at most, the larger ones first.
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
