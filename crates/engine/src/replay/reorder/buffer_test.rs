//! The engine with a reorder buffer: which records come out, in which order, and that all of them do.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::{Offset, RecordBufferBuilder, Route, TopicPartition, hash_key},
    feed::EventLog,
};
use proptest::prelude::*;

use crate::{
    handler::LaneRun,
    journal::StoredPartition,
    plan::{Plan, PlannedPartition, Scope, Selection},
    replay::{engine::Engine, partition::Owner, reading::fetch_throttle::FetchThrottle},
    settings::Settings,
};

/// Key and timestamp of each record, by partition and offset.
type Log = Vec<Vec<(u8, i64)>>;

struct Sim {
    engine: Arc<Engine>,
    log: Log,
    next: Vec<usize>,
    fetch_throttle: FetchThrottle,
    paused: Vec<bool>,
    in_flight: Vec<LaneRun>,
    /// Every n-th record of a partition is a barrier; 0 for none.
    barrier_every: i64,
    /// The handled records, by key.
    handled: HashMap<u8, Vec<(u32, i64)>>,
}

fn planned(number: usize, end: usize) -> PlannedPartition {
    PlannedPartition {
        id: TopicPartition::new("t", i32::try_from(number).unwrap()),
        first: Offset::ZERO,
        end: Offset::new(i64::try_from(end).unwrap()).unwrap(),
    }
}

impl Sim {
    fn new(log: Log, partitions: usize, scope: Scope, follow: bool, buffer_bytes: u64) -> Self {
        let partitions: Vec<_> = (0..partitions).map(|number| planned(number, log[number].len())).collect();
        let plan = Plan {
            topics: vec!["t".into()],
            partitions,
            follow,
            selection: Selection { scope, ..Selection::default() },
            ..Plan::default()
        };
        let settings = Settings { buffer_bytes, ..Settings::default() };
        let engine = Arc::new(Engine::new(Arc::new(plan), settings, EventLog::default()));
        let _ = engine.scheduler.set_workers(1);
        let count = log.len();
        let mut this = Self {
            engine,
            log,
            next: vec![0; count],
            fetch_throttle: FetchThrottle::default(),
            paused: vec![false; count],
            in_flight: Vec::new(),
            barrier_every: 0,
            handled: HashMap::new(),
        };
        (0..this.engine.partitions.len()).for_each(|number| this.begin(number));
        this
    }

    /// The same run with a second partition, resumed after it was killed before its first checkpoint.
    fn resumed(before: Self) -> Self {
        let plan = Arc::clone(&before.engine.plan);
        let engine = Arc::new(Engine::new(plan, before.engine.settings.clone(), EventLog::default()));
        let _ = engine.scheduler.set_workers(1);
        engine.join(planned(1, 0));
        (0..2).for_each(|number| engine.restore(number, &StoredPartition::default()));
        Self { engine, ..before }
    }

    fn begin(&mut self, number: usize) {
        self.engine.partitions.with(u32::try_from(number).unwrap(), |one| one.begin(0, 0, Owner::Shared));
    }

    /// The fetcher reads records of a partition, unless the partition is paused or the record memory is full.
    fn read(&mut self, partition: usize, count: usize) {
        let known = self.engine.partitions.len();
        let left = self.log.iter().take(known).zip(&self.next).filter(|(log, next)| log.len() > **next).count();
        self.engine.memory.note_unfinished(left, 100);
        let all: Vec<u32> = (0..u32::try_from(known).unwrap()).collect();
        let changes = self.fetch_throttle.decide(&self.engine, &all, 1, Instant::now());
        for one in changes.pause {
            self.paused[one as usize] = true;
        }
        for one in changes.resume {
            self.paused[one as usize] = false;
        }
        if partition >= known || self.paused[partition] || !self.engine.wait_for_capacity(Duration::ZERO) {
            return;
        }
        let number = u32::try_from(partition).unwrap();
        let mut builder = RecordBufferBuilder::default();
        for _ in 0..count {
            let Some((key, time)) = self.log[partition].get(self.next[partition]) else { break };
            let offset = i64::try_from(self.next[partition]).unwrap();
            let barrier = self.barrier_every > 0 && offset % self.barrier_every == 0;
            let route = Route { barrier, ..Route::keyed(hash_key(&[*key])) };
            builder.push(number, 0, offset, *time, route, Some(&[*key]), Some(&[0; 50]));
            self.next[partition] += 1;
        }
        let mut records = Vec::new();
        builder.finish(&self.engine.memory.held, &mut records);
        self.engine.deliver(&mut records);
        if self.next[partition] == self.log[partition].len() {
            self.engine.reach(number, 0, i64::try_from(self.next[partition]).unwrap());
        }
    }

    fn take(&mut self) {
        if self.in_flight.is_empty() {
            self.engine.scheduler.try_take(0, &mut self.in_flight);
        }
    }

    fn settle(&mut self) {
        let batch = std::mem::take(&mut self.in_flight);
        for record in batch.iter().flat_map(|run| &run.records) {
            self.handled.entry(record.key().unwrap()[0]).or_default().push((record.partition, record.offset));
        }
        if !batch.is_empty() {
            self.engine.settle(batch, &[], Duration::from_micros(1));
        }
    }

    fn all_handled(&self) -> bool {
        self.handled.values().map(Vec::len).sum::<usize>() == self.log.iter().map(Vec::len).sum::<usize>()
    }
}

fn logs(partitions: std::ops::Range<usize>) -> impl Strategy<Value = Log> {
    prop::collection::vec(prop::collection::vec((0_u8..4, 0_i64..30), 0..40), partitions)
}

proptest! {
    /// With any amount of memory and any interleaving of reader and worker, all records are handled, and the records of
    /// each key in time order.
    #[test]
    fn time_order_holds_for_each_key_and_never_stalls(
        log in logs(1..5),
        turns in prop::collection::vec((0_usize..5, 1_usize..6, any::<bool>()), 0..100),
        buffer in prop_oneof![1_u64..400, 400_u64..20_000],
        barrier_every in prop_oneof![Just(0), 1_i64..9],
    ) {
        let scope = Scope { time_order: true, ..Scope::default() };
        let count = log.len();
        let mut sim = Sim { barrier_every, ..Sim::new(log.clone(), count, scope, false, buffer) };
        for (partition, records, works) in turns {
            sim.read(partition % count, records);
            if works {
                sim.settle();
                sim.take();
            }
        }
        for turn in 0..5_000 {
            sim.read(turn % count, 3);
            sim.settle();
            sim.take();
            if sim.all_handled() {
                break;
            }
        }
        prop_assert!(sim.all_handled(), "the run stalled: {:?}", sim.next);
        prop_assert_eq!(sim.engine.partitions.open(), 0);
        let mut expected: HashMap<u8, Vec<(i64, u32, i64)>> = HashMap::new();
        for (number, records) in (0_u32..).zip(&log) {
            let mut newest = i64::MIN;
            for (offset, (key, time)) in (0_i64..).zip(records) {
                newest = newest.max(*time);
                expected.entry(*key).or_default().push((newest, number, offset));
            }
        }
        for (key, mut records) in expected {
            records.sort_unstable();
            let records: Vec<_> = records.into_iter().map(|(_, number, offset)| (number, offset)).collect();
            prop_assert_eq!(&sim.handled[&key], &records, "key {}", key);
        }
    }

    /// A followed topic gets a second partition. The records of a key in the first partition are handled before those
    /// in the second, wherever the reader is.
    #[test]
    fn a_key_that_moves_to_a_new_partition_keeps_its_order(
        moved in prop::collection::vec(0_u8..4, 1..40),
        before in prop::collection::vec(0_u8..4, 1..40),
        turns in prop::collection::vec((0_usize..2, 1_usize..6, any::<bool>(), any::<bool>()), 0..100),
        buffer in prop_oneof![1_u64..400, 400_u64..20_000],
        joins_at in 0_usize..20,
        resumes in any::<bool>(),
    ) {
        let keyed = |keys: &[u8]| keys.iter().map(|key| (*key, -1)).collect::<Vec<_>>();
        let log = vec![keyed(&before), keyed(&moved)];
        let mut sim = Sim::new(log, 1, Scope::default(), true, buffer);
        if resumes {
            // An earlier attempt of the run had already added the partition.
            sim = Sim::resumed(sim);
        }
        let rest = (0..5_000).map(|turn| (turn % 2, 3, true, true));
        for (turn, (partition, records, works, answers)) in turns.into_iter().chain(rest).enumerate() {
            if turn == joins_at && !resumes {
                sim.engine.join(planned(1, 0));
                sim.begin(1);
            }
            sim.read(partition, records);
            for request in sim.engine.ingress.reorder_buffer.end_offsets_requests() {
                if answers {
                    prop_assert_eq!((request.partition, &request.older[..]), (1, &[0][..]));
                    let end = i64::try_from(before.len()).unwrap();
                    sim.engine.reorder_end_offsets(&request, [(0, end)]);
                }
            }
            if works {
                sim.settle();
                sim.take();
            }
        }
        prop_assert!(sim.all_handled(), "the run stalled: {:?}", sim.next);
        for records in sim.handled.values() {
            prop_assert!(records.is_sorted(), "{:?}", records);
        }
    }
}
