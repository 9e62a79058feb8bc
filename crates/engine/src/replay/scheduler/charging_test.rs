//! What the time of idle workers is charged to.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::{domain::Ordering, feed::Charge};

use super::{AfterFailure, ReturnedLane, pause::PauseCause};
use crate::{
    handler::LaneRun,
    replay::{
        charges::{ReadingFacts, SharedLedger},
        engine::fixture::Fixture,
        limits::limiter::Throttle,
        partition::Owner,
    },
};

/// Far more than a worker needs to wake up.
const DEADLINE: Duration = Duration::from_secs(90);
const UNREAD: ReadingFacts =
    ReadingFacts { has_unread: true, is_rebalancing: false, is_memory_full: false, is_reordering: false };
const ALL_READ: ReadingFacts = ReadingFacts { has_unread: false, ..UNREAD };

/// Two workers with ledgers, and a partition with these keys.
fn two_workers(ordering: Ordering, keys: &[u8]) -> (Fixture, [Arc<SharedLedger>; 2]) {
    let fixture = Fixture::new(ordering, &[keys.iter().copied().map(Some).collect()]);
    fixture.engine.partitions.with(0, |one| one.begin(0, 0, Owner::Shared));
    let _ = fixture.engine.scheduler.set_workers(2);
    let ledgers = [0, 1].map(|worker| {
        let ledger = Arc::new(SharedLedger::begin(Instant::now()));
        fixture.engine.scheduler.set_ledger(worker, Arc::clone(&ledger));
        ledger
    });
    (fixture, ledgers)
}

/// Takes batches on a thread until the scheduler stops it, and returns none of them.
fn spawn_taker(fixture: &Fixture, worker: u32) {
    let engine = fixture.engine.clone();
    std::thread::spawn(move || {
        let mut batch = Vec::new();
        while engine.scheduler.take(worker, &mut batch) {}
    });
}

fn expect(ledger: &SharedLedger, charge: Charge, why: &str) {
    let begun = Instant::now();
    while ledger.read().state() != Some(charge) {
        assert!(begun.elapsed() < DEADLINE, "{why}: {:?} instead of {charge}", ledger.read().state());
        std::thread::yield_now();
    }
}

#[test]
fn the_cause_of_idleness_follows_what_is_known() {
    let (fixture, [_, ledger]) = two_workers(Ordering::Key, &[1, 1, 1]);
    let scheduler = &fixture.engine.scheduler;
    spawn_taker(&fixture, 1);
    expect(&ledger, Charge::Fetch, "nothing was read yet");
    for (reading, charge) in [
        (ALL_READ, Charge::NoWork),
        (ReadingFacts { is_memory_full: true, ..UNREAD }, Charge::Memory),
        (ReadingFacts { is_rebalancing: true, ..ALL_READ }, Charge::Rebalance),
        (ReadingFacts { is_reordering: true, ..UNREAD }, Charge::Reorder),
        (UNREAD, Charge::Fetch),
    ] {
        scheduler.observe_reading(reading, Vec::new());
        assert_eq!(ledger.read().state(), Some(charge), "an observation counts at once");
    }
    scheduler.pause(PauseCause::User, |change| assert!(change.is_paused_now));
    expect(&ledger, Charge::Paused, "the run is paused");
    scheduler.resume(|| ());
    expect(&ledger, Charge::Fetch, "the run goes on");
    scheduler.stop();
}

#[test]
fn a_lane_in_use_is_named_before_unread_records() {
    let (fixture, [_, ledger]) = two_workers(Ordering::Key, &[1; 40]);
    let scheduler = &fixture.engine.scheduler;
    fixture.deliver(0, 0, 0..40);
    let mut batch = Vec::new();
    assert!(scheduler.take(0, &mut batch) && batch[0].records.len() < 40);
    spawn_taker(&fixture, 1);
    expect(&ledger, Charge::Order, "the only lane is in use");
    scheduler.observe_reading(ReadingFacts { is_memory_full: true, ..UNREAD }, Vec::new());
    assert_eq!(ledger.read().state(), Some(Charge::Memory), "no other lane can be read");
    scheduler.stop();
}

#[test]
fn a_retry_is_named_once_nothing_else_can_come() {
    let (fixture, [_, ledger]) = two_workers(Ordering::Key, &[1]);
    let scheduler = &fixture.engine.scheduler;
    fixture.deliver(0, 0, 0..1);
    let mut batch: Vec<LaneRun> = Vec::new();
    assert!(scheduler.take(0, &mut batch));
    let after = AfterFailure::BackOff(Instant::now() + Duration::from_secs(3600));
    scheduler.return_lanes(std::iter::once(ReturnedLane { run: batch.remove(0), done: 0, after }), 1, Duration::ZERO);
    spawn_taker(&fixture, 1);
    expect(&ledger, Charge::Fetch, "more records are on their way");
    scheduler.observe_reading(ALL_READ, Vec::new());
    assert_eq!(ledger.read().state(), Some(Charge::Retry));
    scheduler.stop();
}

#[test]
fn a_limit_is_named_only_while_records_are_ready() {
    let (fixture, [_, ledger]) = two_workers(Ordering::Key, &[1]);
    let scheduler = &fixture.engine.scheduler;
    scheduler.set_throttle(Throttle::Closed);
    spawn_taker(&fixture, 1);
    expect(&ledger, Charge::Fetch, "no record is ready");
    fixture.deliver(0, 0, 0..1);
    expect(&ledger, Charge::Throttled, "the limit allows no record yet");
    scheduler.stop();
}

#[test]
fn with_partition_order_each_worker_has_its_own_cause() {
    let (fixture, [first, second]) = two_workers(Ordering::Partition, &[1]);
    let scheduler = &fixture.engine.scheduler;
    spawn_taker(&fixture, 0);
    spawn_taker(&fixture, 1);
    expect(&first, Charge::Fetch, "before the first observation");
    expect(&second, Charge::Fetch, "before the first observation");
    scheduler.observe_reading(UNREAD, vec![true, false]);
    assert_eq!(first.read().state(), Some(Charge::Fetch));
    assert_eq!(second.read().state(), Some(Charge::NoWork), "its partitions are read");
    scheduler.stop();
}

#[test]
fn the_ledger_of_a_busy_worker_is_its_own() {
    let (fixture, [ledger, _]) = two_workers(Ordering::Key, &[1]);
    let scheduler = &fixture.engine.scheduler;
    fixture.deliver(0, 0, 0..1);
    let mut batch = Vec::new();
    assert!(scheduler.take(0, &mut batch));
    ledger.enter(Charge::Handling, Instant::now());
    scheduler.observe_reading(ALL_READ, Vec::new());
    assert_eq!(ledger.read().state(), Some(Charge::Handling));
}
