//! Planted limits: each is named first, and the time of the workers adds up.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc, time::Duration};

use kreplay::{
    domain::{Concurrency, Ordering, PartitionCount, RateLimit},
    feed::{Charge, LiftedLimit, RunState, RunView, WhatIf},
    handler::{Handler, HandlerChoice, LaneFailure, LaneRun, RunHandlers, as_commit},
    kafka::{
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer},
    },
    plan::Selection,
    replay::{Command, Session, SessionOptions},
    settings::Probe,
};
use kreplay_testkit::timeouts::OPERATION_TIMEOUT;

use crate::support::{options, run, wait_for};

/// A topic with these records: for each one its key and its partition.
fn topic(partitions: u64, records: impl Iterator<Item = (u32, i32)>) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("planted", PartitionCount::new(partitions).unwrap()).unwrap();
    let producer = Producer::new(broker.bootstrap_servers(), &BTreeMap::new()).unwrap();
    for (key, partition) in records {
        let key = format!("key-{key}");
        let record = NewRecord {
            topic: "planted",
            partition: Some(partition),
            key: Some(key.as_bytes()),
            value: Some(b"value"),
            ..NewRecord::default()
        };
        producer.send(record).unwrap();
    }
    producer.finish(OPERATION_TIMEOUT).unwrap();
    broker
}

fn planted(broker: &EmbeddedBroker, workers: u64, ordering: Ordering, handler: &str) -> SessionOptions {
    let mut options = options(broker, workers, ordering, handler);
    options.selection = Some(Selection::topics(["planted"]).unwrap());
    options
}

fn even(records: u32) -> EmbeddedBroker {
    topic(4, (0..records).map(|number| (number % 400, i32::try_from(number % 4).unwrap())))
}

/// The longest state apart from those of its own work, and the first advice.
fn diagnosis(view: &RunView) -> (Option<Charge>, Option<LiftedLimit>) {
    let is_wait = |charge: &Charge| !matches!(charge, Charge::Handling | Charge::Settling | Charge::Starting);
    let mut states = view.charges.longest_first().into_iter().map(|(charge, _)| charge);
    (states.find(is_wait), view.advice.first().map(|one| one.lifted))
}

fn described(view: &RunView) -> String {
    format!("{:?}; {}", view.charges.percentages(), WhatIf::line(&view.advice))
}

/// The shares add up to 100.0, and the states of each worker to its lifetime.
fn expect_whole(view: &RunView) {
    assert_eq!(view.state, RunState::Done, "{:?}", view.error);
    let tenths: f64 = view.charges.percentages().iter().map(|(_, percent)| (percent * 10.0).round()).sum();
    assert!((tenths - 1000.0).abs() < 0.5, "{}", described(view));
    let of_workers: u64 = view.workers.iter().map(|worker| worker.charges.total_ns()).sum();
    assert_eq!(of_workers, view.charges.total_ns());
    for worker in &view.workers {
        // The ledger and the counter of handling time use the same measurements.
        assert_eq!(worker.busy_ns, worker.charges.of(Charge::Handling) + worker.charges.of(Charge::Commit));
    }
}

#[test]
fn a_slow_handler_is_named() {
    let view = run(planted(&even(2000), 2, Ordering::Key, "simulate:2ms"));
    expect_whole(&view);
    assert_eq!(view.charges.longest_first()[0].0, Charge::Handling, "{}", described(&view));
    assert_eq!(diagnosis(&view).1, Some(LiftedLimit::TwiceTheWorkers), "{}", described(&view));
}

#[test]
fn a_hot_key_is_named() {
    let hot =
        |number: u32| if number % 10 < 7 { (1_000, 0) } else { (number % 400, i32::try_from(number % 4).unwrap()) };
    let view = run(planted(&topic(4, (0..1000).map(hot)), 8, Ordering::Key, "simulate:5ms"));
    expect_whole(&view);
    assert_eq!(diagnosis(&view).0, Some(Charge::Order), "{}", described(&view));
    let split = view.advice.iter().find(|one| one.lifted == LiftedLimit::KeySplitFourWays).unwrap();
    assert!(split.speedup > 1.5, "{}", described(&view));
    assert!(view.advice.iter().all(|one| one.lifted != LiftedLimit::TwiceTheWorkers), "{}", described(&view));
}

#[test]
fn a_hot_partition_is_named() {
    let hot = |number: u32| (number % 400, i32::try_from(if number % 10 < 7 { 0 } else { number % 4 }).unwrap());
    let view = run(planted(&topic(4, (0..1000).map(hot)), 4, Ordering::Partition, "simulate:5ms"));
    expect_whole(&view);
    assert_eq!(diagnosis(&view).0, Some(Charge::NoWork), "{}", described(&view));
    assert!(view.advice.iter().any(|one| one.lifted == LiftedLimit::TwiceThePartitions), "{}", described(&view));
}

#[test]
fn a_rate_limit_is_named() {
    let broker = even(1000);
    let mut options = planted(&broker, 4, Ordering::Key, "simulate:100us");
    options.settings.rate = Some(RateLimit::Records(NonZeroU64::new(400).unwrap()));
    let view = run(options);
    expect_whole(&view);
    assert_eq!(diagnosis(&view), (Some(Charge::Throttled), Some(LiftedLimit::NoRateLimit)), "{}", described(&view));
}

/// A handler whose commit takes nine tenths of its time.
struct CommittingHandler;

impl Handler for CommittingHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        for _ in batch.iter().flat_map(|run| &run.records) {
            std::thread::sleep(Duration::from_micros(300));
            as_commit(|| std::thread::sleep(Duration::from_micros(2700)));
        }
        Vec::new()
    }
}

impl RunHandlers for CommittingHandler {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(Self)
    }
}

#[test]
fn slow_commits_are_named() {
    let broker = even(1000);
    let handlers: Arc<dyn RunHandlers> = Arc::new(CommittingHandler);
    let view = run(planted(&broker, 4, Ordering::Key, "null").handled_by(HandlerChoice::new(handlers)));
    expect_whole(&view);
    assert_eq!(diagnosis(&view), (Some(Charge::Commit), Some(LiftedLimit::FreeCommits)), "{}", described(&view));
    assert_eq!(view.charges.longest_first()[0].0, Charge::Commit);
}

#[test]
fn a_full_buffer_is_named() {
    // Sorted by key, and far larger than the buffer: only one key is in memory at a time.
    let broker = topic(1, (0..12_000).map(|number| (number / 3000, 0)));
    let mut options = planted(&broker, 4, Ordering::Key, "simulate:200us");
    options.settings.buffer_bytes = 1 << 16;
    let view = run(options);
    expect_whole(&view);
    assert_eq!(diagnosis(&view).0, Some(Charge::Memory), "{}", described(&view));
}

#[test]
fn a_pause_and_changes_of_concurrency_are_charged_exactly() {
    let broker = even(3000);
    let session = Session::spawn(planted(&broker, 2, Ordering::Key, "simulate:1ms")).unwrap();
    let handled = |least| {
        wait_for(&session, "progress", |shot| shot.run.as_ref().is_some_and(|run| run.totals.handled >= least));
    };
    handled(100);
    session.control.send(Command::Pause);
    wait_for(&session, "the pause is charged", |shot| {
        shot.run.as_ref().is_some_and(|run| run.charges.of(Charge::Paused) > 0)
    });
    session.control.send(Command::Resume);
    for (workers, least) in [(6, 600), (1, 1000), (4, 1500)] {
        session.control.send(Command::SetConcurrency(Concurrency::new(workers).unwrap()));
        handled(least);
    }
    // Between snapshots no state loses time, and all states together gain what the workers have lived.
    let snapshots = session.feed.snapshots.clone();
    let before = snapshots.borrow().run.as_ref().unwrap().charges;
    handled(2000);
    let after = snapshots.borrow().run.as_ref().unwrap().charges;
    assert_eq!(after.since(&before).total_ns(), after.total_ns() - before.total_ns());
    assert!(Charge::ALL.iter().all(|one| after.of(*one) >= before.of(*one)));
    let view = session.join().run.unwrap();
    expect_whole(&view);
    assert!(view.charges.of(Charge::Paused) > 0 && view.charges.of(Charge::Stopping) > 0, "{}", described(&view));
}

#[test]
fn slow_reading_is_named() {
    let broker = even(1000);
    let mut options = planted(&broker, 4, Ordering::Key, "simulate:100us");
    options.settings.probe = Some(Probe { fetch_rate: Some(400) });
    let view = run(options);
    expect_whole(&view);
    assert_eq!(diagnosis(&view), (Some(Charge::Fetch), Some(LiftedLimit::InstantReading)), "{}", described(&view));
}
