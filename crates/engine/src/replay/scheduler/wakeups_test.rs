//! Which workers are woken, and when.

use std::{
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use kreplay_model::domain::Ordering;

use super::{AfterFailure, ReturnedLane};
use crate::{
    handler::{Advice, LaneFailure, LaneRun},
    replay::{engine::fixture::Fixture, partition::Owner},
};

/// Far more than a worker needs to wake up.
const DEADLINE: Duration = Duration::from_secs(90);

/// One key with some records, so one lane.
fn one_lane(records: usize) -> Fixture {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); records]]);
    fixture.engine.partitions.with(0, |one| one.begin(0, 0, Owner::Shared));
    fixture
}

/// Lets a worker take one batch on a separate thread.
fn spawn_take(fixture: &Fixture, worker: u32) -> Receiver<Vec<LaneRun>> {
    let (sender, receiver) = mpsc::channel();
    let engine = fixture.engine.clone();
    std::thread::spawn(move || {
        let mut batch = Vec::new();
        if engine.scheduler.take(worker, &mut batch) {
            drop(sender.send(batch));
        }
    });
    receiver
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "{what}");
        std::thread::yield_now();
    }
}

/// A worker returns a lane and exits; an idle worker must take the lane over.
#[test]
fn an_exiting_worker_hands_its_lane_to_an_idle_one() {
    for backoff in [None, Some(Duration::from_millis(1))] {
        let fixture = one_lane(2);
        let scheduler = &fixture.engine.scheduler;
        let _ = scheduler.set_workers(2);
        fixture.deliver(0, 0, 0..2);
        let mut batch = Vec::new();
        assert!(scheduler.take(1, &mut batch));
        let _ = scheduler.set_workers(1);
        let taken = spawn_take(&fixture, 0);
        wait_until("the worker is not idle", || scheduler.idle() == 1);
        let run = batch.remove(0);
        let after = backoff.map_or(AfterFailure::Continue, |backoff| AfterFailure::BackOff(Instant::now() + backoff));
        scheduler.return_lanes(std::iter::once(ReturnedLane { run, done: 0, after }), 1, Duration::ZERO);
        assert!(!scheduler.take(1, &mut batch), "the worker must exit");
        let taken = taken.recv_timeout(DEADLINE).expect("no worker was woken");
        assert_eq!(taken[0].records[0].offset, 0);
    }
}

/// The worker whose record failed is busy with something else; another one handles the retry.
#[test]
fn a_retry_does_not_wait_for_the_worker_whose_record_failed() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1), Some(2), Some(2)]]);
    fixture.engine.partitions.with(0, |one| one.begin(0, 0, Owner::Shared));
    let scheduler = &fixture.engine.scheduler;
    let _ = scheduler.set_workers(2);
    fixture.deliver(0, 0, 0..1);
    let mut batch = Vec::new();
    assert!(scheduler.take(1, &mut batch));
    let taken = spawn_take(&fixture, 0);
    wait_until("the worker is not idle", || scheduler.idle() == 1);
    let failure = LaneFailure { run: 0, done: 0, error: "as planned".into(), advice: Advice::Retry };
    fixture.engine.settle(std::mem::take(&mut batch), &[failure], Duration::ZERO);
    let taken = taken.recv_timeout(DEADLINE).expect("no worker was woken");
    assert_eq!(taken[0].records[0].offset, 0);
}

/// The dead-letter thread returns a lane with a settled record, and takes nothing itself.
#[test]
fn a_settled_dead_letter_wakes_a_worker() {
    let fixture = one_lane(2);
    let scheduler = &fixture.engine.scheduler;
    let _ = scheduler.set_workers(1);
    fixture.deliver(0, 0, 0..2);
    let mut batch = Vec::new();
    assert!(scheduler.take(0, &mut batch));
    let taken = spawn_take(&fixture, 0);
    wait_until("the worker is not idle", || scheduler.idle() == 1);
    let run = batch.remove(0);
    let settled = ReturnedLane { run, done: 1, after: AfterFailure::Continue };
    scheduler.return_lanes(std::iter::once(settled), 0, Duration::ZERO);
    let taken = taken.recv_timeout(DEADLINE).expect("no worker was woken");
    assert_eq!(taken[0].records[0].offset, 1);
}

/// With partition order a lane belongs to a worker, which may be idle when the lane is moved to it.
#[test]
fn a_lane_that_changes_owner_wakes_the_new_owner() {
    for is_in_flight in [false, true] {
        let fixture = Fixture::new(Ordering::Partition, &[vec![None]]);
        fixture.engine.partitions.with(0, |one| one.begin(0, 0, Owner::Shared));
        let scheduler = &fixture.engine.scheduler;
        let _ = scheduler.set_workers(2);
        fixture.deliver(0, 0, 0..1);
        let mut batch = Vec::new();
        let taken = if is_in_flight {
            assert!(scheduler.take(0, &mut batch));
            scheduler.assign(std::iter::once((0, 1)));
            let taken = spawn_take(&fixture, 1);
            wait_until("the worker is not idle", || scheduler.idle() == 1);
            let run = batch.remove(0);
            scheduler.return_lanes(
                std::iter::once(ReturnedLane { run, done: 0, after: AfterFailure::Continue }),
                1,
                Duration::ZERO,
            );
            taken
        } else {
            let taken = spawn_take(&fixture, 1);
            wait_until("the worker is not idle", || scheduler.idle() == 1);
            scheduler.assign(std::iter::once((0, 1)));
            taken
        };
        let taken = taken.recv_timeout(DEADLINE).expect("no worker was woken");
        assert_eq!(taken[0].records[0].offset, 0);
    }
}

/// New records wake the workers that stay, whichever others are idle.
#[test]
fn every_needed_worker_is_woken() {
    let fixture = Fixture::new(Ordering::Key, &[(0..8).map(Some).collect()]);
    fixture.engine.partitions.with(0, |one| one.begin(0, 0, Owner::Shared));
    let scheduler = &fixture.engine.scheduler;
    let _ = scheduler.set_workers(8);
    let taken: Vec<_> = (0..8).map(|worker| spawn_take(&fixture, worker)).collect();
    wait_until("not all workers are idle", || scheduler.idle() == 8);
    fixture.deliver(0, 0, 0..8);
    let mut offsets: Vec<i64> = taken
        .into_iter()
        .flat_map(|taken| taken.recv_timeout(DEADLINE).expect("a worker was not woken"))
        .flat_map(|run| run.records)
        .map(|record| record.offset)
        .collect();
    offsets.sort_unstable();
    assert_eq!(offsets, [0, 1, 2, 3, 4, 5, 6, 7]);
}

/// Draining waits for records in flight, and for no others.
#[test]
fn a_partition_is_drained_when_its_last_record_is_returned() {
    let fixture = one_lane(3);
    let scheduler = &fixture.engine.scheduler;
    let _ = scheduler.set_workers(1);
    fixture.deliver(0, 0, 0..3);
    assert!(scheduler.wait_drained(&[0], Duration::ZERO), "nothing is in flight yet");
    let mut batch = Vec::new();
    assert!(scheduler.take(0, &mut batch));
    assert!(!scheduler.wait_drained(&[0], Duration::ZERO));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| scheduler.wait_drained(&[0], DEADLINE));
        fixture.engine.settle(batch, &[], Duration::ZERO);
        assert!(waits.join().unwrap());
    });
}
