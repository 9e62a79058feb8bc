//! The lanes that can be taken, by how full they are.
//!
//! Lanes sit in buckets of similar length (four to each power of two, so within a fifth of each other), first in first
//! out; finding the fullest, placing and removing take constant time.

const NONE: u32 = u32::MAX;
const BUCKETS: usize = 128;

/// A lane's neighbours in its bucket, and where that bucket is; a lane is in one queue at most.
#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
    queue: u32,
    bucket: u8,
}

const UNLINKED: Link = Link { prev: NONE, next: NONE, queue: NONE, bucket: 0 };

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
}

/// The lanes that can be taken, fullest first, in one queue or several.
#[derive(Debug, Default)]
pub struct ReadyQueues {
    links: Vec<Link>,
    queues: Vec<Queue>,
}

impl ReadyQueues {
    /// Makes sure that there are at least so many queues.
    pub fn reserve(&mut self, queues: usize) {
        if self.queues.len() < queues {
            let empty = Queue { buckets: Box::new([Ends { head: NONE, tail: NONE }; BUCKETS]), occupied: 0, len: 0 };
            self.queues.resize(queues, empty);
        }
    }

    /// How many lanes are in a queue.
    #[must_use]
    pub fn len(&self, queue: u32) -> usize {
        self.queues.get(queue as usize).map_or(0, |queue| queue.len)
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
        self.links[lane as usize] = Link { prev, next: NONE, queue, bucket };
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
