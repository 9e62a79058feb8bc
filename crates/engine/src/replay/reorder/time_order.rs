//! Merges several partitions into one stream in time order, between reading and the lanes.
//!
//! A record is released once no partition can deliver an earlier one. That is the case when each other partition has a
//! record waiting, is at its end, or has shown by its last record that its time is later. Within a partition the order
//! stays that of the offsets, whatever the timestamps are: a record counts as no earlier than the records before it
//! (the running maximum). Equal times are ordered by the partitions' order in the run. The result is the stable merge
//! of the partitions.
//!
//! Pure: no clock, no lock. The caller bounds its size: it stops reading partitions whose share of the buffer is full.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, VecDeque},
    time::{Duration, Instant},
};

use kreplay_model::domain::Record;

/// Whether more records can come from a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Upcoming {
    /// More may come at any time.
    #[default]
    Open,
    /// It has been at the end of its log since this time: none until more are written.
    CaughtUp(Instant),
    /// None: it was read to its end, has failed, or belongs to another process.
    Finished,
}

#[derive(Debug, Default)]
struct PartitionQueue {
    records: VecDeque<Record>,
    bytes: u64,
    /// The time of the newest record received. No earlier record can follow.
    newest: i64,
    /// The time of the first waiting record.
    first: i64,
    upcoming: Upcoming,
}

impl PartitionQueue {
    /// Notes that it was read on: more records may follow before it is at the end of its log again.
    fn reopen(&mut self) {
        if self.upcoming != Upcoming::Finished {
            self.upcoming = Upcoming::Open;
        }
    }
}

/// Merges the records of partitions by time.
#[derive(Debug)]
pub struct TimeOrder {
    partitions: Vec<PartitionQueue>,
    /// The partitions with waiting records, by the time of the first one.
    heads: BinaryHeap<Reverse<(i64, u32)>>,
    /// The partitions without waiting records from which more may come, by the time that no record can precede.
    awaited: BTreeSet<(i64, u32)>,
    bytes: u64,
    /// How long a followed partition that has caught up with its log holds back the others.
    grace: Duration,
}

impl TimeOrder {
    /// A merge of this number of partitions, all of which may still deliver records.
    #[must_use]
    pub fn new(partitions: usize, grace: Duration) -> Self {
        let mut this =
            Self { partitions: Vec::new(), heads: BinaryHeap::new(), awaited: BTreeSet::new(), bytes: 0, grace };
        this.grow(partitions);
        this
    }

    /// Raises the number of partitions to at least `partitions`.
    pub fn grow(&mut self, partitions: usize) {
        while self.partitions.len() < partitions {
            let number = u32::try_from(self.partitions.len()).unwrap_or(u32::MAX);
            let before_all = i64::MIN;
            self.partitions.push(PartitionQueue { newest: before_all, first: before_all, ..PartitionQueue::default() });
            self.awaited.insert((before_all, number));
        }
    }

    /// Takes in a record that was read. Records of one partition arrive in offset order.
    pub fn put(&mut self, record: Record) {
        let number = record.partition;
        self.grow(number as usize + 1);
        let one = &mut self.partitions[number as usize];
        let footprint = record.footprint();
        self.awaited.remove(&(one.newest, number));
        one.newest = one.newest.max(record.timestamp_ms);
        if one.records.is_empty() {
            one.first = one.newest;
            self.heads.push(Reverse((one.first, number)));
        }
        one.bytes += footprint;
        self.bytes += footprint;
        one.reopen();
        one.records.push_back(record);
    }

    /// Notes that no record before this time can follow in a partition. Used for records that are read but not handled.
    pub fn advance(&mut self, number: u32, timestamp_ms: i64) {
        self.grow(number as usize + 1);
        let one = &mut self.partitions[number as usize];
        one.reopen();
        if timestamp_ms > one.newest {
            if self.awaited.remove(&(one.newest, number)) {
                self.awaited.insert((timestamp_ms, number));
            }
            one.newest = timestamp_ms;
        }
    }

    /// Notes that a partition was read to the end of its log; more may be written to it.
    pub fn caught_up(&mut self, number: u32, now: Instant) {
        self.grow(number as usize + 1);
        let one = &mut self.partitions[number as usize];
        if one.upcoming == Upcoming::Open {
            one.upcoming = Upcoming::CaughtUp(now);
        }
    }

    /// Notes that no more records come from a partition.
    pub fn finish(&mut self, number: u32) {
        self.grow(number as usize + 1);
        let one = &mut self.partitions[number as usize];
        one.upcoming = Upcoming::Finished;
        self.awaited.remove(&(one.newest, number));
    }

    /// Passes the records that need not wait at `now` to `out`, in order.
    pub fn release(&mut self, now: Instant, mut out: impl FnMut(Record)) {
        while let Some(&Reverse(head)) = self.heads.peek() {
            if self.must_wait_for(head, now) {
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
                None if one.upcoming != Upcoming::Finished => {
                    self.awaited.insert((one.newest, number));
                }
                None => {}
            }
            out(record);
        }
    }

    /// Whether a partition may still deliver a record that precedes this one.
    fn must_wait_for(&self, head: (i64, u32), now: Instant) -> bool {
        self.awaited.range(..head).any(|(_, number)| match self.partitions[*number as usize].upcoming {
            Upcoming::Open => true,
            Upcoming::CaughtUp(since) => now.saturating_duration_since(since) < self.grace,
            Upcoming::Finished => false,
        })
    }

    /// Whether records wait for partitions that have none here. Reading must continue then, even if the buffer is full.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        !self.heads.is_empty()
    }

    /// The memory used by the waiting records of a partition, in bytes.
    #[must_use]
    pub fn bytes_of(&self, number: u32) -> u64 {
        self.partitions.get(number as usize).map_or(0, |one| one.bytes)
    }

    /// The memory used by all waiting records, in bytes.
    #[cfg(test)]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kreplay_model::domain::{RecordBufferBuilder, Route};
    use proptest::prelude::*;

    use super::*;

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
    fn a_record_waits_until_no_earlier_one_can_come() {
        let now = Instant::now();
        let mut order = TimeOrder::new(2, Duration::ZERO);
        order.put(record(0, 0, 10));
        assert_eq!(released(&mut order, now), []);
        order.put(record(1, 0, 5));
        assert_eq!(released(&mut order, now), [(1, 0)], "the other may deliver anything from 5");
        order.put(record(1, 1, 10));
        assert_eq!(released(&mut order, now), [(0, 0)], "equal times go by partition");
        assert!(order.is_starved() && order.bytes() > 0);
        order.finish(0);
        assert_eq!(released(&mut order, now), [(1, 1)]);
        assert_eq!((order.is_starved(), order.bytes()), (false, 0));
    }

    #[test]
    fn a_partition_with_a_later_time_holds_back_no_others() {
        let now = Instant::now();
        let mut order = TimeOrder::new(2, Duration::ZERO);
        order.put(record(1, 0, 100));
        order.put(record(0, 0, 100));
        assert_eq!(released(&mut order, now), [(0, 0)]);
        order.put(record(0, 1, 101));
        assert_eq!(released(&mut order, now), [(1, 0)]);
        order.put(record(0, 2, 101));
        assert_eq!(released(&mut order, now), [], "the second may deliver another record with time 100");
    }

    #[test]
    fn a_caught_up_followed_partition_holds_back_others_for_the_grace_time() {
        let now = Instant::now();
        let grace = Duration::from_secs(1);
        let mut order = TimeOrder::new(2, grace);
        order.put(record(0, 0, 10));
        order.caught_up(1, now);
        assert_eq!(released(&mut order, now + grace / 2), []);
        order.caught_up(1, now + grace / 2);
        assert_eq!(released(&mut order, now + grace), [(0, 0)], "counted from when it first reached the end");
        order.put(record(1, 0, 3));
        assert_eq!(released(&mut order, now + grace), [(1, 0)], "late, but not lost");
    }

    #[test]
    fn filtered_records_still_advance_the_time() {
        let now = Instant::now();
        let mut order = TimeOrder::new(2, Duration::ZERO);
        order.put(record(0, 0, 10));
        order.advance(1, 9);
        assert_eq!(released(&mut order, now), []);
        order.advance(1, 11);
        assert_eq!(released(&mut order, now), [(0, 0)]);
    }

    #[test]
    fn a_partition_that_resumes_with_filtered_records_is_waited_for_until_it_has_caught_up_again() {
        let grace = Duration::from_secs(1);
        let idle_since = Instant::now();
        let now = idle_since + 10 * grace;
        let mut order = TimeOrder::new(2, grace);
        order.caught_up(1, idle_since);
        order.advance(1, 5);
        order.put(record(0, 0, 10));
        assert_eq!(released(&mut order, now), [], "the records after the filtered ones are still to come");
        order.put(record(1, 7, 7));
        assert_eq!(released(&mut order, now), [(1, 7)]);
        order.caught_up(1, now);
        assert_eq!(released(&mut order, now + grace), [(0, 0)]);
    }

    #[test]
    fn filtered_records_of_a_finished_partition_hold_nothing_back() {
        let now = Instant::now();
        let mut order = TimeOrder::new(2, Duration::ZERO);
        order.finish(1);
        order.advance(1, 5);
        order.put(record(0, 0, 10));
        assert_eq!(released(&mut order, now), [(0, 0)]);
    }

    /// A reference implementation of the stable merge: sorts by running maximum, partition, offset.
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
        /// Partitions are read in any order. A partition whose share is full is not read; one that the merge waits for
        /// always is. However small the share, all records come out, in the one possible order.
        #[test]
        fn records_come_out_in_stable_merge_order(
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
            // After the random turns, every partition is read in turn.
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
                    order.finish(number);
                }
                prop_assert!(order.bytes() <= most);
                order.release(now, |record| out.push((record.partition, record.offset)));
            }
            prop_assert_eq!(out, merged(&logs));
            prop_assert_eq!(order.bytes(), 0);
        }
    }
}
