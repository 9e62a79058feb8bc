//! Quarantine through random schedules: every key in its order, nothing lost, nothing in two hands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{Exclusion, Lanes, quarantine::Trouble};
use crate::{
    domain::{Record, RecordBufferBuilder, Route},
    handler::LaneRun,
};

const PARTITIONS: u32 = 2;
const KEYS: u64 = 4;

#[derive(Clone, Debug)]
enum Op {
    Push { key: u64, partition: u32, count: u8 },
    Take { max: usize },
    Finish { hand: prop::sample::Index, part: prop::sample::Index, outcome: u8 },
    Pass,
    Release { key: u64 },
    Condemn { key: u64 },
    Leave,
    Left { hand: prop::sample::Index, part: prop::sample::Index },
    Fence { partition: u32 },
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0..KEYS, 0..PARTITIONS, 1..4_u8).prop_map(|(key, partition, count)| Op::Push { key, partition, count }),
        6 => (1..8_usize).prop_map(|max| Op::Take { max }),
        6 => (index(), index(), 0..6_u8).prop_map(|(hand, part, outcome)| Op::Finish { hand, part, outcome }),
        1 => Just(Op::Pass),
        1 => (0..KEYS).prop_map(|key| Op::Release { key }),
        1 => (0..KEYS).prop_map(|key| Op::Condemn { key }),
        2 => Just(Op::Leave),
        2 => (index(), index()).prop_map(|(hand, part)| Op::Left { hand, part }),
        1 => (0..PARTITIONS).prop_map(|partition| Op::Fence { partition }),
    ]
}

struct World {
    lanes: Lanes,
    held: Arc<AtomicU64>,
    epochs: [u32; PARTITIONS as usize],
    next: i64,
    now: Instant,
    hands: Vec<LaneRun>,
    leaving: Vec<LaneRun>,
    /// What is neither done nor fenced off, by key in the order it came.
    open: BTreeMap<u64, BTreeSet<i64>>,
    quarantined: BTreeSet<u64>,
    condemned: BTreeSet<u64>,
}

impl World {
    fn new() -> Self {
        Self {
            // One lane: all keys share their group.
            lanes: Lanes::new(Exclusion::Exclusive, 1 + PARTITIONS, PARTITIONS as usize, 1),
            held: Arc::default(),
            epochs: [0; PARTITIONS as usize],
            next: 0,
            now: Instant::now(),
            hands: Vec::new(),
            leaving: Vec::new(),
            open: BTreeMap::new(),
            quarantined: BTreeSet::new(),
            condemned: BTreeSet::new(),
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

    /// A record is dealt with: it is the first of its key that is left.
    fn done(&mut self, record: &Record) {
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
                    assert!(!self.quarantined.contains(&key) && !self.condemned.contains(&key), "{key} was put aside");
                    let others = self.hands.iter().chain(&self.leaving).flat_map(|run| &run.records);
                    assert!(others.clone().all(|other| other.lane_hash() != Some(key)), "{key} is in two hands");
                }
                self.hands.extend(out);
            }
            Op::Finish { hand, part, outcome } if !self.hands.is_empty() => {
                let run = self.hands.remove(hand.index(self.hands.len()));
                let done = part.index(run.records.len() + 1);
                run.records[..done].iter().for_each(|record| self.done(record));
                let failed = run.records.get(done).filter(|record| self.is_fresh(record)).cloned();
                match (outcome, failed) {
                    (0..=2, Some(failed)) => {
                        self.quarantined.insert(failed.lane_hash().unwrap());
                        self.lanes.quarantine(run, done, Trouble::new(&failed, "as planned".into(), 1));
                    }
                    (3, _) => self.lanes.finish(run, done, Some(self.now + Duration::from_millis(5))),
                    _ => self.lanes.finish(run, done, None),
                }
            }
            Op::Pass => {
                self.now += Duration::from_millis(10);
                self.lanes.wake(self.now);
            }
            Op::Release { key } => assert_eq!(self.lanes.release(key), self.quarantined.remove(&key)),
            Op::Condemn { key } => {
                let was = self.quarantined.remove(&key);
                assert_eq!(self.lanes.condemn(key), was);
                if was {
                    self.condemned.insert(key);
                }
            }
            Op::Leave => {
                for (run, trouble) in self.lanes.take_condemned() {
                    assert!(self.condemned.contains(&trouble.hash) && !run.records.is_empty());
                    assert!(run.records.iter().all(|one| self.is_fresh(one) && one.lane_hash() == Some(trouble.hash)));
                    self.leaving.push(run);
                }
            }
            Op::Left { hand, part } if !self.leaving.is_empty() => {
                let run = self.leaving.remove(hand.index(self.leaving.len()));
                let done = part.index(run.records.len() + 1);
                run.records[..done].iter().for_each(|record| self.done(record));
                self.lanes.finish_condemned(run, done);
            }
            Op::Fence { partition } => self.fence(partition),
            Op::Finish { .. } | Op::Left { .. } => {}
        }
    }

    fn fence(&mut self, partition: u32) {
        self.epochs[partition as usize] += 1;
        self.lanes.fence(partition, self.epochs[partition as usize]);
        self.lanes.drop_stale_aside();
        // What failed may be gone, and the quarantine with it.
        self.quarantined = self.lanes.quarantined().iter().map(|one| one.trouble.hash).collect();
        let gone = self.epochs;
        let mut fresh: BTreeMap<u64, BTreeSet<i64>> = BTreeMap::new();
        let hands = self.hands.iter().chain(&self.leaving).flat_map(|run| &run.records);
        let queued = self.lanes.all.iter().flat_map(|lane| &lane.records);
        for record in hands.chain(queued).filter(|one| one.epoch == gone[one.partition as usize]) {
            fresh.entry(record.lane_hash().unwrap()).or_default().insert(record.offset);
        }
        self.open = fresh;
    }

    fn check(&self) {
        let load = self.lanes.quarantine_load();
        let waiting = self.lanes.quarantined();
        let named: BTreeSet<u64> = waiting.iter().map(|one| one.trouble.hash).collect();
        assert_eq!((named.len(), &named), (load.keys, &self.quarantined));
        assert!(waiting.iter().map(|one| one.records as u64).sum::<u64>() <= load.records);
        assert!(waiting.iter().map(|one| one.bytes).sum::<u64>() <= load.bytes);
        let in_hand: usize = self.hands.iter().chain(&self.leaving).map(|run| run.records.len()).sum();
        assert_eq!(self.lanes.in_hand(), in_hand as u64);
        let queued: usize = self.lanes.all.iter().map(|lane| lane.records.len()).sum();
        assert_eq!(self.lanes.waiting() + load.records, queued as u64);
        let sums: u64 = (0..PARTITIONS).map(|one| self.lanes.waiting_of(one).0).sum();
        assert_eq!(self.lanes.waiting(), sums);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_key_put_aside_keeps_its_order_and_holds_nobody_else(ops in prop::collection::vec(op(), 1..150)) {
        let mut world = World::new();
        for op in ops {
            world.apply(op);
            world.check();
        }
        for key in 0..KEYS {
            world.apply(Op::Release { key });
        }
        for _ in 0..2 {
            while let Some(run) = world.hands.pop() {
                run.records.iter().for_each(|record| world.done(record));
                world.lanes.finish(run, usize::MAX, None);
            }
            while let Some(run) = world.leaving.pop() {
                run.records.iter().for_each(|record| world.done(record));
                world.lanes.finish_condemned(run, usize::MAX);
            }
            world.apply(Op::Pass);
            world.apply(Op::Leave);
            world.apply(Op::Take { max: usize::MAX });
            world.check();
        }
        while let Some(run) = world.hands.pop() {
            run.records.iter().for_each(|record| world.done(record));
            world.lanes.finish(run, usize::MAX, None);
        }
        while let Some(run) = world.leaving.pop() {
            run.records.iter().for_each(|record| world.done(record));
            world.lanes.finish_condemned(run, usize::MAX);
        }
        prop_assert!(world.open.values().all(BTreeSet::is_empty), "left behind: {:?}", world.open);
        prop_assert_eq!((world.lanes.waiting(), world.lanes.in_hand()), (0, 0));
        prop_assert_eq!(world.held.load(std::sync::atomic::Ordering::Relaxed), 0, "memory was left behind");
    }
}
