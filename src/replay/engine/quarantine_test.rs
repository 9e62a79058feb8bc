//! Quarantine in an engine, through random schedules: positions never pass what waits, nothing is lost or counted twice,
//! through assignments that come and go, and processes that die.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;

use super::fixture::{Fixture, HOLE, Log};
use crate::{
    feed::Owner,
    handler::{Advice, LaneFailure, LaneRun},
    journal::{GroupsChange, StoredPartition},
    replay::{
        dead_letters::Letter,
        lanes::quarantine::Trouble,
        partition::Stand,
        settings::{OnFailure, Retry, Settings},
    },
};

const PARTITIONS: u32 = 2;
const KEYS: u64 = 4;

#[derive(Clone, Debug)]
enum Step {
    Read { partition: u32, count: i64 },
    Take { worker: u32 },
    Settle { index: usize },
    Release { index: usize },
    Condemn { index: usize },
    Leave,
    Left { index: usize, arrived: bool },
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
        1 => (0..4_usize).prop_map(|index| Step::Condemn { index }),
        3 => Just(Step::Leave),
        3 => (0..4_usize, any::<bool>()).prop_map(|(index, arrived)| Step::Left { index, arrived }),
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
    hands: Vec<(u32, Vec<LaneRun>)>,
    letters: Vec<Letter>,
    mended: bool,
    /// Keys that were given up.
    condemned: BTreeSet<u8>,
}

impl World {
    fn new(log: &Log) -> Self {
        let fixture = Self::fixture(log);
        let parts = (0..PARTITIONS).map(|_| Part::default()).collect();
        let mut world =
            Self { fixture, parts, hands: Vec::new(), letters: Vec::new(), mended: false, condemned: BTreeSet::new() };
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
        let _ = fixture.engine.board.set_workers(3);
        fixture
    }

    /// The process dies right after a checkpoint, and another goes on; what it has in hand is lost with it.
    fn crash(&mut self) {
        let next = Self::fixture(&self.fixture.log);
        let before = std::mem::replace(&mut self.fixture, next);
        let engine = &self.fixture.engine;
        let condemned = before.engine.board.condemned(usize::MAX).unwrap();
        engine.board.condemn_again(condemned.iter().map(|key| Trouble::from_journal(key.to_journal())));
        for (number, part) in (0_u32..).zip(&mut self.parts) {
            let Some((state, groups)) = before.engine.with(number, |one| one.checkpoint(true)) else {
                panic!("no owner")
            };
            let GroupsChange::All(groups) = groups else { panic!("all were wanted") };
            (part.epoch, part.next) = (0, state.position);
            engine.restore(number, &StoredPartition { state, groups, ..StoredPartition::default() });
        }
        (self.hands, self.letters) = (Vec::new(), Vec::new());
    }

    fn is_broken(&self, offset: i64) -> bool {
        !self.mended && offset % 7 == 3
    }

    /// The partition comes back under a new assignment, a little below its position.
    fn reassign(&mut self, partition: u32, back: i64) {
        let part = &mut self.parts[partition as usize];
        let engine = &self.fixture.engine;
        let position = engine.with(partition, |one| one.position().unwrap_or(0));
        part.epoch += 1;
        part.next = (position - back).max(0);
        engine.with(partition, |one| one.end_assignment(part.epoch, Stand::Own));
        engine.board.fence(std::iter::once((partition, part.epoch)));
        engine.with(partition, |one| one.begin(part.epoch, part.next, Owner::Shared));
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
        let busy = self.hands.iter().any(|(one, _)| *one == worker);
        let taken = !busy && self.fixture.engine.board.try_take(worker, &mut batch);
        if taken {
            self.hands.push((worker, batch));
        }
        taken
    }

    fn settle(&mut self, index: usize) {
        if self.hands.is_empty() {
            return;
        }
        let (_, batch) = self.hands.remove(index % self.hands.len());
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                if self.fixture.engine.was_handled_late(record) {
                    continue;
                }
                if self.is_broken(record.offset) {
                    failures.push(LaneFailure { run, done, error: "as planned".into(), advice: Advice::Retry });
                    break;
                }
                let part = &mut self.parts[record.partition as usize];
                let is_current = record.epoch == part.epoch;
                let is_dealt_with = part.handled.contains(&record.offset) || part.dead.contains(&record.offset);
                // What was in hand when the partition was given out anew counts as well, once.
                if is_current || !is_dealt_with {
                    let is_condemned = self.condemned.contains(&record.key().unwrap()[0]);
                    assert!(!is_current || !is_condemned, "{record:?} comes after dead letters");
                    assert!(part.handled.insert(record.offset), "{record:?} counts twice");
                    let key = record.key().unwrap()[0];
                    let before = part.newest.insert(key, record.offset);
                    assert!(before.is_none_or(|before| before < record.offset), "{record:?} after {before:?}");
                }
            }
        }
        self.fixture.engine.settle(batch, &failures, Duration::ZERO);
    }

    fn leave(&mut self) {
        for (run, trouble) in self.fixture.engine.board.take_condemned() {
            let count = run.records.len();
            self.letters.push(Letter { run, done: 0, count, trouble, condemned: true });
        }
    }

    fn left(&mut self, index: usize, arrived: bool) {
        if self.letters.is_empty() {
            return;
        }
        let letter = self.letters.remove(index % self.letters.len());
        let sent = if arrived { letter.count } else { letter.count / 2 };
        for record in &letter.run.records[..sent] {
            let part = &mut self.parts[record.partition as usize];
            if record.epoch == part.epoch && !self.fixture.engine.was_handled_late(record) {
                assert!(part.dead.insert(record.offset), "{record:?} is dead twice");
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
        let board = &self.fixture.engine.board;
        let waiting = board.quarantined();
        if !waiting.is_empty() {
            let key = [waiting[index % waiting.len()].trouble.hash];
            assert_eq!(if release { board.release(&key) } else { board.condemn(&key) }, 1);
            if !release {
                self.condemned.insert(waiting[index % waiting.len()].first.key().unwrap()[0]);
            }
        }
    }

    fn check(&self) {
        for waiting in self.fixture.engine.board.quarantined() {
            let epoch = self.parts[waiting.first.partition as usize].epoch;
            assert_eq!(waiting.first.epoch, epoch, "what was fenced off waits for nobody");
        }
        assert!(self.fixture.engine.board.lanes_used() <= KEYS, "a key put aside has no further lane");
        for (part, number) in self.parts.iter().zip(0_u32..) {
            let run = self.fixture.engine.partitions[number as usize].lock();
            for offset in 0..run.position().unwrap_or(0) {
                let there = self.fixture.key(number, offset) != HOLE;
                let dealt_with = part.handled.contains(&offset) || part.dead.contains(&offset);
                assert!(!there || dealt_with, "{number}/{offset} was passed");
            }
            assert_eq!((run.handled, run.passed_over), (part.handled.len() as u64, part.dead.len() as u64));
            assert!(part.handled.is_disjoint(&part.dead));
        }
    }

    fn finish(&mut self) {
        self.mended = true;
        (0..PARTITIONS).for_each(|partition| self.read(partition, i64::from(u16::MAX)));
        loop {
            while !self.fixture.engine.board.quarantined().is_empty() {
                self.decide(0, true);
            }
            self.leave();
            self.take(0);
            let idle = self.letters.is_empty() && self.hands.is_empty();
            self.left(0, true);
            self.settle(0);
            self.check();
            if idle {
                break;
            }
        }
        let engine = &self.fixture.engine;
        assert_eq!((engine.open(), engine.board.load()), (0, (0, 0)), "something was left behind");
        assert_eq!(engine.held.load(std::sync::atomic::Ordering::Relaxed), 0, "memory was left behind");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn positions_never_pass_what_waits_in_quarantine(
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
                Step::Condemn { index } => world.decide(index, false),
                Step::Leave => world.leave(),
                Step::Left { index, arrived } => world.left(index, arrived),
                // A journal keeps positions only where no group does.
                Step::Reassign { partition, back } if in_group => world.reassign(partition, back),
                Step::Crash if !in_group => world.crash(),
                Step::Reassign { .. } | Step::Crash => {}
            }
            world.check();
        }
        world.finish();
    }
}
