//! Partitions that a topic was given while its records were being read.
//!
//! With more partitions a key's records go to another one than before, so what is read of a new partition may be newer than
//! what nobody has read yet of the old ones. Here the records of a new partition wait until the old ones have been read up to
//! where their logs ended *after* those records were read. A producer that waits for its acknowledgements had written every
//! earlier record of the key by then. When a partition has been there for so long that every producer must have heard of it,
//! and has caught up once more, it is like any other.
//!
//! Pure: the caller passes the time, looks the ends up, and holds a partition back whose share is waiting here.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use crate::domain::Record;

/// The ends of the old partitions' logs, looked up after the records below `count` had been read.
#[derive(Debug)]
struct Cut {
    count: usize,
    ends: Vec<(u32, i64)>,
    /// It was made when every producer must have heard of the partition.
    last: bool,
}

#[derive(Debug)]
struct Young {
    joined: Instant,
    older: Vec<u32>,
    records: VecDeque<Record>,
    bytes: u64,
    cut: Option<Cut>,
}

/// The new partitions of a run.
#[derive(Debug, Default)]
pub struct Nursery {
    young: BTreeMap<u32, Young>,
    /// How far the lanes have the records of the old partitions.
    passed: BTreeMap<u32, i64>,
}

/// A new partition for which the ends of the old ones are to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The new partition.
    pub young: u32,
    /// The old ones.
    pub older: Vec<u32>,
    /// How many of its records were here when the question was asked.
    count: usize,
    last: bool,
}

impl Nursery {
    /// How long a partition counts as new. Producers look for partitions every five minutes (`metadata.max.age.ms`).
    pub const YOUTH: Duration = Duration::from_secs(600);

    /// A partition has joined; each of `older` is an old partition of its topic and how far the lanes have its records.
    pub fn join(&mut self, young: u32, older: impl IntoIterator<Item = (u32, i64)>, now: Instant) {
        let mut numbers = Vec::new();
        for (number, passed) in older {
            self.passed(number, passed, true);
            numbers.push(number);
        }
        let one = Young { joined: now, older: numbers, records: VecDeque::new(), bytes: 0, cut: None };
        self.young.insert(young, one);
    }

    /// Whether there is no new partition.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.young.is_empty()
    }

    /// Takes a record of a new partition; gives back that of any other.
    pub fn put(&mut self, record: Record) -> Option<Record> {
        let Some(young) = self.young.get_mut(&record.partition) else { return Some(record) };
        young.bytes += record.footprint();
        young.records.push_back(record);
        None
    }

    /// The lanes have all records of a partition below this offset. With `fresh` that is where it begins anew.
    pub fn passed(&mut self, number: u32, offset: i64, fresh: bool) {
        let passed = self.passed.entry(number).or_insert(offset);
        *passed = if fresh { offset } else { offset.max(*passed) };
    }

    /// The records of an assignment that is over are not wanted any more.
    pub fn drop_below(&mut self, number: u32, epoch: u32) {
        if let Some(young) = self.young.get_mut(&number) {
            young.records.retain(|record| record.epoch >= epoch);
            young.bytes = young.records.iter().map(Record::footprint).sum();
            young.cut = None;
        }
    }

    /// For which partitions the ends of the old ones are to be looked up now.
    #[must_use]
    pub fn questions(&self, now: Instant) -> Vec<Question> {
        let asks = |young: &Young| {
            let grown = now.saturating_duration_since(young.joined) >= Self::YOUTH;
            (young.cut.is_none() && (grown || !young.records.is_empty())).then_some(grown)
        };
        self.young
            .iter()
            .filter_map(|(number, young)| {
                let last = asks(young)?;
                Some(Question { young: *number, older: young.older.clone(), count: young.records.len(), last })
            })
            .collect()
    }

    /// The answer to a question. An old partition without an end is not waited for: it is gone, or read by somebody else.
    pub fn answer(&mut self, question: &Question, ends: impl IntoIterator<Item = (u32, i64)>) {
        if let Some(young) = self.young.get_mut(&question.young) {
            let count = question.count.min(young.records.len());
            young.cut = Some(Cut { count, ends: ends.into_iter().collect(), last: question.last });
        }
    }

    /// An old partition is not waited for any more.
    pub fn forget(&mut self, number: u32) {
        self.passed(number, i64::MAX, false);
    }

    /// Lets through what can go, in order.
    pub fn release(&mut self, mut out: impl FnMut(Record)) {
        let passed = &self.passed;
        self.young.retain(|_, young| {
            let reached = |&(number, end): &(u32, i64)| passed.get(&number).is_none_or(|passed| *passed >= end);
            let Some(cut) = young.cut.take_if(|cut| cut.ends.iter().all(reached)) else { return true };
            for record in young.records.drain(..cut.count) {
                young.bytes -= record.footprint();
                out(record);
            }
            if !cut.last {
                return true;
            }
            // Whatever came since the question is as new as any other partition's.
            young.records.drain(..).for_each(&mut out);
            false
        });
        if self.young.is_empty() {
            self.passed.clear();
        }
    }

    /// The memory that records of a partition take here.
    #[must_use]
    pub fn bytes_of(&self, number: u32) -> u64 {
        self.young.get(&number).map_or(0, |young| young.bytes)
    }

    /// Whether records wait here.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        self.young.values().any(|young| !young.records.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{RecordBufferBuilder, Route};

    fn record(partition: u32, offset: i64) -> Record {
        let mut builder = RecordBufferBuilder::default();
        builder.push(partition, 0, offset, -1, Route::default(), None, None);
        let mut out = Vec::new();
        builder.finish(&Arc::default(), &mut out);
        out.remove(0)
    }

    fn released(nursery: &mut Nursery) -> Vec<i64> {
        let mut out = Vec::new();
        nursery.release(|record| out.push(record.offset));
        out
    }

    #[test]
    fn records_of_a_new_partition_wait_for_what_the_old_ones_had_by_then() {
        let now = Instant::now();
        let mut nursery = Nursery::default();
        nursery.join(2, [(0, 5), (1, 9)], now);
        assert_eq!(nursery.questions(now), [], "nothing waits");
        assert!(nursery.put(record(0, 5)).is_some(), "old ones pass");
        assert!(nursery.put(record(2, 0)).is_none() && nursery.put(record(2, 1)).is_none());
        let question = nursery.questions(now).remove(0);
        assert_eq!((question.young, question.older.clone()), (2, vec![0, 1]));
        assert!(nursery.put(record(2, 2)).is_none());
        nursery.answer(&question, [(0, 8), (1, 9)]);
        assert_eq!(nursery.questions(now), [], "one question at a time");
        nursery.passed(0, 7, false);
        assert_eq!(released(&mut nursery), [0; 0]);
        nursery.passed(0, 8, false);
        assert_eq!(released(&mut nursery), [0, 1], "and not what came after the question");
        assert!(nursery.is_starved());
        let question = nursery.questions(now).remove(0);
        nursery.answer(&question, [(0, 12), (1, 9)]);
        nursery.forget(0);
        assert_eq!(released(&mut nursery), [2]);
        assert!(!nursery.is_starved() && !nursery.is_empty());
    }

    #[test]
    fn a_partition_comes_of_age_when_it_has_caught_up_once_more() {
        let now = Instant::now();
        let mut nursery = Nursery::default();
        nursery.join(1, [(0, 0)], now);
        let later = now + Nursery::YOUTH;
        let question = nursery.questions(later).remove(0);
        assert!(nursery.put(record(1, 0)).is_none());
        nursery.answer(&question, [(0, 3)]);
        assert_eq!(released(&mut nursery), [0; 0]);
        nursery.passed(0, 3, false);
        assert_eq!(released(&mut nursery), [0]);
        assert!(nursery.is_empty() && nursery.put(record(1, 1)).is_some());
    }

    #[test]
    fn what_an_assignment_left_behind_goes_with_it() {
        let now = Instant::now();
        let mut nursery = Nursery::default();
        nursery.join(1, [(0, 0)], now);
        assert!(nursery.put(record(1, 0)).is_none());
        let question = nursery.questions(now).remove(0);
        nursery.drop_below(1, 1);
        nursery.answer(&question, [(0, 0)]);
        assert_eq!((released(&mut nursery), nursery.bytes_of(1)), (vec![], 0));
    }
}
