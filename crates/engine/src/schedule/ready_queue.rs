//! Ready lanes, ordered by length and by waiting time.
//!
//! Lanes are kept in buckets of similar length (four for each power of two, so lengths within a bucket differ by at
//! most a quarter), first in, first out. Finding the fullest, placing, and removing take constant time.
//!
//! If lanes were served only by length, a lane with a single record would wait until all others are empty. Its
//! partition's position would wait as well, and a crash near the end would repeat the whole run. A lane that has waited
//! long is therefore served in order of waiting; only much fuller lanes are served in between.

use std::collections::VecDeque;

/// A lane has waited long when this many records have been handed out since it became ready. This is a few batches, so
/// that the balancing of the fullest-first rule is not disturbed within them.
const LONG_WAIT_RECORDS: u64 = 256;
/// Buckets between a lane and one that is twice as long.
const BUCKETS_PER_DOUBLING: u8 = 4;

const NO_LANE: u32 = u32::MAX;
const BUCKETS: usize = 128;

/// The neighbours of a lane in its bucket, and the location of that bucket. A lane is in at most one queue.
#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
    queue: u32,
    bucket: u8,
    /// Number of records handed out before the lane became ready.
    since: u64,
}

const UNLINKED: Link = Link { prev: NO_LANE, next: NO_LANE, queue: NO_LANE, bucket: 0, since: 0 };

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
    /// Lanes in order of waiting, each with its `since`. Outdated entries are skipped.
    by_waiting_time: VecDeque<(u32, u64)>,
    /// Whether the last lane was chosen by waiting time, not by length.
    last_by_waiting_time: bool,
}

/// The ready lanes, in one or more queues.
#[derive(Debug, Default)]
pub struct ReadyQueues {
    links: Vec<Link>,
    queues: Vec<Queue>,
    handed_out: u64,
}

impl ReadyQueues {
    /// Makes sure that there are at least this many queues.
    pub fn reserve(&mut self, queues: usize) {
        if self.queues.len() < queues {
            let empty = Queue {
                buckets: Box::new([Ends { head: NO_LANE, tail: NO_LANE }; BUCKETS]),
                occupied: 0,
                len: 0,
                by_waiting_time: VecDeque::new(),
                last_by_waiting_time: false,
            };
            self.queues.resize(queues, empty);
        }
    }

    /// Number of lanes in a queue.
    #[must_use]
    pub fn len(&self, queue: u32) -> usize {
        self.queues.get(queue as usize).map_or(0, |queue| queue.len)
    }

    /// Number of lanes in all queues.
    #[must_use]
    pub fn total(&self) -> usize {
        self.queues.iter().map(|queue| queue.len).sum()
    }

    /// Counts records that were handed out. Waiting time is measured in this number.
    pub fn hand_out(&mut self, records: usize) {
        self.handed_out += records as u64;
    }

    /// The lane to serve next: the fullest, unless another has waited long. Of two lanes in a row, at least one may be
    /// a lane that is twice as long as the others, so that many light lanes never starve a heavy one.
    #[must_use]
    pub fn next(&mut self, queue: u32) -> Option<u32> {
        let fullest = self.fullest(queue)?;
        let waiting = self.longest_waiting(queue);
        let (links, queue) = (&self.links, self.queues.get_mut(queue as usize)?);
        let bucket = |lane: u32| links[lane as usize].bucket;
        let last_by_waiting_time = waiting.filter(|lane| {
            !queue.last_by_waiting_time || bucket(fullest) < bucket(*lane).saturating_add(BUCKETS_PER_DOUBLING)
        });
        queue.last_by_waiting_time = last_by_waiting_time.is_some();
        Some(last_by_waiting_time.unwrap_or(fullest))
    }

    fn longest_waiting(&mut self, queue: u32) -> Option<u32> {
        let by_waiting_time = &mut self.queues.get_mut(queue as usize)?.by_waiting_time;
        while let Some(&(lane, since)) = by_waiting_time.front() {
            let link = self.links[lane as usize];
            if link.queue == queue && link.since == since {
                return (self.handed_out - since >= LONG_WAIT_RECORDS).then_some(lane);
            }
            by_waiting_time.pop_front();
        }
        None
    }

    /// One of the fullest lanes of a queue: among lanes of similar length, the one that has waited longest.
    #[must_use]
    pub fn fullest(&self, queue: u32) -> Option<u32> {
        let queue = self.queues.get(queue as usize)?;
        let bucket = (BUCKETS - 1).checked_sub(queue.occupied.leading_zeros() as usize)?;
        Some(queue.buckets[bucket].head)
    }

    /// Puts a lane with `records` waiting records (at least one) into its bucket. A lane that is already in the queue
    /// keeps its waiting time.
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
        // A lane that grows keeps its waiting time.
        let since = if link.queue == queue { link.since } else { self.handed_out };
        if link.queue != queue {
            target.by_waiting_time.push_back((lane, since));
        }
        let ends = &mut target.buckets[bucket as usize];
        let prev = ends.tail;
        ends.tail = lane;
        if prev == NO_LANE {
            ends.head = lane;
            target.occupied |= 1 << bucket;
        } else {
            self.links[prev as usize].next = lane;
        }
        target.len += 1;
        self.links[lane as usize] = Link { prev, next: NO_LANE, queue, bucket, since };
    }

    /// Removes a lane from its queue, if it is in one.
    pub fn remove(&mut self, lane: u32) {
        let Some(slot) = self.links.get_mut(lane as usize) else { return };
        let link = std::mem::replace(slot, UNLINKED);
        let Some(queue) = self.queues.get_mut(link.queue as usize) else { return };
        queue.len -= 1;
        let ends = &mut queue.buckets[link.bucket as usize];
        if link.prev == NO_LANE {
            ends.head = link.next;
        } else {
            self.links[link.prev as usize].next = link.next;
        }
        if link.next == NO_LANE {
            ends.tail = link.prev;
        } else {
            self.links[link.next as usize].prev = link.prev;
        }
        if ends.head == NO_LANE {
            queue.occupied &= !(1 << link.bucket);
        }
    }
}

/// Four buckets for each power of two.
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
    fn the_fullest_lane_comes_first_and_equal_lanes_alternate() {
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

    /// One heavy lane and many light ones: each light lane gets a turn, and the heavy one at least every second.
    #[test]
    fn a_light_lane_does_not_wait_until_heavy_lanes_are_empty() {
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
        assert!((50..60).contains(&first), "{first}: after {LONG_WAIT_RECORDS} records, not before");
        for lane in 1..=50 {
            assert!(order.iter().filter(|one| **one == lane).count() >= 2, "lane {lane}: {order:?}");
        }
        assert!(order.windows(2).all(|pair| pair.contains(&99)), "{order:?}");
    }

    #[test]
    fn outdated_waiting_entries_are_skipped() {
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
    fn a_growing_lane_changes_bucket_and_lanes_can_be_removed_from_the_middle() {
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
