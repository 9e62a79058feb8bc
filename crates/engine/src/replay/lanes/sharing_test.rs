//! How evenly workers share lanes, in virtual time.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

use kreplay_model::domain::{RecordBufferBuilder, Route};
use proptest::prelude::*;

use super::{Exclusion, Lanes};
use crate::replay::scheduler::batch_size::BatchSize;

/// The time that `workers` need for lanes of these lengths, in milliseconds, if each record takes one millisecond.
fn makespan(lengths: &[u32], workers: usize) -> u32 {
    let mut lanes = Lanes::new(Exclusion::Exclusive, u32::try_from(lengths.len()).unwrap(), 1, 1);
    let mut builder = RecordBufferBuilder::default();
    for (lane, length) in (0..).zip(lengths) {
        let mut records = Vec::new();
        for offset in 0..*length {
            builder.push(0, 0, offset.into(), -1, Route::default(), None, None);
        }
        builder.finish(&Arc::default(), &mut records);
        for record in records {
            lanes.push(lane, record);
        }
    }
    let mut size = BatchSize::new(100);
    let mut idle = workers;
    let (mut now, mut number) = (0, 0);
    let mut batches = Vec::new();
    let mut ends = BinaryHeap::new();
    loop {
        while idle > 0 {
            let mut runs = Vec::new();
            let most = size.take(lanes.waiting(), u32::try_from(workers).unwrap());
            let taken = u32::try_from(lanes.take(0, most, &mut runs)).unwrap();
            if taken == 0 {
                break;
            }
            idle -= 1;
            batches.push(runs);
            ends.push(Reverse((now + taken, number, taken)));
            number += 1;
        }
        let Some(Reverse((end, number, taken))) = ends.pop() else { return now };
        now = end;
        for run in std::mem::take(&mut batches[number]) {
            lanes.finish(run, usize::MAX, None);
        }
        size.learn(taken as usize, Duration::from_millis(taken.into()));
        idle += 1;
    }
}

#[test]
fn ten_equal_lanes_on_six_workers_take_a_sixth_of_the_work_each() {
    let total = 10 * 1000;
    let best = total / 6;
    let taken = makespan(&[1000; 10], 6);
    assert!((best..best + best / 50).contains(&taken), "{taken} instead of {best} ms");
}

proptest! {
    /// No schedule can end before the heaviest lane does, or before the total work shared evenly. This one ends at most
    /// a few batches later.
    #[test]
    fn workers_finish_close_to_the_optimum(
        lengths in prop::collection::vec(1..400_u32, 1..30),
        workers in 1..12_usize,
    ) {
        let heaviest = lengths.iter().max().copied().unwrap_or(0);
        let best = heaviest.max(lengths.iter().sum::<u32>().div_ceil(u32::try_from(workers).unwrap()));
        let taken = makespan(&lengths, workers);
        prop_assert!((best..=best + best / 20 + 10).contains(&taken), "{taken} instead of {best} ms");
    }
}
