//! Two processes own a partition in turn, under any behaviour of the group, compared with a model that knows every
//! record.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kreplay_model::domain::{Offset, TopicPartition};
use proptest::prelude::*;

use super::Owner;
use super::{CommitNote, Delivery, PartitionRun, PositionSource, SettledRecord};
use crate::plan::PlannedPartition;

const END: i64 = 40;

/// How an assignment ends.
#[derive(Clone, Copy, Debug)]
enum AssignmentEnd {
    /// The last positions are committed and acknowledged.
    Acknowledged,
    /// They are committed, but the acknowledgement is lost.
    Unacknowledged,
    /// Nothing can be committed any more.
    Lost,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The group assigns the partition to a process.
    Assign(usize, AssignmentEnd),
    Read(i64),
    Take(usize),
    Settle(usize, usize),
    Commit {
        is_acknowledged: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let end =
        prop_oneof![Just(AssignmentEnd::Acknowledged), Just(AssignmentEnd::Unacknowledged), Just(AssignmentEnd::Lost)];
    prop_oneof![
        2 => (0..2_usize, end).prop_map(|(process, end)| Step::Assign(process, end)),
        4 => (1..9_i64).prop_map(Step::Read),
        8 => (0..64_usize).prop_map(Step::Take),
        7 => (0..2_usize, 0..64_usize).prop_map(|(process, index)| Step::Settle(process, index)),
        2 => any::<bool>().prop_map(|is_acknowledged| Step::Commit { is_acknowledged }),
    ]
}

struct Process {
    partition: PartitionRun,
    epoch: u32,
    next: i64,
    waiting: VecDeque<i64>,
    /// Records in flight, with the assignment that they were read under.
    in_flight: Vec<(u32, i64)>,
    /// The offsets handled here, with how often.
    handled: BTreeMap<i64, u32>,
}

struct World {
    holes: BTreeSet<i64>,
    processes: [Process; 2],
    owner: Option<usize>,
    committed: Option<i64>,
    note: String,
}

impl World {
    fn new(holes: BTreeSet<i64>) -> Self {
        let planned =
            PlannedPartition { id: TopicPartition::new("t", 0), first: Offset::ZERO, end: Offset::new(END).unwrap() };
        let process = || Process {
            partition: PartitionRun::new(&planned, false),
            epoch: 0,
            next: 0,
            waiting: VecDeque::new(),
            in_flight: Vec::new(),
            handled: BTreeMap::new(),
        };
        Self { holes, processes: [process(), process()], owner: None, committed: None, note: String::new() }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Assign(to, end) => self.assign(to, end),
            Step::Read(count) => self.read(count),
            Step::Take(index) => self.begin(index),
            Step::Settle(process, index) => self.settle(process, index),
            Step::Commit { is_acknowledged } => self.commit(is_acknowledged),
        }
    }

    fn assign(&mut self, to: usize, end: AssignmentEnd) {
        if let Some(from) = self.owner.take() {
            match end {
                AssignmentEnd::Acknowledged => {
                    self.owner = Some(from);
                    while !self.processes[from].in_flight.is_empty() {
                        self.settle(from, 0);
                    }
                    self.commit(true);
                    self.owner = None;
                }
                AssignmentEnd::Unacknowledged => {
                    self.owner = Some(from);
                    self.commit(false);
                    self.owner = None;
                }
                AssignmentEnd::Lost => {}
            }
            let process = &mut self.processes[from];
            process.waiting.clear();
            process.partition.end_assignment(process.epoch + 1, PositionSource::Acknowledged);
            let position = process.partition.position();
            assert!(position <= self.committed, "{position:?} is above the group's position: {:?}", self.committed);
        }
        let wanted = self.committed.unwrap_or(0);
        let earlier = CommitNote::decode(wanted, &self.note).handled;
        let settled: Vec<bool> = (0..END).map(|offset| self.is_settled(offset)).collect();
        let process = &mut self.processes[to];
        process.epoch = process.partition.epoch + 1;
        let start = process.partition.begin_after(process.epoch, wanted, Owner::Shared, earlier);
        if let Some(committed) = self.committed {
            process.partition.acknowledge(committed);
        }
        for offset in wanted..start {
            assert!(settled[usize::try_from(offset).unwrap()], "{offset} is left out, but was not handled");
        }
        assert!(start == END || !process.handled.contains_key(&start), "{start} was handled here");
        process.next = start;
        self.owner = Some(to);
    }

    fn is_settled(&self, offset: i64) -> bool {
        self.holes.contains(&offset) || self.processes.iter().any(|process| process.handled.contains_key(&offset))
    }

    fn read(&mut self, count: i64) {
        let Some(owner) = self.owner else { return };
        for _ in 0..count {
            let process = &mut self.processes[owner];
            let offset = process.next;
            if offset >= END {
                process.partition.reach(process.epoch, END);
                return;
            }
            process.next += 1;
            if self.holes.contains(&offset) {
                continue;
            }
            match process.partition.deliver(process.epoch, offset, false) {
                Delivery::New => process.waiting.push_back(offset),
                Delivery::Duplicate => assert!(self.is_settled(offset), "{offset} was not handled"),
                other => panic!("{offset}: {other:?}"),
            }
        }
    }

    /// A worker takes a record. One that was handled in the meantime is settled at once.
    fn begin(&mut self, index: usize) {
        let Some(owner) = self.owner else { return };
        let process = &mut self.processes[owner];
        // A worker owns the lane of a record until it returns it.
        let free = |offset: &i64| !process.in_flight.iter().any(|(_, held)| held == offset);
        let free: Vec<i64> = process.waiting.iter().copied().filter(free).collect();
        if free.is_empty() {
            return;
        }
        let offset = free[index % free.len()];
        process.waiting.retain(|waiting| *waiting != offset);
        if process.partition.was_handled_late(process.epoch, offset) {
            assert!(process.partition.complete(process.epoch, completed(offset)));
        } else {
            assert!(!process.handled.contains_key(&offset), "{offset} was handled here before");
            process.in_flight.push((process.epoch, offset));
        }
    }

    fn settle(&mut self, process: usize, index: usize) {
        let process = &mut self.processes[process];
        if process.in_flight.is_empty() {
            return;
        }
        let (epoch, offset) = process.in_flight.remove(index % process.in_flight.len());
        *process.handled.entry(offset).or_default() += 1;
        let counts = process.partition.complete(epoch, completed(offset));
        let is_current = epoch == process.partition.epoch && process.partition.reached().is_some();
        assert!(counts || !is_current, "{offset} was handled but does not count");
    }

    fn commit(&mut self, is_acknowledged: bool) {
        let Some(owner) = self.owner else { return };
        let partition = &mut self.processes[owner].partition;
        let position = partition.position().unwrap();
        assert!(Some(position) >= self.committed, "the group's position never decreases");
        (self.committed, self.note) = (Some(position), partition.commit_note(position, None));
        if is_acknowledged {
            partition.acknowledge(position);
        }
        let handled = CommitNote::decode(position, &self.note).handled;
        for offset in 0..END {
            let is_noted = offset < position || handled.contains(offset);
            assert!(!is_noted || self.is_settled(offset), "{offset} is noted as handled");
        }
    }

    fn finish(&mut self) {
        if self.owner.is_none() {
            self.assign(0, AssignmentEnd::Lost);
        }
        let owner = self.owner.unwrap();
        self.read(END + 1);
        while !self.processes[owner].waiting.is_empty() || self.processes.iter().any(|one| !one.in_flight.is_empty()) {
            self.begin(0);
            for process in 0..2 {
                self.settle(process, 0);
            }
        }
        assert!(self.processes[owner].partition.is_complete());
        self.commit(true);
        assert!(self.processes[owner].partition.is_acknowledged());
        for offset in 0..END {
            assert!(self.is_settled(offset), "{offset} was left out");
        }
        for process in &self.processes {
            assert!(process.handled.values().all(|times| *times == 1), "twice here: {:?}", process.handled);
            assert!(process.partition.handled <= process.handled.len() as u64);
        }
        let counted: u64 = self.processes.iter().map(|process| process.partition.handled).sum();
        let records = u64::try_from(END).unwrap() - self.holes.len() as u64;
        assert!(counted >= records, "{counted} of {records} count");
        if self.processes[1].handled.is_empty() {
            assert_eq!(counted, records, "alone, a process counts each record once");
        }
    }
}

fn completed(offset: i64) -> SettledRecord {
    SettledRecord { offset, group: 1, content: offset.unsigned_abs(), bytes: 1, handled: true }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_record_is_left_out_and_no_process_handles_a_record_twice(
        holes in prop::collection::btree_set(0..END, 0..10),
        steps in prop::collection::vec(step(), 0..250),
        alone in any::<bool>(),
    ) {
        let mut world = World::new(holes);
        for step in steps {
            match step {
                Step::Assign(_, end) if alone => world.take(Step::Assign(0, end)),
                step => world.take(step),
            }
        }
        world.finish();
    }
}
