//! Who is woken, and when.

use std::{
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use super::{HandBack, Then};
use crate::{
    domain::Ordering,
    feed::Owner,
    handler::{Advice, LaneFailure, LaneRun},
    replay::engine::fixture::Fixture,
};

/// Far above what a worker takes to wake up.
const DEADLINE: Duration = Duration::from_secs(90);

/// One key with some records, and so one lane.
fn one_lane(records: usize) -> Fixture {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); records]]);
    fixture.engine.with(0, |one| one.begin(0, 0, Owner::Shared));
    fixture
}

/// Lets a worker take one batch on a thread of its own.
fn take_aside(fixture: &Fixture, worker: u32) -> Receiver<Vec<LaneRun>> {
    let (sender, receiver) = mpsc::channel();
    let engine = fixture.engine.clone();
    std::thread::spawn(move || {
        let mut batch = Vec::new();
        if engine.board.take(worker, &mut batch) {
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

/// The worker that goes has handed back what another, who sleeps, must take over.
#[test]
fn a_worker_that_goes_leaves_its_lane_to_one_that_sleeps() {
    for rest in [None, Some(Duration::from_millis(1))] {
        let fixture = one_lane(2);
        let board = &fixture.engine.board;
        let _ = board.set_workers(2);
        fixture.deliver(0, 0, 0..2);
        let mut batch = Vec::new();
        assert!(board.take(1, &mut batch));
        let _ = board.set_workers(1);
        let taken = take_aside(&fixture, 0);
        wait_until("nobody sleeps", || board.idle() == 1);
        let run = batch.remove(0);
        let then = rest.map_or(Then::GoOn, |rest| Then::Rest(Instant::now() + rest));
        board.hand_back(std::iter::once(HandBack { run, done: 0, then }), 1, Duration::ZERO);
        assert!(!board.take(1, &mut batch), "it is to go");
        let taken = taken.recv_timeout(DEADLINE).expect("nobody was woken");
        assert_eq!(taken[0].records[0].offset, 0);
    }
}

/// While the worker that had a failure is busy with something else, another sees to the retry.
#[test]
fn a_lane_that_has_rested_does_not_wait_for_the_worker_that_parked_it() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1), Some(2), Some(2)]]);
    fixture.engine.with(0, |one| one.begin(0, 0, Owner::Shared));
    let board = &fixture.engine.board;
    let _ = board.set_workers(2);
    fixture.deliver(0, 0, 0..1);
    let mut batch = Vec::new();
    assert!(board.take(1, &mut batch));
    let taken = take_aside(&fixture, 0);
    wait_until("nobody sleeps", || board.idle() == 1);
    let failure = LaneFailure { run: 0, done: 0, error: "as planned".into(), advice: Advice::Retry };
    fixture.engine.settle(std::mem::take(&mut batch), &[failure], Duration::ZERO);
    let taken = taken.recv_timeout(DEADLINE).expect("nobody was woken");
    assert_eq!(taken[0].records[0].offset, 0);
}

/// With partition order a lane has an owner, who may sleep when it becomes his.
#[test]
fn a_lane_that_changes_owner_wakes_the_new_one() {
    for is_in_hand in [false, true] {
        let fixture = Fixture::new(Ordering::Partition, &[vec![None]]);
        fixture.engine.with(0, |one| one.begin(0, 0, Owner::Shared));
        let board = &fixture.engine.board;
        let _ = board.set_workers(2);
        fixture.deliver(0, 0, 0..1);
        let mut batch = Vec::new();
        let taken = if is_in_hand {
            assert!(board.take(0, &mut batch));
            board.assign(std::iter::once((0, 1)));
            let taken = take_aside(&fixture, 1);
            wait_until("nobody sleeps", || board.idle() == 1);
            let run = batch.remove(0);
            board.hand_back(std::iter::once(HandBack { run, done: 0, then: Then::GoOn }), 1, Duration::ZERO);
            taken
        } else {
            let taken = take_aside(&fixture, 1);
            wait_until("nobody sleeps", || board.idle() == 1);
            board.assign(std::iter::once((0, 1)));
            taken
        };
        let taken = taken.recv_timeout(DEADLINE).expect("nobody was woken");
        assert_eq!(taken[0].records[0].offset, 0);
    }
}

/// What is put up wakes those who are to stay, whoever sleeps beside them.
#[test]
fn every_worker_that_is_needed_is_woken() {
    let fixture = Fixture::new(Ordering::Key, &[(0..8).map(Some).collect()]);
    fixture.engine.with(0, |one| one.begin(0, 0, Owner::Shared));
    let board = &fixture.engine.board;
    let _ = board.set_workers(8);
    let taken: Vec<_> = (0..8).map(|worker| take_aside(&fixture, worker)).collect();
    wait_until("not all sleep", || board.idle() == 8);
    fixture.deliver(0, 0, 0..8);
    let mut offsets: Vec<i64> = taken
        .into_iter()
        .flat_map(|taken| taken.recv_timeout(DEADLINE).expect("one was not woken"))
        .flat_map(|run| run.records)
        .map(|record| record.offset)
        .collect();
    offsets.sort_unstable();
    assert_eq!(offsets, [0, 1, 2, 3, 4, 5, 6, 7]);
}

/// Work in hand is waited for, and nothing else.
#[test]
fn a_partition_is_drained_when_its_last_record_is_handed_back() {
    let fixture = one_lane(3);
    let board = &fixture.engine.board;
    let _ = board.set_workers(1);
    fixture.deliver(0, 0, 0..3);
    assert!(board.wait_drained(&[0], Duration::ZERO), "nothing is in hand yet");
    let mut batch = Vec::new();
    assert!(board.take(0, &mut batch));
    assert!(!board.wait_drained(&[0], Duration::ZERO));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| board.wait_drained(&[0], DEADLINE));
        fixture.engine.settle(batch, &[], Duration::ZERO);
        assert!(waits.join().unwrap());
    });
}
