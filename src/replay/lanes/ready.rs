//! The lanes that can be taken, by how full they are and by how long they have waited.
//!
//! Lanes sit in buckets of similar length (four to each power of two, so within a fifth of each other), first in first
//! out; finding the fullest, placing and removing take constant time.
//!
//! Served by fullness alone, a lane with a single record would wait until all others are empty, and its partition's position
//! with it: a crash near the end would repeat the whole run. So a lane that has waited for a while has its turn, in the order
//! of waiting; only much fuller lanes go in between.

use std::collections::VecDeque;

/// A lane has waited for long when so many records were handed out since it could be taken. A few batches: what the
/// fullest-first rule balances within fewer is not disturbed.
const LONG: u64 = 256;
/// Buckets between a lane and one that is twice as full.
const TWICE: u8 = 4;

const NONE: u32 = u32::MAX;
const BUCKETS: usize = 128;

/// A lane's neighbours in its bucket, and where that bucket is; a lane is in one queue at most.
#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
    queue: u32,
    bucket: u8,
    /// How many records had been handed out when it could be taken first.
    since: u64,
}

const UNLINKED: Link = Link { prev: NONE, next: NONE, queue: NONE, bucket: 0, since: 0 };

#[derive(Clone, Copy, Debug)]
struct Ends {
    head: u32,
    tail: u32,
}

#[derive(Clone, Debug)]
struct Queue {
    buckets: Box<[Ends; BUCKETS]>,
    occupied: u128,
    len: usize,
    /// Lanes by how long they have waited, each with its `since`; entries that no longer hold are passed over.
    turns: VecDeque<(u32, u64)>,
    /// The last lane came by its turn, not by its fullness.
    by_turn: bool,
}

/// The lanes that can be taken, in one queue or several.
#[derive(Debug, Default)]
pub struct ReadyQueues {
    links: Vec<Link>,
    queues: Vec<Queue>,
    handed_out: u64,
}

impl ReadyQueues {
    /// Makes sure that there are at least so many queues.
    pub fn reserve(&mut self, queues: usize) {
        if self.queues.len() < queues {
            let empty = Queue {
                buckets: Box::new([Ends { head: NONE, tail: NONE }; BUCKETS]),
                occupied: 0,
                len: 0,
                turns: VecDeque::new(),
                by_turn: false,
            };
            self.queues.resize(queues, empty);
        }
    }

    /// How many lanes are in a queue.
    #[must_use]
    pub fn len(&self, queue: u32) -> usize {
        self.queues.get(queue as usize).map_or(0, |queue| queue.len)
    }

    /// How many lanes are in all queues together.
    #[must_use]
    pub fn total(&self) -> usize {
        self.queues.iter().map(|queue| queue.len).sum()
    }

    /// Notes that so many records were handed out, which is how waiting is measured.
    pub fn hand_out(&mut self, records: usize) {
        self.handed_out += records as u64;
    }

    /// The lane to serve next: the fullest, unless another has waited for long. Of two in a row at least one may be a lane
    /// that is twice as full, so that a heavy lane is never kept from its work by many light ones.
    #[must_use]
    pub fn next(&mut self, queue: u32) -> Option<u32> {
        let fullest = self.fullest(queue)?;
        let waiting = self.longest_waiting(queue);
        let (links, queue) = (&self.links, self.queues.get_mut(queue as usize)?);
        let bucket = |lane: u32| links[lane as usize].bucket;
        let by_turn = waiting.filter(|lane| !queue.by_turn || bucket(fullest) < bucket(*lane).saturating_add(TWICE));
        queue.by_turn = by_turn.is_some();
        Some(by_turn.unwrap_or(fullest))
    }

    fn longest_waiting(&mut self, queue: u32) -> Option<u32> {
        let turns = &mut self.queues.get_mut(queue as usize)?.turns;
        while let Some(&(lane, since)) = turns.front() {
            let link = self.links[lane as usize];
            if link.queue == queue && link.since == since {
                return (self.handed_out - since >= LONG).then_some(lane);
            }
            turns.pop_front();
        }
        None
    }

    /// One of the fullest lanes of a queue: that which has waited longest among those of similar length.
    #[must_use]
    pub fn fullest(&self, queue: u32) -> Option<u32> {
        let queue = self.queues.get(queue as usize)?;
        let bucket = (BUCKETS - 1).checked_sub(queue.occupied.leading_zeros() as usize)?;
        Some(queue.buckets[bucket].head)
    }

    /// Puts a lane with `records` waiting records (at least one) into its bucket; one that is there already keeps its
    /// turn.
    pub fn place(&mut self, queue: u32, lane: u32, records: usize) {
        let bucket = bucket_of(records);
        if self.links.len() <= lane as usize {
            self.links.resize(lane as usize + 1, UNLINKED);
        }
        let link = self.links[lane as usize];
        if link.queue == queue && link.bucket == bucket {
            return;
        }
        self.remove(lane);
        let target = &mut self.queues[queue as usize];
        // A lane that grows keeps its turn.
        let since = if link.queue == queue { link.since } else { self.handed_out };
        if link.queue != queue {
            target.turns.push_back((lane, since));
        }
        let ends = &mut target.buckets[bucket as usize];
        let prev = ends.tail;
        ends.tail = lane;
        if prev == NONE {
            ends.head = lane;
            target.occupied |= 1 << bucket;
        } else {
            self.links[prev as usize].next = lane;
        }
        target.len += 1;
        self.links[lane as usize] = Link { prev, next: NONE, queue, bucket, since };
    }

    /// Takes a lane out; one that is in no queue stays out.
    pub fn remove(&mut self, lane: u32) {
        let Some(slot) = self.links.get_mut(lane as usize) else { return };
        let link = std::mem::replace(slot, UNLINKED);
        let Some(queue) = self.queues.get_mut(link.queue as usize) else { return };
        queue.len -= 1;
        let ends = &mut queue.buckets[link.bucket as usize];
        if link.prev == NONE {
            ends.head = link.next;
        } else {
            self.links[link.prev as usize].next = link.next;
        }
        if link.next == NONE {
            ends.tail = link.prev;
        } else {
            self.links[link.next as usize].prev = link.prev;
        }
        if ends.head == NONE {
            queue.occupied &= !(1 << link.bucket);
        }
    }
}

/// Four buckets to each power of two.
fn bucket_of(records: usize) -> u8 {
    let records = u32::try_from(records).unwrap_or(u32::MAX).max(1);
    let power = records.ilog2();
    let fraction = if power >= 2 { (records >> (power - 2)) & 3 } else { (records << (2 - power)) & 3 };
    u8::try_from(power * 4 + fraction).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_grow_with_the_length() {
        let buckets: Vec<u8> = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1000, 1_000_000, usize::MAX].map(bucket_of).into();
        assert!(buckets.is_sorted(), "{buckets:?}");
        assert!((*buckets.last().unwrap() as usize) < BUCKETS);
        assert_ne!(bucket_of(1000), bucket_of(1300));
    }

    #[test]
    fn the_fullest_comes_first_and_equals_take_turns() {
        let mut queues = ReadyQueues::default();
        queues.reserve(2);
        for (lane, records) in [(1, 10), (2, 100), (3, 100), (4, 1)] {
            queues.place(1, lane, records);
        }
        let mut order = Vec::new();
        while let Some(lane) = queues.fullest(1) {
            order.push(lane);
            queues.remove(lane);
        }
        assert_eq!(order, [2, 3, 1, 4]);
        assert_eq!(queues.len(1), 0);
        assert_eq!(queues.fullest(0), None);
    }

    /// One heavy lane and many light ones: each light one has its turn, and the heavy one at least every second.
    #[test]
    fn a_light_lane_does_not_wait_for_heavy_ones_to_be_empty() {
        let mut queues = ReadyQueues::default();
        queues.reserve(1);
        queues.place(0, 0, 1);
        for lane in 1..=50 {
            queues.place(0, lane, 100);
        }
        queues.place(0, 99, 100_000);
        let mut order = Vec::new();
        for _ in 0..300 {
            let lane = queues.next(0).unwrap();
            order.push(lane);
            queues.remove(lane);
            queues.hand_out(5);
            if lane != 0 {
                queues.place(0, lane, if lane == 99 { 100_000 } else { 100 });
            }
        }
        let first = order.iter().position(|lane| *lane == 0).unwrap();
        assert!((50..60).contains(&first), "{first}: after {LONG} records, and not before");
        for lane in 1..=50 {
            assert!(order.iter().filter(|one| **one == lane).count() >= 2, "lane {lane}: {order:?}");
        }
        assert!(order.windows(2).all(|pair| pair.contains(&99)), "{order:?}");
    }

    #[test]
    fn turns_that_no_longer_hold_are_passed_over() {
        let mut queues = ReadyQueues::default();
        queues.reserve(2);
        for lane in 0..3 {
            queues.place(0, lane, 1);
        }
        queues.remove(0);
        queues.place(1, 1, 1);
        queues.hand_out(1000);
        queues.place(0, 3, 1);
        queues.place(0, 2, 9000);
        let mut order = Vec::new();
        while let Some(lane) = queues.next(0) {
            order.push(lane);
            queues.remove(lane);
        }
        assert_eq!((order, queues.next(1)), (vec![2, 3], Some(1)));
    }

    #[test]
    fn a_lane_moves_when_it_grows_and_can_leave_from_the_middle() {
        let mut queues = ReadyQueues::default();
        queues.reserve(1);
        for lane in 0..5 {
            queues.place(0, lane, 8);
        }
        queues.remove(2);
        queues.remove(2);
        queues.place(0, 4, 9000);
        assert_eq!(queues.len(0), 4);
        let mut order = Vec::new();
        while let Some(lane) = queues.fullest(0) {
            order.push(lane);
            queues.remove(lane);
        }
        assert_eq!(order, [4, 0, 1, 3]);
    }
}
