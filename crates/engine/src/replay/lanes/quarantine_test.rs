//! Quarantine through random schedules: every key keeps its order, no record is lost, and no key has two owners.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use kreplay_model::domain::{Record, RecordBufferBuilder, Route};
use proptest::prelude::*;

use super::{Exclusion, Lanes, quarantine::QuarantineReason};
use crate::handler::LaneRun;

const PARTITIONS: u32 = 2;
const KEYS: u64 = 4;

#[derive(Clone, Debug)]
enum Op {
    Push { key: u64, partition: u32, count: u8 },
    Take { max: usize },
    Finish { batch: prop::sample::Index, part: prop::sample::Index, outcome: u8 },
    Advance,
    Release { key: u64 },
    Discard { key: u64 },
    Send,
    Sent { batch: prop::sample::Index, part: prop::sample::Index },
    Fence { partition: u32 },
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0..KEYS, 0..PARTITIONS, 1..4_u8).prop_map(|(key, partition, count)| Op::Push { key, partition, count }),
        6 => (1..8_usize).prop_map(|max| Op::Take { max }),
        6 => (index(), index(), 0..6_u8).prop_map(|(batch, part, outcome)| Op::Finish { batch, part, outcome }),
        1 => Just(Op::Advance),
        1 => (0..KEYS).prop_map(|key| Op::Release { key }),
        1 => (0..KEYS).prop_map(|key| Op::Discard { key }),
        2 => Just(Op::Send),
        2 => (index(), index()).prop_map(|(batch, part)| Op::Sent { batch, part }),
        1 => (0..PARTITIONS).prop_map(|partition| Op::Fence { partition }),
    ]
}

struct World {
    lanes: Lanes,
    held: Arc<AtomicU64>,
    epochs: [u32; PARTITIONS as usize],
    next: i64,
    now: Instant,
    in_flight: Vec<LaneRun>,
    sending: Vec<LaneRun>,
    /// Offsets that are neither settled nor fenced, by key, in order of arrival.
    open: BTreeMap<u64, BTreeSet<i64>>,
    quarantined: BTreeSet<u64>,
    discarded: BTreeSet<u64>,
}

impl World {
    fn new() -> Self {
        Self {
            // One lane: all keys are in the same key group.
            lanes: Lanes::new(Exclusion::Exclusive, 1 + PARTITIONS, PARTITIONS as usize, 1),
            held: Arc::default(),
            epochs: [0; PARTITIONS as usize],
            next: 0,
            now: Instant::now(),
            in_flight: Vec::new(),
            sending: Vec::new(),
            open: BTreeMap::new(),
            quarantined: BTreeSet::new(),
            discarded: BTreeSet::new(),
        }
    }

    fn push(&mut self, key: u64, partition: u32) {
        let mut builder = RecordBufferBuilder::default();
        let epoch = self.epochs[partition as usize];
        builder.push(partition, epoch, self.next, -1, Route::keyed(key), Some(&key.to_le_bytes()), Some(b"value"));
        let mut records = Vec::new();
        builder.finish(&self.held, &mut records);
        self.open.entry(key).or_default().insert(self.next);
        self.next += 1;
        self.lanes.push(0, records.remove(0));
    }

    fn is_fresh(&self, record: &Record) -> bool {
        record.epoch == self.epochs[record.partition as usize]
    }

    /// Settles a record: it must be the first open one of its key.
    fn settle(&mut self, record: &Record) {
        if self.is_fresh(record) {
            let key = record.lane_hash().unwrap();
            let open = self.open.get_mut(&key).unwrap();
            assert_eq!(open.pop_first(), Some(record.offset), "key {key} lost its order");
        }
    }

    #[allow(clippy::needless_pass_by_value, reason = "steps come one by one")]
    fn apply(&mut self, op: Op) {
        match op {
            Op::Push { key, partition, count } => (0..count).for_each(|_| self.push(key, partition)),
            Op::Take { max } => {
                let mut out = Vec::new();
                self.lanes.take(0, max, &mut out);
                for record in out.iter().flat_map(|run| &run.records) {
                    let key = record.lane_hash().unwrap();
                    assert!(self.is_fresh(record));
                    assert!(
                        !self.quarantined.contains(&key) && !self.discarded.contains(&key),
                        "{key} is in quarantine"
                    );
                    let others = self.in_flight.iter().chain(&self.sending).flat_map(|run| &run.records);
                    assert!(others.clone().all(|other| other.lane_hash() != Some(key)), "{key} has two owners");
                }
                self.in_flight.extend(out);
            }
            Op::Finish { batch, part, outcome } if !self.in_flight.is_empty() => {
                let run = self.in_flight.remove(batch.index(self.in_flight.len()));
                let done = part.index(run.records.len() + 1);
                run.records[..done].iter().for_each(|record| self.settle(record));
                let failed = run.records.get(done).filter(|record| self.is_fresh(record)).cloned();
                match (outcome, failed) {
                    (0..=2, Some(failed)) => {
                        self.quarantined.insert(failed.lane_hash().unwrap());
                        self.lanes.quarantine(run, done, QuarantineReason::new(&failed, "as planned".into(), 1));
                    }
                    (3, _) => self.lanes.finish(run, done, Some(self.now + Duration::from_millis(5))),
                    _ => self.lanes.finish(run, done, None),
                }
            }
            Op::Advance => {
                self.now += Duration::from_millis(10);
                self.lanes.end_backoffs(self.now);
            }
            Op::Release { key } => assert_eq!(self.lanes.release(key), self.quarantined.remove(&key)),
            Op::Discard { key } => {
                let was_quarantined = self.quarantined.remove(&key);
                assert_eq!(self.lanes.discard(key), was_quarantined);
                if was_quarantined {
                    self.discarded.insert(key);
                }
            }
            Op::Send => {
                for (run, reason) in self.lanes.take_discarded() {
                    assert!(self.discarded.contains(&reason.hash) && !run.records.is_empty());
                    assert!(run.records.iter().all(|one| self.is_fresh(one) && one.lane_hash() == Some(reason.hash)));
                    self.sending.push(run);
                }
            }
            Op::Sent { batch, part } if !self.sending.is_empty() => {
                let run = self.sending.remove(batch.index(self.sending.len()));
                let done = part.index(run.records.len() + 1);
                run.records[..done].iter().for_each(|record| self.settle(record));
                self.lanes.finish_discarded(run, done);
            }
            Op::Fence { partition } => self.fence(partition),
            Op::Finish { .. } | Op::Sent { .. } => {}
        }
    }

    fn fence(&mut self, partition: u32) {
        self.epochs[partition as usize] += 1;
        self.lanes.fence(partition, self.epochs[partition as usize]);
        self.lanes.drop_stale_quarantined();
        // The failed record may have been dropped, which ends the quarantine of its key.
        self.quarantined = self.lanes.quarantined().iter().map(|one| one.reason.hash).collect();
        let gone = self.epochs;
        let mut fresh: BTreeMap<u64, BTreeSet<i64>> = BTreeMap::new();
        let taken = self.in_flight.iter().chain(&self.sending).flat_map(|run| &run.records);
        let queued = self.lanes.all.iter().flat_map(|lane| &lane.records);
        for record in taken.chain(queued).filter(|one| one.epoch == gone[one.partition as usize]) {
            fresh.entry(record.lane_hash().unwrap()).or_default().insert(record.offset);
        }
        self.open = fresh;
    }

    fn check(&self) {
        let load = self.lanes.quarantine_load();
        let waiting = self.lanes.quarantined();
        let named: BTreeSet<u64> = waiting.iter().map(|one| one.reason.hash).collect();
        assert_eq!((named.len(), &named), (load.keys, &self.quarantined));
        assert!(waiting.iter().map(|one| one.records as u64).sum::<u64>() <= load.records);
        assert!(waiting.iter().map(|one| one.bytes).sum::<u64>() <= load.bytes);
        let in_flight: usize = self.in_flight.iter().chain(&self.sending).map(|run| run.records.len()).sum();
        assert_eq!(self.lanes.in_flight(), in_flight as u64);
        let queued: usize = self.lanes.all.iter().map(|lane| lane.records.len()).sum();
        assert_eq!(self.lanes.waiting() + load.records, queued as u64);
        let sums: u64 = (0..PARTITIONS).map(|one| self.lanes.waiting_of(one).0).sum();
        assert_eq!(self.lanes.waiting(), sums);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_quarantined_key_keeps_its_order_and_blocks_no_other_key(ops in prop::collection::vec(op(), 1..150)) {
        let mut world = World::new();
        for op in ops {
            world.apply(op);
            world.check();
        }
        for key in 0..KEYS {
            world.apply(Op::Release { key });
        }
        for _ in 0..2 {
            while let Some(run) = world.in_flight.pop() {
                run.records.iter().for_each(|record| world.settle(record));
                world.lanes.finish(run, usize::MAX, None);
            }
            while let Some(run) = world.sending.pop() {
                run.records.iter().for_each(|record| world.settle(record));
                world.lanes.finish_discarded(run, usize::MAX);
            }
            world.apply(Op::Advance);
            world.apply(Op::Send);
            world.apply(Op::Take { max: usize::MAX });
            world.check();
        }
        while let Some(run) = world.in_flight.pop() {
            run.records.iter().for_each(|record| world.settle(record));
            world.lanes.finish(run, usize::MAX, None);
        }
        while let Some(run) = world.sending.pop() {
            run.records.iter().for_each(|record| world.settle(record));
            world.lanes.finish_discarded(run, usize::MAX);
        }
        prop_assert!(world.open.values().all(BTreeSet::is_empty), "not settled: {:?}", world.open);
        prop_assert_eq!((world.lanes.waiting(), world.lanes.in_flight()), (0, 0));
        prop_assert_eq!(world.held.load(std::sync::atomic::Ordering::Relaxed), 0, "memory was not freed");
    }
}
