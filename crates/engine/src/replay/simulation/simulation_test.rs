//! The engine through random schedules of reading, handling, failures, revocations, lost assignments and changes of the
//! number of workers.

use std::time::Duration;

use kreplay_model::domain::{Ordering, RecordBufferBuilder, Route};
use proptest::prelude::*;

use super::Sim;
use crate::{
    handler::{Advice, LaneFailure},
    replay::{
        engine::fixture::{Fixture, HOLE, Log},
        partition::Owner,
    },
};

const PARTITIONS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Assign { partition: u32, member: usize },
    Learn { index: usize, is_lost: bool },
    Revoke { partition: u32, drains: bool },
    Commit { member: usize },
    Read { partition: u32, count: i64 },
    ReadLate { partition: u32, index: usize, count: i64 },
    Take { worker: u32 },
    Settle { index: usize },
    Workers { workers: u32 },
    Pause { paused: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let partition = || 0..PARTITIONS;
    prop_oneof![
        2 => (partition(), 0..2_usize).prop_map(|(partition, member)| Step::Assign { partition, member }),
        1 => (0..9_usize, any::<bool>()).prop_map(|(index, is_lost)| Step::Learn { index, is_lost }),
        1 => (partition(), any::<bool>()).prop_map(|(partition, drains)| Step::Revoke { partition, drains }),
        1 => (0..2_usize).prop_map(|member| Step::Commit { member }),
        5 => (partition(), 1..9_i64).prop_map(|(partition, count)| Step::Read { partition, count }),
        1 => (partition(), 0..9_usize, 1..9_i64)
            .prop_map(|(partition, index, count)| Step::ReadLate { partition, index, count }),
        9 => (0..4_u32).prop_map(|worker| Step::Take { worker }),
        9 => (0..4_usize).prop_map(|index| Step::Settle { index }),
        1 => (1..5_u32).prop_map(|workers| Step::Workers { workers }),
        1 => any::<bool>().prop_map(|paused| Step::Pause { paused }),
    ]
}

fn log() -> impl Strategy<Value = Log> {
    let key = prop_oneof![5 => (0..4_u8).prop_map(Some), 1 => Just(None), 1 => Just(HOLE)];
    prop::collection::vec(prop::collection::vec(key, 0..40), PARTITIONS as usize)
}

fn apply(sim: &mut Sim, step: &Step) {
    match *step {
        Step::Assign { partition, member } => sim.assign(partition, member),
        Step::Learn { index, is_lost } => sim.learn(index, is_lost),
        Step::Revoke { partition, drains } => sim.revoke(partition, drains),
        Step::Commit { member } => sim.commit(member),
        Step::Read { partition, count } => sim.read(partition, count),
        Step::ReadLate { partition, index, count } => sim.read_late(partition, index, count),
        Step::Take { worker } => drop(sim.take(worker)),
        Step::Settle { index } => sim.settle(index),
        Step::Workers { workers } => sim.set_workers(workers),
        Step::Pause { paused } => sim.set_paused(paused),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_record_is_lost_repeated_or_reordered(
        ordering in prop::sample::select(vec![Ordering::Key, Ordering::Partition, Ordering::None]),
        log in log(),
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut sim = Sim::new(ordering, &log);
        for step in &steps {
            apply(&mut sim, step);
            sim.check();
        }
        sim.finish();
    }
}

/// A key may be in the key group whose number records without a key would get from their hash. They share no lane, so a
/// handled record of one says nothing about the other.
#[test]
fn records_without_a_key_are_tracked_separately_from_keyed_ones() {
    let fixture = Fixture::new(Ordering::Key, &[vec![None; 2]]);
    let engine = &fixture.engine;
    let _ = engine.scheduler.set_workers(1);
    for epoch in [1, 2] {
        engine.partitions.with(0, |partition| partition.begin(epoch, 0, Owner::Shared));
        engine.scheduler.fence(std::iter::once((0, epoch)));
        let mut builder = RecordBufferBuilder::default();
        builder.push(0, epoch, 0, -1, Route::default(), None, None);
        builder.push(0, epoch, 1, -1, Route::keyed(0), Some(b"key"), None);
        let mut records = Vec::new();
        builder.finish(&engine.memory.held, &mut records);
        engine.deliver(&mut records);
        if epoch == 1 {
            let mut batch = Vec::new();
            while engine.scheduler.try_take(0, &mut batch) {}
            let run = batch.iter().position(|run| run.records[0].offset == 0).unwrap();
            let failure = LaneFailure { run, done: 0, error: "as planned".into(), advice: Advice::Retry };
            engine.settle(batch, &[failure], Duration::ZERO);
        }
        let partition = engine.partitions.lock(0);
        assert_eq!((partition.handled, partition.position()), (1, Some(0)), "epoch {epoch}");
        assert_eq!(partition.already_handled, u64::from(epoch - 1));
    }
}
