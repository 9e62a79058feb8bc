//! Several partitions as one stream in the order of time: a merge between reading and the lanes.
//!
//! A record is let through when no partition can bring an earlier one any more: each other partition has a record
//! waiting, is at its end, or has shown by its last record that it is further. Within a partition the order stays that of
//! the offsets, whatever the timestamps say: a record counts as no earlier than those before it (the running maximum). Equal
//! times go by the partitions' order in the run. So the result is the stable merge of the partitions.
//!
//! Pure: no clock, no lock. Bounded by its caller, who holds those partitions back that have their share waiting here.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, VecDeque},
    time::{Duration, Instant},
};

use crate::domain::Record;

/// What a partition may still bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outlook {
    /// More, and nobody knows when.
    #[default]
    Open,
    /// Nothing until more is written to it: it is at the end of its log since then.
    Quiet(Instant),
    /// Nothing: it was read to its end, was given up, or is another's.
    Over,
}

#[derive(Debug, Default)]
struct Waiting {
    records: VecDeque<Record>,
    bytes: u64,
    /// The time of the newest record that came in: nothing earlier can follow.
    newest: i64,
    /// The time of the first record here.
    first: i64,
    outlook: Outlook,
}

/// Merges the records of partitions by their time.
#[derive(Debug)]
pub struct TimeOrder {
    partitions: Vec<Waiting>,
    /// The partitions that have records here, by the time of the first.
    heads: BinaryHeap<Reverse<(i64, u32)>>,
    /// The partitions that have none here and may bring more, by the time that nothing earlier can follow.
    lacking: BTreeSet<(i64, u32)>,
    bytes: u64,
    /// How long a partition that is at the end of a log that is followed keeps others waiting.
    grace: Duration,
}

impl TimeOrder {
    /// So many partitions, all of which may bring records.
    #[must_use]
    pub fn new(partitions: usize, grace: Duration) -> Self {
        let mut this =
            Self { partitions: Vec::new(), heads: BinaryHeap::new(), lacking: BTreeSet::new(), bytes: 0, grace };
        this.grow(partitions);
        this
    }

    /// There are so many partitions now.
    pub fn grow(&mut self, partitions: usize) {
        while self.partitions.len() < partitions {
            let number = u32::try_from(self.partitions.len()).unwrap_or(u32::MAX);
            let before_all = i64::MIN;
            self.partitions.push(Waiting { newest: before_all, first: before_all, ..Waiting::default() });
            self.lacking.insert((before_all, number));
        }
    }

    /// A record was read. Those of a partition come in the order of their offsets.
    pub fn put(&mut self, record: Record) {
        let number = record.partition;
        self.grow(number as usize + 1);
        let one = &mut self.partitions[number as usize];
        let footprint = record.footprint();
        self.lacking.remove(&(one.newest, number));
        one.newest = one.newest.max(record.timestamp_ms);
        if one.records.is_empty() {
            one.first = one.newest;
            self.heads.push(Reverse((one.first, number)));
        }
        one.bytes += footprint;
        self.bytes += footprint;
        if one.outlook != Outlook::Over {
            one.outlook = Outlook::Open;
        }
        one.records.push_back(record);
    }

    /// A record that goes no further than this says that nothing before this time can follow in its partition.
    pub fn advance(&mut self, number: u32, timestamp_ms: i64) {
        self.grow(number as usize + 1);
        let one = &mut self.partitions[number as usize];
        if timestamp_ms > one.newest {
            if self.lacking.remove(&(one.newest, number)) {
                self.lacking.insert((timestamp_ms, number));
            }
            one.newest = timestamp_ms;
        }
    }

    /// A partition was read to the end of its log, for the time being.
    pub fn quiet(&mut self, number: u32, now: Instant) {
        self.grow(number as usize + 1);
        let one = &mut self.partitions[number as usize];
        if one.outlook == Outlook::Open {
            one.outlook = Outlook::Quiet(now);
        }
    }

    /// A partition brings nothing more.
    pub fn over(&mut self, number: u32) {
        self.grow(number as usize + 1);
        let one = &mut self.partitions[number as usize];
        one.outlook = Outlook::Over;
        self.lacking.remove(&(one.newest, number));
    }

    /// Lets through what can go at `now`, in order.
    pub fn release(&mut self, now: Instant, mut out: impl FnMut(Record)) {
        while let Some(&Reverse(head)) = self.heads.peek() {
            if self.waits_for(head, now) {
                return;
            }
            self.heads.pop();
            let (_, number) = head;
            let one = &mut self.partitions[number as usize];
            let Some(record) = one.records.pop_front() else { continue };
            one.bytes -= record.footprint();
            self.bytes -= record.footprint();
            match one.records.front() {
                Some(next) => {
                    one.first = one.first.max(next.timestamp_ms);
                    self.heads.push(Reverse((one.first, number)));
                }
                None if one.outlook != Outlook::Over => {
                    self.lacking.insert((one.newest, number));
                }
                None => {}
            }
            out(record);
        }
    }

    /// Whether some partition may still bring a record that comes before this one.
    fn waits_for(&self, head: (i64, u32), now: Instant) -> bool {
        self.lacking.range(..head).any(|(_, number)| match self.partitions[*number as usize].outlook {
            Outlook::Open => true,
            Outlook::Quiet(since) => now.saturating_duration_since(since) < self.grace,
            Outlook::Over => false,
        })
    }

    /// Whether records wait for a partition that has none here. Such a partition must be read on, whatever else is full.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        !self.heads.is_empty()
    }

    /// The memory that records of a partition take here.
    #[must_use]
    pub fn bytes_of(&self, number: u32) -> u64 {
        self.partitions.get(number as usize).map_or(0, |one| one.bytes)
    }

    /// The memory that all take together.
    #[cfg(test)]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::{RecordBufferBuilder, Route};

    fn record(partition: u32, offset: i64, timestamp_ms: i64) -> Record {
        let mut builder = RecordBufferBuilder::default();
        builder.push(partition, 0, offset, timestamp_ms, Route::default(), None, None);
        let mut out = Vec::new();
        builder.finish(&Arc::default(), &mut out);
        out.remove(0)
    }

    fn released(order: &mut TimeOrder, now: Instant) -> Vec<(u32, i64)> {
        let mut out = Vec::new();
        order.release(now, |record| out.push((record.partition, record.offset)));
        out
    }

    #[test]
    fn a_record_waits_until_nothing_earlier_can_come() {
        let now = Instant::now();
        let mut order = TimeOrder::new(2, Duration::ZERO);
        order.put(record(0, 0, 10));
        assert_eq!(released(&mut order, now), []);
        order.put(record(1, 0, 5));
        assert_eq!(released(&mut order, now), [(1, 0)], "the other may go on with anything from 5");
        order.put(record(1, 1, 10));
        assert_eq!(released(&mut order, now), [(0, 0)], "equal times go by partition");
        assert!(order.is_starved() && order.bytes() > 0);
        order.over(0);
        assert_eq!(released(&mut order, now), [(1, 1)]);
        assert_eq!((order.is_starved(), order.bytes()), (false, 0));
    }

    #[test]
    fn a_partition_that_is_further_keeps_nobody_waiting() {
        let now = Instant::now();
        let mut order = TimeOrder::new(2, Duration::ZERO);
        order.put(record(1, 0, 100));
        order.put(record(0, 0, 100));
        assert_eq!(released(&mut order, now), [(0, 0)]);
        order.put(record(0, 1, 101));
        assert_eq!(released(&mut order, now), [(1, 0)]);
        order.put(record(0, 2, 101));
        assert_eq!(released(&mut order, now), [], "the second may bring another of time 100");
    }

    #[test]
    fn the_end_of_a_log_that_is_followed_holds_others_back_for_its_grace() {
        let now = Instant::now();
        let grace = Duration::from_secs(1);
        let mut order = TimeOrder::new(2, grace);
        order.put(record(0, 0, 10));
        order.quiet(1, now);
        assert_eq!(released(&mut order, now + grace / 2), []);
        order.quiet(1, now + grace / 2);
        assert_eq!(released(&mut order, now + grace), [(0, 0)], "from when it was first at the end");
        order.put(record(1, 0, 3));
        assert_eq!(released(&mut order, now + grace), [(1, 0)], "late, but not lost");
    }

    #[test]
    fn what_the_filter_leaves_out_still_tells_the_time() {
        let now = Instant::now();
        let mut order = TimeOrder::new(2, Duration::ZERO);
        order.put(record(0, 0, 10));
        order.advance(1, 9);
        assert_eq!(released(&mut order, now), []);
        order.advance(1, 11);
        assert_eq!(released(&mut order, now), [(0, 0)]);
    }

    /// The stable merge, done the plain way: by running maximum, partition, offset.
    fn merged(logs: &[Vec<i64>]) -> Vec<(u32, i64)> {
        let mut all = Vec::new();
        for (partition, log) in (0_u32..).zip(logs) {
            let mut newest = i64::MIN;
            for (offset, time) in (0_i64..).zip(log) {
                newest = newest.max(*time);
                all.push((newest, partition, offset));
            }
        }
        all.sort_unstable();
        all.into_iter().map(|(_, partition, offset)| (partition, offset)).collect()
    }

    proptest! {
        /// Readers go on in any order; a partition whose share is full is held back, one that lacks is not. However small the
        /// share, everything comes out, in the one order.
        #[test]
        fn what_comes_out_is_the_stable_merge(
            logs in prop::collection::vec(prop::collection::vec(0_i64..20, 0..30), 1..6),
            reads in prop::collection::vec((0_usize..6, 1_usize..5), 0..200),
            share in 1_u64..2000,
        ) {
            let now = Instant::now();
            let mut order = TimeOrder::new(logs.len(), Duration::ZERO);
            let mut next = vec![0_usize; logs.len()];
            let mut out = Vec::new();
            let most = logs.len() as u64 * (share + 5 * 128);
            let turns = reads.into_iter().map(|(p, n)| (p % logs.len(), n));
            // After the turns of chance all take theirs in turn, as a reader would.
            let rest = (0..10_000).map(|turn| (turn % logs.len(), 3));
            for (partition, count) in turns.chain(rest) {
                if out.len() == logs.iter().map(Vec::len).sum::<usize>() {
                    break;
                }
                let number = u32::try_from(partition).unwrap();
                if order.bytes_of(number) >= share {
                    continue;
                }
                for _ in 0..count {
                    let Some(time) = logs[partition].get(next[partition]) else { break };
                    order.put(record(number, i64::try_from(next[partition]).unwrap(), *time));
                    next[partition] += 1;
                }
                if next[partition] == logs[partition].len() {
                    order.over(number);
                }
                prop_assert!(order.bytes() <= most);
                order.release(now, |record| out.push((record.partition, record.offset)));
            }
            prop_assert_eq!(out, merged(&logs));
            prop_assert_eq!(order.bytes(), 0);
        }
    }
}
