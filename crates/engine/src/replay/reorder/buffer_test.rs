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
    replay::{
        engine::Engine,
        partition::{Owner, PositionSource},
        reading::fetch_throttle::FetchThrottle,
    },
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
    /// The epoch of each partition's assignment; `None` while it is revoked.
    epochs: Vec<Option<u32>>,
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
    fn new(log: Log, partitions: usize, scope: Scope, follow: bool, settings: Settings) -> Self {
        let partitions: Vec<_> = (0..partitions).map(|number| planned(number, log[number].len())).collect();
        let plan = Plan {
            topics: vec!["t".into()],
            partitions,
            follow,
            selection: Selection { scope, ..Selection::default() },
            ..Plan::default()
        };
        let engine = Arc::new(Engine::new(Arc::new(plan), settings, EventLog::default()));
        let _ = engine.scheduler.set_workers(1);
        let count = log.len();
        let mut this = Self {
            engine,
            log,
            next: vec![0; count],
            fetch_throttle: FetchThrottle::default(),
            paused: vec![false; count],
            epochs: vec![Some(0); count],
            in_flight: Vec::new(),
            barrier_every: 0,
            handled: HashMap::new(),
        };
        (0..this.engine.partitions.len()).for_each(|number| this.begin(number));
        this
    }

    /// The same run with all partitions, resumed after it was killed before its first checkpoint.
    fn resumed(before: Self) -> Self {
        let plan = Arc::clone(&before.engine.plan);
        let engine = Arc::new(Engine::new(plan, before.engine.settings.clone(), EventLog::default()));
        let _ = engine.scheduler.set_workers(1);
        let count = before.log.len();
        for number in 1..count {
            engine.join(planned(number, 0));
        }
        (0..u32::try_from(count).unwrap()).for_each(|number| engine.restore(number, &StoredPartition::default()));
        Self { engine, ..before }
    }

    fn begin(&mut self, number: usize) {
        let index = u32::try_from(number).unwrap();
        self.engine.partitions.with(index, |one| one.begin(0, 0, Owner::Shared));
        self.engine.reorder_begin(index, 0, 0);
    }

    /// Revokes a partition after the worker has finished its records.
    fn revoke(&mut self, number: usize) {
        if number >= self.engine.partitions.len() {
            return;
        }
        let Some(epoch) = self.epochs[number].take() else { return };
        let index = u32::try_from(number).unwrap();
        self.engine.scheduler.fence(std::iter::once((index, epoch + 1)));
        self.settle();
        self.engine.partitions.with(index, |one| one.end_assignment(epoch + 1, PositionSource::Own));
        self.engine.reorder_away(index);
    }

    /// Assigns a revoked partition again, at its position.
    fn assign(&mut self, number: usize) {
        if number >= self.engine.partitions.len() || self.epochs[number].is_some() {
            return;
        }
        let index = u32::try_from(number).unwrap();
        let (epoch, start) = self.engine.partitions.with(index, |one| {
            let (epoch, start) = (one.epoch + 1, one.position().unwrap());
            (epoch, one.begin(epoch, start, Owner::Shared))
        });
        self.engine.scheduler.fence(std::iter::once((index, epoch)));
        self.engine.reorder_begin(index, epoch, start);
        self.next[number] = usize::try_from(start).unwrap();
        self.paused[number] = false;
        self.epochs[number] = Some(epoch);
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
        if partition >= known {
            return;
        }
        let Some(epoch) = self.epochs[partition] else { return };
        if self.paused[partition] || !self.engine.wait_for_capacity(Duration::ZERO) {
            return;
        }
        let number = u32::try_from(partition).unwrap();
        let mut builder = RecordBufferBuilder::default();
        for _ in 0..count {
            let Some((key, time)) = self.log[partition].get(self.next[partition]) else { break };
            let offset = i64::try_from(self.next[partition]).unwrap();
            let barrier = self.barrier_every > 0 && offset % self.barrier_every == 0;
            let route = Route { barrier, ..Route::keyed(hash_key(&[*key])) };
            builder.push(number, epoch, offset, *time, route, Some(&[*key]), Some(&[0; 50]));
            self.next[partition] += 1;
        }
        let mut records = Vec::new();
        builder.finish(&self.engine.memory.held, &mut records);
        self.engine.deliver(&mut records);
        if self.next[partition] == self.log[partition].len() {
            self.engine.reach(number, epoch, i64::try_from(self.next[partition]).unwrap());
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
        let settings = Settings { buffer_bytes: buffer, ..Settings::default() };
        let mut sim = Sim { barrier_every, ..Sim::new(log.clone(), count, scope, false, settings) };
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

    /// A followed topic gets a second and a third partition. In a group, partitions are revoked and assigned again. The
    /// records of a key in a lower partition are handled before those in a higher one, wherever the reader is.
    #[test]
    fn a_key_that_moves_to_a_new_partition_keeps_its_order(
        keys in prop::collection::vec(prop::collection::vec(0_u8..4, 1..40), 2..4),
        turns in prop::collection::vec((0_usize..3, 1_usize..6, any::<bool>(), any::<bool>(), 0_u8..16), 0..100),
        buffer in prop_oneof![1_u64..400, 400_u64..20_000],
        joins_at in prop::collection::vec(0_usize..20, 2),
        (in_group, resumes) in (any::<bool>(), any::<bool>()),
    ) {
        let log: Log = keys.iter().map(|keys| keys.iter().map(|key| (*key, -1)).collect()).collect();
        let ends: Vec<i64> = log.iter().map(|records| i64::try_from(records.len()).unwrap()).collect();
        let group = in_group.then(|| "group".into());
        let settings = Settings { buffer_bytes: buffer, group, ..Settings::default() };
        let mut sim = Sim::new(log, 1, Scope::default(), true, settings);
        if resumes {
            // An earlier attempt of the run had already added the partitions.
            sim = Sim::resumed(sim);
        }
        let count = keys.len();
        let rest = (0..5_000).map(|turn| (turn % 3, 3, true, true, 0));
        for (turn, (partition, records, works, answers, change)) in turns.into_iter().chain(rest).enumerate() {
            // Partitions that are found together all join before the first of them begins.
            let known = sim.engine.partitions.len();
            for (joins_at, number) in joins_at.iter().zip(1..count) {
                if !resumes && turn >= *joins_at && number == sim.engine.partitions.len() {
                    sim.engine.join(planned(number, 0));
                }
            }
            (known..sim.engine.partitions.len()).for_each(|number| sim.begin(number));
            match change {
                1 if in_group => sim.revoke(partition % count),
                1.. => {}
                0 => (0..count).for_each(|number| sim.assign(number)),
            }
            sim.read(partition, records);
            sim.engine.reorder_tick();
            for request in sim.engine.ingress.reorder_buffer.end_offsets_requests() {
                if answers {
                    let older: Vec<u32> = (0..request.partition).collect();
                    prop_assert_eq!(&request.older, &older);
                    let ends = older.into_iter().map(|number| (number, ends[number as usize])).collect();
                    sim.engine.reorder_end_offsets(&[request], &Arc::new(ends));
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
