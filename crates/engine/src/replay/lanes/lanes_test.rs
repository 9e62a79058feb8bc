//! Compares the lanes with a simple model, through random schedules.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    Exclusion, Lanes,
    model::{LANES, Model, PARTITIONS, QUEUES},
};

#[derive(Clone, Copy, Debug)]
enum Op {
    Push { lane: u32, partition: u32, count: u8, is_stale: bool },
    Take { queue: u32, max: usize },
    TakeFailed { place: prop::sample::Index },
    Finish { batch: prop::sample::Index, part: prop::sample::Index, backoff_ms: Option<u64> },
    Advance { ms: u64 },
    Fence { partition: u32 },
    FenceLate { partition: u32 },
    Assign { lane: u32, queue: u32 },
    Reserve { queues: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0..LANES, 0..PARTITIONS, 1..6_u8, prop::bool::weighted(0.1))
            .prop_map(|(lane, partition, count, is_stale)| Op::Push { lane, partition, count, is_stale }),
        6 => (0..QUEUES, 1..8_usize).prop_map(|(queue, max)| Op::Take { queue, max }),
        2 => index().prop_map(|place| Op::TakeFailed { place }),
        5 => (index(), index(), prop::option::of(0..20_u64))
            .prop_map(|(batch, part, backoff_ms)| Op::Finish { batch, part, backoff_ms }),
        2 => (0..15_u64).prop_map(|ms| Op::Advance { ms }),
        1 => (0..PARTITIONS).prop_map(|partition| Op::Fence { partition }),
        1 => (0..PARTITIONS).prop_map(|partition| Op::FenceLate { partition }),
        1 => (0..LANES, 0..QUEUES).prop_map(|(lane, queue)| Op::Assign { lane, queue }),
        1 => (1..6_usize).prop_map(|queues| Op::Reserve { queues }),
    ]
}

fn apply(lanes: &mut Lanes, model: &mut Model, op: Op) {
    match op {
        Op::Push { lane, partition, count, is_stale } => {
            for _ in 0..count {
                let record = model.record(partition, is_stale);
                let target = &mut model.lanes[lane as usize];
                let is_ready = !is_stale && !target.is_busy && target.backs_off_until.is_none();
                if !is_stale {
                    target.records.push_back(record.clone());
                }
                assert_eq!(lanes.push(lane, record), is_ready);
            }
        }
        Op::Take { queue, max } => {
            let mut out = Vec::new();
            let taken = lanes.take(queue, max, &mut out);
            model.take(queue, max, taken, out);
        }
        Op::TakeFailed { place } => {
            let failed = model.backing_off();
            if !failed.is_empty() {
                let record = place.get(&failed);
                let taken = lanes.take_failed(record.partition, record.offset);
                model.take_failed(record, taken);
            }
        }
        Op::Finish { batch, part, backoff_ms } if !model.in_flight.is_empty() => {
            let run = model.in_flight.remove(batch.index(model.in_flight.len()));
            let done = part.index(run.records.len() + 1);
            let until = backoff_ms.map(|ms| model.now + Duration::from_millis(ms));
            model.finish(&run, done, until);
            lanes.finish(run, done, until);
        }
        Op::Advance { ms } => {
            let now = model.now + Duration::from_millis(ms);
            model.advance(now);
            lanes.end_backoffs(now);
        }
        Op::Fence { partition } => {
            model.epochs[partition as usize] += 1;
            lanes.fence(partition, model.epochs[partition as usize]);
        }
        Op::FenceLate { partition } => lanes.fence(partition, model.epochs[partition as usize] - 1),
        Op::Assign { lane, queue } if model.exclusion == Exclusion::Exclusive => {
            model.lanes[lane as usize].queue = queue;
            lanes.assign(lane, queue);
        }
        Op::Finish { .. } | Op::Assign { .. } => {}
        Op::Reserve { queues } => lanes.reserve_queues(queues),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Records come out of each lane in order, once, and to one worker at a time. Fenced records never do. In the end
    /// no record is left.
    #[test]
    fn lanes_agree_with_a_simple_model(is_shared: bool, ops in prop::collection::vec(op(), 1..150)) {
        let exclusion = if is_shared { Exclusion::Shared } else { Exclusion::Exclusive };
        let mut lanes = Lanes::new(exclusion, LANES, PARTITIONS as usize, QUEUES as usize);
        let mut model = Model::new(exclusion);
        for partition in 0..PARTITIONS {
            lanes.fence(partition, 1);
        }
        for op in ops {
            apply(&mut lanes, &mut model, op);
            model.check(&lanes);
        }
        while let Some(run) = model.in_flight.pop() {
            model.finish(&run, run.records.len(), None);
            lanes.finish(run, usize::MAX, None);
        }
        apply(&mut lanes, &mut model, Op::Advance { ms: 1000 });
        for queue in 0..QUEUES {
            let mut out = Vec::new();
            let taken = lanes.take(queue, usize::MAX, &mut out);
            model.take(queue, usize::MAX, taken, out);
        }
        model.check(&lanes);
        prop_assert_eq!(lanes.waiting(), 0);
        prop_assert!(model.lanes.iter().all(|lane| lane.records.is_empty()));
    }
}
