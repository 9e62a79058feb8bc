//! The engine's way of sharing work out, in virtual time: how long the last worker is busy.
//!
//! Time is measured in records: a worker handles one record in one unit. All that the engine decides by records is decided
//! here in the same way (the fullest idle lanes first, small batches, smaller ones towards the end; partitions dealt out by what
//! remains, again when a worker runs out); what it decides by memory is left to [`super::model`].

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use crate::replay::{ReadyQueues, assign};

/// A schedule is worked out in at most about so many batches; larger ones stand for several of the engine's.
const BATCHES: u64 = 4000;
/// A record's time in virtual time.
const PARTS: u64 = 64;
/// Lanes that are followed one by one. Of the lighter ones some together count as one: they are too many and too light to make
/// anybody wait.
const FOLLOWED: usize = 1024;

/// Lanes by their records, in falling order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneLoads {
    lanes: Vec<u64>,
    total: u64,
}

impl LaneLoads {
    /// Lanes in any order; those without records do not count.
    #[must_use]
    pub fn new(mut lanes: Vec<u64>) -> Self {
        lanes.retain(|lane| *lane > 0);
        lanes.sort_unstable_by(|a, b| b.cmp(a));
        let total = lanes.iter().sum();
        let light = lanes.split_off(lanes.len().min(FOLLOWED));
        lanes.extend(light.chunks(light.len().div_ceil(FOLLOWED).max(1)).map(|some| some.iter().sum::<u64>()));
        Self { lanes, total }
    }

    /// Records in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Records of the heaviest lane.
    #[must_use]
    pub fn heaviest(&self) -> u64 {
        self.lanes.first().copied().unwrap_or(0)
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
    let count = u64::from(workers.max(1));
    let total = lanes.total;
    if count == 1 || lanes.lanes.len() < 2 {
        return total;
    }
    let bound = total.div_ceil(count).max(lanes.heaviest());
    let coarse = (total / BATCHES / batch.max(1)).max(1);
    let batch = batch.max(1) * coarse;
    let mut left = lanes.lanes.clone();
    let mut ready = ReadyQueues::default();
    ready.reserve(1);
    for (lane, records) in (0..).zip(&left) {
        ready.place(0, lane, narrow(*records));
    }
    let mut waiting = total;
    let mut hands: Vec<Vec<u32>> = vec![Vec::new(); workers as usize];
    let mut free: Vec<usize> = Vec::new();
    // Who is done when, in parts of a record.
    let mut busy: BinaryHeap<Reverse<(u64, usize)>> = (0..hands.len()).map(|worker| Reverse((0, worker))).collect();
    let (mut now, mut drawn) = (0, 0);
    loop {
        while let Some(worker) = free.pop() {
            let (wanted, mut taken) = (share(batch, waiting, count), 0);
            while taken < wanted
                && let Some(lane) = ready.next(0)
            {
                let records = &mut left[lane as usize];
                let some = (*records).min(wanted - taken);
                *records -= some;
                taken += some;
                ready.hand_out(narrow(some.div_ceil(coarse)));
                ready.remove(lane);
                hands[worker].push(lane);
            }
            if taken == 0 {
                free.push(worker);
                break;
            }
            waiting -= taken;
            drawn += 1;
            busy.push(Reverse((now + uneven(taken * PARTS, drawn), worker)));
        }
        let Some(Reverse((at, worker))) = busy.pop() else { return now.div_ceil(PARTS).max(bound) };
        now = at;
        for lane in hands[worker].drain(..) {
            let records = left[lane as usize];
            if records > 0 {
                ready.place(0, lane, narrow(records));
            }
        }
        free.push(worker);
    }
}

/// A time that is up to an eighth longer or shorter, by the number of the draw. Workers in step with each other would pass a lane
/// on without a gap, which never happens: a lane that comes back waits until somebody is free.
fn uneven(time: u64, draw: u64) -> u64 {
    let mut bits = draw.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let span = time / 8;
    time - span + (bits >> 32) % (2 * span + 1)
}

fn narrow(records: u64) -> usize {
    usize::try_from(records).unwrap_or(usize::MAX)
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
