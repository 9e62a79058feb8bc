//! The board with barriers against a simple model, through random schedules.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{Board, HandBack, Then};
use crate::replay::lanes::quarantine::Trouble;
use crate::{
    domain::{Ordering, Record, RecordBufferBuilder, Route},
    handler::LaneRun,
};

const PARTITIONS: u32 = 3;
const KEYS: u32 = 4;

#[derive(Clone, Copy, Debug)]
enum Op {
    Put { partition: u32, key: u32, count: u8, barrier: bool },
    Take { worker: u32 },
    HandBack { hand: prop::sample::Index, part: prop::sample::Index, fails: bool },
    Fence { partition: u32 },
    Workers { workers: u32 },
    Pause { paused: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0..PARTITIONS, 0..KEYS, 1..5_u8, prop::bool::weighted(0.15))
            .prop_map(|(partition, key, count, barrier)| Op::Put { partition, key, count, barrier }),
        6 => (0..4_u32).prop_map(|worker| Op::Take { worker }),
        5 => (index(), index(), any::<bool>()).prop_map(|(hand, part, fails)| Op::HandBack { hand, part, fails }),
        1 => (0..PARTITIONS).prop_map(|partition| Op::Fence { partition }),
        1 => (1..5_u32).prop_map(|workers| Op::Workers { workers }),
        1 => any::<bool>().prop_map(|paused| Op::Pause { paused }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    Waits,
    InHand,
    Settled,
}

/// A delivered record; its place in the list is the order of delivery, and its offset.
#[derive(Clone, Copy, Debug)]
struct Known {
    lane: u32,
    partition: u32,
    epoch: u32,
    barrier: bool,
    status: Status,
}

struct Sim {
    board: Board,
    ordering: Ordering,
    known: Vec<Known>,
    epochs: Vec<u32>,
    hands: Vec<Vec<LaneRun>>,
}

impl Sim {
    fn new(ordering: Ordering) -> Self {
        let board = Board::new(ordering, KEYS.max(PARTITIONS), PARTITIONS as usize, 5);
        let this = Self { board, ordering, known: Vec::new(), epochs: vec![0; PARTITIONS as usize], hands: Vec::new() };
        this.set_workers(2);
        this
    }

    fn set_workers(&self, workers: u32) {
        let _ = self.board.set_workers(workers);
        if self.ordering == Ordering::Partition {
            self.board.assign((0..PARTITIONS).map(|partition| (partition, partition % workers)));
        }
    }

    fn put(&mut self, partition: u32, key: u32, count: u8, barrier: bool) {
        let (epoch, mut builder, mut records) =
            (self.epochs[partition as usize], RecordBufferBuilder::default(), vec![]);
        let lane = if self.ordering == Ordering::Key { key } else { partition };
        for at in 0..count {
            let route = Route { barrier: barrier && at == count / 2, ..Route::default() };
            let offset = i64::try_from(self.known.len()).unwrap();
            builder.push(partition, epoch, offset, -1, route, None, Some(b"seven b"));
            self.known.push(Known { lane, partition, epoch, barrier: route.barrier, status: Status::Waits });
        }
        builder.finish(&Arc::default(), &mut records);
        self.board.put(records.into_iter().map(|record| (lane, record)));
    }

    fn is_live(&self, known: &Known) -> bool {
        known.epoch == self.epochs[known.partition as usize]
    }

    /// Waits, and is still ours.
    fn is_open(&self, known: &Known) -> bool {
        known.status == Status::InHand || known.status == Status::Waits && self.is_live(known)
    }

    fn take(&mut self, worker: u32) -> bool {
        let mut batch = Vec::new();
        if !self.board.try_take(worker, &mut batch) {
            return false;
        }
        let taken: Vec<&Record> = batch.iter().flat_map(|run| &run.records).collect();
        let in_hand = self.known.iter().filter(|known| known.status == Status::InHand).count();
        for record in &taken {
            let place = usize::try_from(record.offset).unwrap();
            let known = self.known[place];
            assert!(known.status == Status::Waits && self.is_live(&known), "{place}: {known:?}");
            let open_before = |known: &&Known| self.is_open(known);
            if known.barrier {
                assert_eq!((taken.len(), in_hand), (1, 0), "barrier {place} is not alone");
                assert_eq!(self.known[..place].iter().find(open_before).copied().map(|_| ()), None, "before {place}");
            }
            let passed = self.known[..place].iter().position(|other| other.barrier && self.is_open(other));
            assert_eq!(passed, None, "{place} passed a barrier");
            assert!(!self.known.iter().any(|other| other.barrier && other.status == Status::InHand), "{place}");
        }
        let offsets: Vec<usize> = taken.iter().map(|record| usize::try_from(record.offset).unwrap()).collect();
        for place in offsets {
            let lane = self.known[place].lane;
            if self.ordering != Ordering::None {
                let earlier = self.known[..place]
                    .iter()
                    .find(|other| other.lane == lane && other.status == Status::Waits && self.is_live(other));
                assert!(earlier.is_none(), "{place} before {earlier:?}");
            }
            self.known[place].status = Status::InHand;
        }
        self.hands.push(batch);
        true
    }

    fn hand_back(&mut self, hand: usize, part: usize, fails: bool) {
        let batch = self.hands.remove(hand % self.hands.len());
        let mut back = Vec::new();
        for run in batch {
            let done = if fails { part % run.records.len() } else { run.records.len() };
            for (at, record) in run.records.iter().enumerate() {
                let known = &mut self.known[usize::try_from(record.offset).unwrap()];
                known.status = if at < done { Status::Settled } else { Status::Waits };
            }
            back.push(HandBack { run, done, then: if fails { Then::Rest(Instant::now()) } else { Then::GoOn } });
        }
        self.board.hand_back(back.into_iter(), 1, Duration::from_millis(1));
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Put { partition, key, count, barrier } => self.put(partition, key, count, barrier),
            Op::Take { worker } => drop(self.take(worker)),
            Op::HandBack { hand, part, fails } if !self.hands.is_empty() => {
                self.hand_back(hand.index(self.hands.len()), part.index(64), fails);
            }
            Op::HandBack { .. } => {}
            Op::Fence { partition } => {
                self.epochs[partition as usize] += 1;
                self.board.fence(std::iter::once((partition, self.epochs[partition as usize])));
            }
            Op::Workers { workers } => self.set_workers(workers),
            Op::Pause { paused } => self.board.set_paused(paused),
        }
    }

    fn finish(mut self) {
        self.board.set_paused(false);
        self.set_workers(3);
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 100_000, "it never ends");
            let took = (0..3).filter(|worker| self.take(*worker)).count() > 0;
            if !self.hands.is_empty() {
                self.hand_back(0, 0, false);
            } else if !took {
                break;
            }
        }
        let lost = self.known.iter().position(|known| self.is_open(known));
        assert_eq!(lost, None, "{:?}", lost.map(|place| self.known[place]));
        let all: Vec<u32> = (0..PARTITIONS).collect();
        assert_eq!(self.board.waiting_bytes(&all).iter().sum::<u64>(), 0);
        assert_eq!(self.board.load(), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_barrier_is_alone_and_nothing_passes_it(
        ordering in prop::sample::select(vec![Ordering::Key, Ordering::Partition, Ordering::None]),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut sim = Sim::new(ordering);
        for op in ops {
            sim.apply(op);
        }
        sim.finish();
    }
}

/// Records of partition 0 with a key each, from an offset on; that at `barrier` is one.
fn keyed(first: i64, keys: impl IntoIterator<Item = u64>, barrier: Option<i64>) -> Vec<(u32, Record)> {
    let (mut builder, mut records) = (RecordBufferBuilder::default(), Vec::new());
    for (key, offset) in keys.into_iter().zip(first..) {
        let route = Route { barrier: barrier == Some(offset), ..Route::keyed(key) };
        builder.push(0, 0, offset, -1, route, Some(&key.to_le_bytes()), None);
    }
    builder.finish(&Arc::default(), &mut records);
    records.into_iter().map(|record| (u32::try_from(record.lane_hash().unwrap()).unwrap(), record)).collect()
}

/// A board with one worker that has a barrier in hand.
fn behind_a_barrier() -> (Board, Vec<LaneRun>) {
    let board = Board::new(Ordering::Key, 3, 1, 5);
    let _ = board.set_workers(1);
    board.put(keyed(0, [0], Some(0)).into_iter());
    let mut hand = Vec::new();
    assert!(board.try_take(0, &mut hand));
    (board, hand)
}

fn hand_back(board: &Board, hand: &mut Vec<LaneRun>, then: impl Fn(&LaneRun) -> (usize, Then)) {
    let runs: Vec<HandBack> = hand
        .drain(..)
        .map(|run| {
            let (done, then) = then(&run);
            HandBack { run, done, then }
        })
        .collect();
    board.hand_back(runs.into_iter(), 0, Duration::ZERO);
}

#[test]
fn what_waits_behind_a_barrier_counts_as_waiting_memory() {
    let (board, _hand) = behind_a_barrier();
    let records = keyed(1, [1, 2], None);
    let bytes: u64 = records.iter().map(|(_, record)| record.footprint()).sum();
    board.put(records.into_iter());
    assert_eq!(board.bytes(), bytes);
}

/// A long row of records that are put aside brings nobody back who would let the others go on.
#[test]
fn what_is_put_aside_does_not_keep_others_behind_a_barrier() {
    let (board, mut hand) = behind_a_barrier();
    let many = 3 * super::MOVED_AT_ONCE;
    board.put(keyed(1, std::iter::repeat_n(1, many).chain([2]), None).into_iter());
    hand_back(&board, &mut hand, |run| (run.records.len(), Then::GoOn));
    assert!(board.try_take(0, &mut hand));
    hand_back(&board, &mut hand, |run| (0, Then::Quarantine(Trouble::new(&run.records[0], "bad".into(), 1))));
    assert_eq!(board.quarantine_load().records, many as u64);
    assert!(board.try_take(0, &mut hand), "the other key can go on");
    assert_eq!(hand[0].records[0].lane_hash(), Some(2));
}
