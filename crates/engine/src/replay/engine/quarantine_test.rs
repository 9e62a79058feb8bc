//! Quarantine in an engine, through random schedules: positions never pass waiting records, and no record is lost or
//! counted twice, across changes of assignment and crashes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;

use super::fixture::{Fixture, HOLE, Log};
use crate::{
    handler::{Advice, LaneFailure, LaneRun},
    journal::{GroupsChange, StoredPartition},
    replay::{
        engine::DeadLetterBatch,
        lanes::quarantine::QuarantineReason,
        partition::{Owner, PositionSource},
    },
    settings::{OnFailure, Retry, Settings},
};

const PARTITIONS: u32 = 2;
const KEYS: u64 = 4;

#[derive(Clone, Debug)]
enum Step {
    Read { partition: u32, count: i64 },
    Take { worker: u32 },
    Settle { index: usize },
    Release { index: usize },
    Discard { index: usize },
    Send,
    Sent { index: usize, arrived: bool },
    Reassign { partition: u32, back: i64 },
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let partition = || 0..PARTITIONS;
    prop_oneof![
        5 => (partition(), 1..9_i64).prop_map(|(partition, count)| Step::Read { partition, count }),
        9 => (0..3_u32).prop_map(|worker| Step::Take { worker }),
        9 => (0..4_usize).prop_map(|index| Step::Settle { index }),
        1 => (0..4_usize).prop_map(|index| Step::Release { index }),
        1 => (0..4_usize).prop_map(|index| Step::Discard { index }),
        3 => Just(Step::Send),
        3 => (0..4_usize, any::<bool>()).prop_map(|(index, arrived)| Step::Sent { index, arrived }),
        1 => (partition(), 0..9_i64).prop_map(|(partition, back)| Step::Reassign { partition, back }),
        1 => Just(Step::Crash),
    ]
}

fn log() -> impl Strategy<Value = Log> {
    let key = prop_oneof![6 => (0..4_u8).prop_map(Some), 1 => Just(HOLE)];
    prop::collection::vec(prop::collection::vec(key, 0..40), PARTITIONS as usize)
}

#[derive(Default)]
struct Part {
    epoch: u32,
    next: i64,
    handled: BTreeSet<i64>,
    dead: BTreeSet<i64>,
    newest: BTreeMap<u8, i64>,
}

struct World {
    fixture: Fixture,
    parts: Vec<Part>,
    in_flight: Vec<(u32, Vec<LaneRun>)>,
    letters: Vec<DeadLetterBatch>,
    fixed: bool,
    /// Discarded keys.
    discarded: BTreeSet<u8>,
}

impl World {
    fn new(log: &Log) -> Self {
        let fixture = Self::fixture(log);
        let parts = (0..PARTITIONS).map(|_| Part::default()).collect();
        let mut world = Self {
            fixture,
            parts,
            in_flight: Vec::new(),
            letters: Vec::new(),
            fixed: false,
            discarded: BTreeSet::new(),
        };
        (0..PARTITIONS).for_each(|partition| world.reassign(partition, 0));
        world
    }

    fn fixture(log: &Log) -> Fixture {
        let settings = Settings {
            retry: Retry { attempts: 1, first_delay: Duration::ZERO, ..Retry::default() },
            on_failure: OnFailure::DeadLetter,
            quarantine: true,
            ..Settings::default()
        };
        let fixture = Fixture::with(log, settings);
        let _ = fixture.engine.scheduler.set_workers(3);
        fixture
    }

    /// The process dies right after a checkpoint, and another one resumes. The records in flight are lost with it.
    fn crash(&mut self) {
        let next = Self::fixture(&self.fixture.log);
        let before = std::mem::replace(&mut self.fixture, next);
        let engine = &self.fixture.engine;
        let discarded = before.engine.scheduler.discarded(usize::MAX).unwrap();
        engine
            .scheduler
            .restore_discarded(discarded.iter().map(|key| QuarantineReason::from_journal(key.to_journal())));
        for (number, part) in (0_u32..).zip(&mut self.parts) {
            let Some((state, groups)) = before.engine.partitions.with(number, |one| one.checkpoint(true)) else {
                panic!("the partition has no owner")
            };
            let GroupsChange::All(groups) = groups else { panic!("all groups were requested") };
            (part.epoch, part.next) = (0, state.position);
            engine.restore(number, &StoredPartition { state, groups, ..StoredPartition::default() });
        }
        (self.in_flight, self.letters) = (Vec::new(), Vec::new());
    }

    fn is_broken(&self, offset: i64) -> bool {
        !self.fixed && offset % 7 == 3
    }

    /// The partition is assigned again, a little below its position.
    fn reassign(&mut self, partition: u32, back: i64) {
        let part = &mut self.parts[partition as usize];
        let engine = &self.fixture.engine;
        let position = engine.partitions.with(partition, |one| one.position().unwrap_or(0));
        part.epoch += 1;
        part.next = (position - back).max(0);
        engine.partitions.with(partition, |one| one.end_assignment(part.epoch, PositionSource::Own));
        engine.scheduler.fence(std::iter::once((partition, part.epoch)));
        engine.partitions.with(partition, |one| one.begin(part.epoch, part.next, Owner::Shared));
    }

    fn read(&mut self, partition: u32, count: i64) {
        let end = self.fixture.end(partition);
        let part = &mut self.parts[partition as usize];
        let range = part.next..(part.next + count).min(end);
        part.next = range.end;
        self.fixture.deliver(partition, part.epoch, range);
        if part.next == end {
            self.fixture.engine.reach(partition, part.epoch, end);
        }
    }

    fn take(&mut self, worker: u32) -> bool {
        let mut batch = Vec::new();
        let busy = self.in_flight.iter().any(|(one, _)| *one == worker);
        let taken = !busy && self.fixture.engine.scheduler.try_take(worker, &mut batch);
        if taken {
            self.in_flight.push((worker, batch));
        }
        taken
    }

    fn settle(&mut self, index: usize) {
        if self.in_flight.is_empty() {
            return;
        }
        let (_, batch) = self.in_flight.remove(index % self.in_flight.len());
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                if self.fixture.engine.partitions.was_handled_late(record) {
                    continue;
                }
                if self.is_broken(record.offset) {
                    failures.push(LaneFailure { run, done, error: "as planned".into(), advice: Advice::Retry });
                    break;
                }
                let part = &mut self.parts[record.partition as usize];
                let is_current = record.epoch == part.epoch;
                let is_settled = part.handled.contains(&record.offset) || part.dead.contains(&record.offset);
                // A record that was in flight at the reassignment also counts, once.
                if is_current || !is_settled {
                    let is_discarded = self.discarded.contains(&record.key().unwrap()[0]);
                    assert!(!is_current || !is_discarded, "{record:?} comes after dead letters");
                    assert!(part.handled.insert(record.offset), "{record:?} counts twice");
                    let key = record.key().unwrap()[0];
                    let before = part.newest.insert(key, record.offset);
                    assert!(before.is_none_or(|before| before < record.offset), "{record:?} after {before:?}");
                }
            }
        }
        self.fixture.engine.settle(batch, &failures, Duration::ZERO);
    }

    fn send(&mut self) {
        for (run, reason) in self.fixture.engine.scheduler.take_discarded() {
            let count = run.records.len();
            self.letters.push(DeadLetterBatch { run, done: 0, count, reason, discarded: true });
        }
    }

    fn sent(&mut self, index: usize, arrived: bool) {
        if self.letters.is_empty() {
            return;
        }
        let letter = self.letters.remove(index % self.letters.len());
        let sent = if arrived { letter.count } else { letter.count / 2 };
        for record in &letter.run.records[..sent] {
            let part = &mut self.parts[record.partition as usize];
            if record.epoch == part.epoch && !self.fixture.engine.partitions.was_handled_late(record) {
                assert!(part.dead.insert(record.offset), "{record:?} is dead-lettered twice");
                let key = record.key().unwrap()[0];
                let before = part.newest.insert(key, record.offset);
                assert!(before.is_none_or(|before| before < record.offset), "{record:?} after {before:?}");
            }
        }
        if arrived {
            self.fixture.engine.dead_lettered(letter, "t.dlq");
        } else {
            self.fixture.engine.not_dead_lettered(letter, sent);
        }
    }

    fn decide(&mut self, index: usize, release: bool) {
        let scheduler = &self.fixture.engine.scheduler;
        let waiting = scheduler.quarantined();
        if !waiting.is_empty() {
            let key = [waiting[index % waiting.len()].reason.hash];
            if release {
                scheduler.release(&key, |released| assert_eq!(released, 1));
            } else {
                assert_eq!(scheduler.discard(&key), 1);
            }
            if !release {
                self.discarded.insert(waiting[index % waiting.len()].first.key().unwrap()[0]);
            }
        }
    }

    fn check(&self) {
        for waiting in self.fixture.engine.scheduler.quarantined() {
            let epoch = self.parts[waiting.first.partition as usize].epoch;
            assert_eq!(waiting.first.epoch, epoch, "a fenced record is still in quarantine");
        }
        assert!(self.fixture.engine.scheduler.lanes_used() <= KEYS, "a quarantined key counts as another lane");
        for (part, number) in self.parts.iter().zip(0_u32..) {
            let run = self.fixture.engine.partitions.lock(number);
            for offset in 0..run.position().unwrap_or(0) {
                let there = self.fixture.key(number, offset) != HOLE;
                let settled = part.handled.contains(&offset) || part.dead.contains(&offset);
                assert!(!there || settled, "{number}/{offset} was passed");
            }
            assert_eq!((run.handled, run.passed_over), (part.handled.len() as u64, part.dead.len() as u64));
            assert!(part.handled.is_disjoint(&part.dead));
        }
    }

    fn finish(&mut self) {
        self.fixed = true;
        (0..PARTITIONS).for_each(|partition| self.read(partition, i64::from(u16::MAX)));
        loop {
            while !self.fixture.engine.scheduler.quarantined().is_empty() {
                self.decide(0, true);
            }
            self.send();
            self.take(0);
            let idle = self.letters.is_empty() && self.in_flight.is_empty();
            self.sent(0, true);
            self.settle(0);
            self.check();
            if idle {
                break;
            }
        }
        let engine = &self.fixture.engine;
        assert_eq!((engine.partitions.open(), engine.scheduler.load()), (0, (0, 0)), "records are left");
        assert_eq!(engine.memory.held.load(std::sync::atomic::Ordering::Relaxed), 0, "memory was not freed");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn positions_never_pass_quarantined_records(
        log in log(),
        steps in prop::collection::vec(step(), 1..200),
        in_group in any::<bool>(),
    ) {
        let mut world = World::new(&log);
        for step in steps {
            match step {
                Step::Read { partition, count } => world.read(partition, count),
                Step::Take { worker } => {
                    world.take(worker);
                }
                Step::Settle { index } => world.settle(index),
                Step::Release { index } => world.decide(index, true),
                Step::Discard { index } => world.decide(index, false),
                Step::Send => world.send(),
                Step::Sent { index, arrived } => world.sent(index, arrived),
                // A journal keeps positions only if there is no group.
                Step::Reassign { partition, back } if in_group => world.reassign(partition, back),
                Step::Crash if !in_group => world.crash(),
                Step::Reassign { .. } | Step::Crash => {}
            }
            world.check();
        }
        world.finish();
    }
}
