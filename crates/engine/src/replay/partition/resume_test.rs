//! A partition that is interrupted repeatedly, at any moment, compared with a model that knows every record.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kreplay_model::domain::{Offset, TopicPartition};
use proptest::{prelude::*, sample::Index};

use super::Owner;
use super::{Delivery, PartitionRun, SettledRecord, key_groups::GroupTable};
use crate::{
    journal::{GroupsChange, StoredPartition},
    plan::PlannedPartition,
};

/// An entry of the log.
#[derive(Clone, Copy, Debug)]
enum Entry {
    Hole,
    Filtered(u32),
    Record(u32),
}

#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    Begin(Index),
    Settle(Index),
    Checkpoint { all: bool },
    Crash { effects: Vec<bool> },
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![1 => Just(Entry::Hole), 1 => (0..5_u32).prop_map(Entry::Filtered), 8 => (0..5_u32).prop_map(Entry::Record)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..12_usize).prop_map(Step::Read),
        8 => any::<Index>().prop_map(Step::Begin),
        7 => any::<Index>().prop_map(Step::Settle),
        3 => any::<bool>().prop_map(|all| Step::Checkpoint { all }),
        2 => prop::collection::vec(any::<bool>(), 8).prop_map(|effects| Step::Crash { effects }),
    ]
}

/// A process that works on the partition, what survives it, and the effects outside.
struct World {
    log: Vec<Entry>,
    ordered: bool,
    partition: PartitionRun,
    next: usize,
    waiting: BTreeMap<u32, VecDeque<i64>>,
    in_flight: Vec<(u32, i64)>,
    // What survives a crash.
    stored: StoredPartition,
    groups: BTreeMap<u32, crate::journal::GroupEntry>,
    begun: Vec<(i64, bool)>,
    // The effects outside, and how often records were begun.
    effects: Vec<(u32, i64)>,
    begins: usize,
}

fn planned(log: &[Entry]) -> PlannedPartition {
    let end = Offset::new(i64::try_from(log.len()).unwrap()).unwrap();
    PlannedPartition { id: TopicPartition::new("t", 0), first: Offset::ZERO, end }
}

fn content(offset: i64) -> u64 {
    offset.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl World {
    fn new(log: Vec<Entry>, ordered: bool) -> Self {
        let mut partition = PartitionRun::new(&planned(&log), false);
        partition.begin(0, 0, Owner::Shared);
        Self {
            log,
            ordered,
            partition,
            next: 0,
            waiting: BTreeMap::new(),
            in_flight: Vec::new(),
            stored: StoredPartition::default(),
            groups: BTreeMap::new(),
            begun: Vec::new(),
            effects: Vec::new(),
            begins: 0,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Read(count) => self.read(count),
            Step::Begin(index) => self.begin(|count| index.index(count)),
            Step::Settle(index) => self.settle(|count| index.index(count)),
            Step::Checkpoint { all } => self.checkpoint(all),
            Step::Crash { effects } => self.crash(&effects),
        }
    }

    fn read(&mut self, count: usize) {
        for _ in 0..count {
            let Some(entry) = self.log.get(self.next) else {
                self.partition.reach(0, i64::try_from(self.log.len()).unwrap());
                return;
            };
            let offset = i64::try_from(self.next).unwrap();
            self.next += 1;
            let (group, filtered) = match entry {
                Entry::Hole => continue,
                Entry::Filtered(group) => (*group, true),
                Entry::Record(group) => (*group, false),
            };
            if self.partition.deliver(0, offset, filtered) == Delivery::New {
                // Without an order, each record has its own lane.
                let lane = if self.ordered { group } else { u32::try_from(offset).unwrap() };
                self.waiting.entry(lane).or_default().push_back(offset);
            }
        }
    }

    fn begin(&mut self, choose: impl FnOnce(usize) -> usize) {
        let free: Vec<u32> =
            self.waiting.keys().copied().filter(|lane| !self.in_flight.iter().any(|(of, _)| of == lane)).collect();
        if free.is_empty() || self.in_flight.len() == 8 {
            return;
        }
        let lane = free[choose(free.len())];
        let queue = self.waiting.get_mut(&lane).unwrap();
        let offset = queue.pop_front().unwrap();
        if queue.is_empty() {
            self.waiting.remove(&lane);
        }
        self.begun.push((offset, false));
        self.begins += 1;
        self.in_flight.push((lane, offset));
    }

    fn settle(&mut self, choose: impl FnOnce(usize) -> usize) {
        if self.in_flight.is_empty() {
            return;
        }
        let (lane, offset) = self.in_flight.remove(choose(self.in_flight.len()));
        self.effects.push((lane, offset));
        let Entry::Record(group) = self.log[usize::try_from(offset).unwrap()] else { panic!("no record at {offset}") };
        assert!(
            self.partition
                .complete(0, SettledRecord { offset, group, content: content(offset), bytes: 1, handled: true })
        );
        let own = self.begun.iter_mut().rev().find(|(begun, _)| *begun == offset).unwrap();
        own.1 = true;
    }

    fn checkpoint(&mut self, all: bool) {
        let (state, groups) = self.partition.checkpoint(all).unwrap();
        let entries = match groups {
            GroupsChange::All(entries) => {
                self.groups.clear();
                entries
            }
            GroupsChange::Some(entries) => entries,
        };
        self.groups.extend(entries.into_iter().map(|entry| (entry.group, entry)));
        self.stored.state = state;
        self.stored.groups = self.groups.values().copied().collect();
        self.begun.retain(|(_, settled)| !settled);
    }

    fn crash(&mut self, effects: &[bool]) {
        // The handler of a batch in flight may or may not have finished.
        for ((lane, offset), done) in self.in_flight.drain(..).zip(effects) {
            if *done {
                self.effects.push((lane, offset));
            }
        }
        let begun: Vec<_> = self.begun.drain(..).map(|(offset, _)| (offset, offset + 1)).collect();
        self.stored.repeats =
            self.stored.repeats.with_attempt(&begun, self.stored.state.position, &self.stored.state.above);
        self.partition = PartitionRun::new(&planned(&self.log), false);
        self.partition.restore(&self.stored);
        self.next = usize::try_from(self.stored.state.position).unwrap();
        self.waiting.clear();
    }

    fn finish(&mut self) {
        self.read(self.log.len() + 1);
        while !self.waiting.is_empty() || !self.in_flight.is_empty() {
            self.begin(|_| 0);
            self.settle(|_| 0);
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let (mut undisturbed, mut records, mut filtered) = (GroupTable::default(), BTreeSet::new(), 0);
        for (offset, entry) in (0_i64..).zip(&self.log) {
            match entry {
                Entry::Hole => {}
                Entry::Filtered(_) => filtered += 1,
                Entry::Record(group) => {
                    undisturbed.add(*group, content(offset));
                    records.insert(offset);
                }
            }
        }
        let mut seen = BTreeSet::new();
        let first_time: Vec<_> = self.effects.iter().filter(|(_, offset)| seen.insert(*offset)).collect();
        prop_assert_eq!(&seen, &records, "every record has its effect, and there are no others");
        let mut last = BTreeMap::new();
        for (lane, offset) in first_time {
            prop_assert!(last.insert(lane, offset).is_none_or(|before| before < offset), "{} is out of order", offset);
        }
        let counters = self.partition.counters();
        prop_assert!(self.partition.is_complete());
        prop_assert_eq!((counters.handled, counters.filtered), (records.len() as u64, filtered));
        prop_assert_eq!(counters.duplicates, (self.begins - records.len()) as u64, "each repeated beginning counts");
        prop_assert!(counters.duplicates >= (self.effects.len() - records.len()) as u64);
        if self.ordered {
            prop_assert_eq!(self.partition.groups.digest(), undisturbed.digest());
        }
        prop_assert_eq!(self.partition.groups.records(), records.len() as u64);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn an_interrupted_run_ends_like_an_undisturbed_one(
        log in prop::collection::vec(entry(), 1..60),
        steps in prop::collection::vec(step(), 0..250),
        ordered in any::<bool>(),
    ) {
        let mut world = World::new(log, ordered);
        for step in steps {
            world.take(step);
        }
        world.finish();
        world.check()?;
    }
}
