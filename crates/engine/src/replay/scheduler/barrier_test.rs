//! Compares the scheduler, with barriers, with a simple model, through random schedules.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Ordering, Record, RecordBufferBuilder, Route};
use proptest::prelude::*;

use super::{AfterFailure, ReturnedLane, Scheduler};
use crate::handler::LaneRun;
use crate::replay::lanes::quarantine::QuarantineReason;

const PARTITIONS: u32 = 3;
const KEYS: u32 = 4;

#[derive(Clone, Copy, Debug)]
enum Op {
    Put { partition: u32, key: u32, count: u8, barrier: bool },
    Take { worker: u32 },
    Return { batch: prop::sample::Index, part: prop::sample::Index, fails: bool },
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
        5 => (index(), index(), any::<bool>()).prop_map(|(batch, part, fails)| Op::Return { batch, part, fails }),
        1 => (0..PARTITIONS).prop_map(|partition| Op::Fence { partition }),
        1 => (1..5_u32).prop_map(|workers| Op::Workers { workers }),
        1 => any::<bool>().prop_map(|paused| Op::Pause { paused }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    Waiting,
    InFlight,
    Settled,
}

/// A delivered record. Its index in the list is the order of delivery, and its offset.
#[derive(Clone, Copy, Debug)]
struct Known {
    lane: u32,
    partition: u32,
    epoch: u32,
    barrier: bool,
    status: Status,
}

struct Sim {
    scheduler: Scheduler,
    ordering: Ordering,
    known: Vec<Known>,
    epochs: Vec<u32>,
    in_flight: Vec<Vec<LaneRun>>,
}

impl Sim {
    fn new(ordering: Ordering) -> Self {
        let scheduler = Scheduler::new(ordering, KEYS.max(PARTITIONS), PARTITIONS as usize, 5);
        let this = Self {
            scheduler,
            ordering,
            known: Vec::new(),
            epochs: vec![0; PARTITIONS as usize],
            in_flight: Vec::new(),
        };
        this.set_workers(2);
        this
    }

    fn set_workers(&self, workers: u32) {
        let _ = self.scheduler.set_workers(workers);
        if self.ordering == Ordering::Partition {
            self.scheduler.assign((0..PARTITIONS).map(|partition| (partition, partition % workers)));
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
            self.known.push(Known { lane, partition, epoch, barrier: route.barrier, status: Status::Waiting });
        }
        builder.finish(&Arc::default(), &mut records);
        self.scheduler.put(records.into_iter().map(|record| (lane, record)));
    }

    fn is_live(&self, known: &Known) -> bool {
        known.epoch == self.epochs[known.partition as usize]
    }

    /// Not settled, and its partition is still assigned to this process.
    fn is_open(&self, known: &Known) -> bool {
        known.status == Status::InFlight || known.status == Status::Waiting && self.is_live(known)
    }

    fn take(&mut self, worker: u32) -> bool {
        let mut batch = Vec::new();
        if !self.scheduler.try_take(worker, &mut batch) {
            return false;
        }
        let taken: Vec<&Record> = batch.iter().flat_map(|run| &run.records).collect();
        let others = self.known.iter().filter(|known| known.status == Status::InFlight).count();
        for record in &taken {
            let index = usize::try_from(record.offset).unwrap();
            let known = self.known[index];
            assert!(known.status == Status::Waiting && self.is_live(&known), "{index}: {known:?}");
            let open_before = |known: &&Known| self.is_open(known);
            if known.barrier {
                assert_eq!((taken.len(), others), (1, 0), "barrier {index} is not handled alone");
                assert_eq!(self.known[..index].iter().find(open_before).copied().map(|_| ()), None, "before {index}");
            }
            let passed = self.known[..index].iter().position(|other| other.barrier && self.is_open(other));
            assert_eq!(passed, None, "{index} passed a barrier");
            assert!(!self.known.iter().any(|other| other.barrier && other.status == Status::InFlight), "{index}");
        }
        let offsets: Vec<usize> = taken.iter().map(|record| usize::try_from(record.offset).unwrap()).collect();
        for index in offsets {
            let lane = self.known[index].lane;
            if self.ordering != Ordering::None {
                let earlier = self.known[..index]
                    .iter()
                    .find(|other| other.lane == lane && other.status == Status::Waiting && self.is_live(other));
                assert!(earlier.is_none(), "{index} before {earlier:?}");
            }
            self.known[index].status = Status::InFlight;
        }
        self.in_flight.push(batch);
        true
    }

    fn return_lanes(&mut self, index: usize, part: usize, fails: bool) {
        let batch = self.in_flight.remove(index % self.in_flight.len());
        let mut back = Vec::new();
        for run in batch {
            let done = if fails { part % run.records.len() } else { run.records.len() };
            for (at, record) in run.records.iter().enumerate() {
                let known = &mut self.known[usize::try_from(record.offset).unwrap()];
                known.status = if at < done { Status::Settled } else { Status::Waiting };
            }
            back.push(ReturnedLane {
                run,
                done,
                after: if fails { AfterFailure::BackOff(Instant::now()) } else { AfterFailure::Continue },
            });
        }
        self.scheduler.return_lanes(back.into_iter(), 1, Duration::from_millis(1));
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Put { partition, key, count, barrier } => self.put(partition, key, count, barrier),
            Op::Take { worker } => drop(self.take(worker)),
            Op::Return { batch, part, fails } if !self.in_flight.is_empty() => {
                self.return_lanes(batch.index(self.in_flight.len()), part.index(64), fails);
            }
            Op::Return { .. } => {}
            Op::Fence { partition } => {
                self.epochs[partition as usize] += 1;
                self.scheduler.fence(std::iter::once((partition, self.epochs[partition as usize])));
            }
            Op::Workers { workers } => self.set_workers(workers),
            Op::Pause { paused } => self.scheduler.set_paused(paused),
        }
    }

    fn finish(mut self) {
        self.scheduler.set_paused(false);
        self.set_workers(3);
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 100_000, "the run never ends");
            let took = (0..3).filter(|worker| self.take(*worker)).count() > 0;
            if !self.in_flight.is_empty() {
                self.return_lanes(0, 0, false);
            } else if !took {
                break;
            }
        }
        let lost = self.known.iter().position(|known| self.is_open(known));
        assert_eq!(lost, None, "{:?}", lost.map(|index| self.known[index]));
        let all: Vec<u32> = (0..PARTITIONS).collect();
        assert_eq!(self.scheduler.waiting_bytes(&all).iter().sum::<u64>(), 0);
        assert_eq!(self.scheduler.load(), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_barrier_is_handled_alone_and_no_record_passes_it(
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

/// Records of partition 0 with one key each, from offset `first`. The record at offset `barrier` is a barrier.
fn keyed(first: i64, keys: impl IntoIterator<Item = u64>, barrier: Option<i64>) -> Vec<(u32, Record)> {
    let (mut builder, mut records) = (RecordBufferBuilder::default(), Vec::new());
    for (key, offset) in keys.into_iter().zip(first..) {
        let route = Route { barrier: barrier == Some(offset), ..Route::keyed(key) };
        builder.push(0, 0, offset, -1, route, Some(&key.to_le_bytes()), None);
    }
    builder.finish(&Arc::default(), &mut records);
    records.into_iter().map(|record| (u32::try_from(record.lane_hash().unwrap()).unwrap(), record)).collect()
}

/// A scheduler with one worker, with a barrier in flight.
fn behind_a_barrier() -> (Scheduler, Vec<LaneRun>) {
    let scheduler = Scheduler::new(Ordering::Key, 3, 1, 5);
    let _ = scheduler.set_workers(1);
    scheduler.put(keyed(0, [0], Some(0)).into_iter());
    let mut in_flight = Vec::new();
    assert!(scheduler.try_take(0, &mut in_flight));
    (scheduler, in_flight)
}

fn return_lanes(
    scheduler: &Scheduler,
    in_flight: &mut Vec<LaneRun>,
    after: impl Fn(&LaneRun) -> (usize, AfterFailure),
) {
    let runs: Vec<ReturnedLane> = in_flight
        .drain(..)
        .map(|run| {
            let (done, after) = after(&run);
            ReturnedLane { run, done, after }
        })
        .collect();
    scheduler.return_lanes(runs.into_iter(), 0, Duration::ZERO);
}

#[test]
fn records_behind_a_barrier_count_as_waiting_memory() {
    let (scheduler, _in_flight) = behind_a_barrier();
    let records = keyed(1, [1, 2], None);
    let bytes: u64 = records.iter().map(|(_, record)| record.footprint()).sum();
    scheduler.put(records.into_iter());
    assert_eq!(scheduler.bytes(), bytes);
}

/// Many quarantined records in a row must not keep later records behind the barrier: none of them is ever returned to
/// move the rest.
#[test]
fn quarantined_records_do_not_keep_others_behind_a_barrier() {
    let (scheduler, mut in_flight) = behind_a_barrier();
    let many = 3 * super::MAX_MOVED_RECORDS;
    scheduler.put(keyed(1, std::iter::repeat_n(1, many).chain([2]), None).into_iter());
    return_lanes(&scheduler, &mut in_flight, |run| (run.records.len(), AfterFailure::Continue));
    assert!(scheduler.try_take(0, &mut in_flight));
    return_lanes(&scheduler, &mut in_flight, |run| {
        (0, AfterFailure::Quarantine(QuarantineReason::new(&run.records[0], "bad".into(), 1)))
    });
    assert_eq!(scheduler.quarantine_load().records, many as u64);
    assert!(scheduler.try_take(0, &mut in_flight), "the other key is handled");
    assert_eq!(in_flight[0].records[0].lane_hash(), Some(2));
}
