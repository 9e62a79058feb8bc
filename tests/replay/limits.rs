//! Limits and barriers: they slow a run down and do not change its records or their order.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use kreplay::{
    demo::Datasets,
    domain::{Concurrency, EventCount, Lag, Ordering, RateLimit},
    feed::{Bottleneck, Event, EventKind, RunState, RunView},
    handler::{DryRunMode, Handler, HandlerChoice, LaneFailure, LaneRun, RunHandlers},
    kafka::embedded::EmbeddedBroker,
    plan::{Scope, Selection},
    replay::{Command, JournalOptions, Session, SessionOptions},
    rules::Rules,
};
use kreplay_testkit::sessions;

use crate::support::{mixed, options, run, seeded, wait_for};

fn per_s(records: u64) -> RateLimit {
    RateLimit::Records(NonZeroU64::new(records).unwrap())
}

fn expect_done(view: &RunView, records: u64) {
    assert_eq!(view.state, RunState::Done, "{:?}", view.error);
    assert_eq!((view.totals.handled, view.totals.lag), (records, Lag::Known(0)));
}

fn log(events: &[Event]) -> String {
    events.iter().map(|event| event.kind.to_string()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_rate_limit_is_kept_and_changes_nothing_else() {
    let broker = seeded(&Datasets::default());
    let free = run(options(&broker, 6, Ordering::Key, "null"));
    expect_done(&free, 10_000);
    for rate in [per_s(8000), RateLimit::Bytes(NonZeroU64::new(free.totals.bytes).unwrap())] {
        for ordering in [Ordering::Key, Ordering::Partition] {
            let mut options = options(&broker, 6, ordering, "null");
            options.settings.rate = Some(rate);
            let view = run(options);
            expect_done(&view, 10_000);
            assert_eq!(view.digest, free.digest, "{rate} {ordering}");
            let least = if matches!(rate, RateLimit::Bytes(_)) { 1.0 } else { 10.0 / 8.0 };
            // The token bucket allows a burst of a tenth of a second.
            assert!(view.handling_s >= least - 0.15, "{rate} {ordering}: {} s", view.handling_s);
            // On a starved machine reading takes longer than the rate allows, and is named as the limit then.
            if view.handling_s < least * 1.2 {
                assert_eq!(view.ideal.unwrap().limit, Bottleneck::Rate, "{rate} {ordering}");
            }
        }
    }
}

#[test]
fn a_rate_limit_can_be_changed_and_removed_during_the_run() {
    let broker = seeded(&Datasets::default());
    let free = run(options(&broker, 6, Ordering::Key, "null"));
    let mut options = options(&broker, 6, Ordering::Key, "null");
    options.settings.rate = Some(per_s(500));
    let session = Session::spawn(options).unwrap();
    let handled = |least| {
        wait_for(&session, "progress", |shot| shot.run.as_ref().is_some_and(|run| run.totals.handled >= least));
    };
    handled(50);
    session.control.send(Command::SetRate(Some(per_s(2000))));
    wait_for(&session, "the rate is shown", |shot| {
        shot.run.as_ref().is_some_and(|run| run.limits.rate == Some(per_s(2000)))
    });
    handled(500);
    session.control.send(Command::SetRate(None));
    let feed = session.feed.clone();
    let view = session.join().run.unwrap();
    expect_done(&view, 10_000);
    assert_eq!(view.digest, free.digest);
    let log = log(&feed.events.since(0));
    assert!(log.contains("at most 2000/s") && log.contains("no rate limit"), "{log}");
}

#[test]
fn automatic_concurrency_finds_a_sensible_number_with_reasons() {
    let events = EventCount::new(40_000).unwrap();
    let broker = seeded(&Datasets { events, ..Datasets::default() });
    let free = run(options(&broker, 6, Ordering::Key, "null"));
    let mut options = options(&broker, 4, Ordering::Key, "simulate:1ms");
    options.settings.adaptive = true;
    options.settings.max_concurrency = Concurrency::new(64).unwrap();
    let session = Session::spawn(options).unwrap();
    let feed = session.feed.clone();
    let view = session.join().run.unwrap();
    expect_done(&view, 40_000);
    assert_eq!(view.digest, free.digest);
    // Ten keys keep at most ten workers busy. How many of these pay off depends on the load of the machine.
    assert!((2..=10).contains(&view.concurrency), "{}", view.concurrency);
    assert!(view.plan.adaptive && view.limits.adaptive);
    let mut changes = 0;
    for event in feed.events.since(0) {
        if let EventKind::ConcurrencyChanged { to, reason, .. } = &event.kind {
            assert!(reason.as_ref().is_some_and(|reason| !reason.is_empty()) && *to <= 64, "{}", event.kind);
            changes += 1;
        }
    }
    assert!(changes >= 1, "{}", log(&feed.events.since(0)));
}

#[test]
fn setting_the_number_of_workers_turns_automatic_concurrency_off() {
    let broker = seeded(&Datasets::default());
    let mut options = options(&broker, 4, Ordering::Key, "simulate:1ms");
    options.settings.adaptive = true;
    let session = Session::spawn(options).unwrap();
    session.control.send(Command::SetConcurrency(Concurrency::new(3).unwrap()));
    wait_for(&session, "auto is off", |shot| {
        shot.run.as_ref().is_some_and(|run| run.concurrency == 3 && !run.limits.adaptive && !shot.next.adaptive)
    });
    session.control.send(Command::SetAdaptive(true));
    wait_for(&session, "auto is on", |shot| shot.run.as_ref().is_some_and(|run| run.limits.adaptive));
    let view = session.join().run.unwrap();
    expect_done(&view, 10_000);
}

#[test]
fn a_single_threaded_run_keeps_one_worker() {
    let broker = seeded(&Datasets::default());
    let free = run(options(&broker, 6, Ordering::Key, "null"));
    for ordering in [Ordering::Key, Ordering::None] {
        let mut options = options(&broker, 6, ordering, "simulate:100us");
        options.settings.single_threaded = true;
        let session = Session::spawn(options).unwrap();
        session.control.send(Command::SetConcurrency(Concurrency::new(4).unwrap()));
        session.control.send(Command::SetAdaptive(true));
        let feed = session.feed.clone();
        let view = session.join().run.unwrap();
        expect_done(&view, 10_000);
        assert_eq!((view.concurrency, view.totals.lanes, view.workers.len()), (1, 1, 1));
        assert_eq!(view.digest, free.digest);
        let log = log(&feed.events.since(0));
        assert_eq!(log.matches("this run is single-threaded").count(), 2, "{log}");
    }
}

/// Counts barriers, and calls that overlap with one.
#[derive(Default)]
struct BarrierCounts {
    /// The number of calls in progress; a barrier counts as 1000.
    in_progress: AtomicU32,
    overlapping: AtomicU32,
    barriers: AtomicU32,
}

struct BarrierHandler(Arc<BarrierCounts>);

impl Handler for BarrierHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let barrier = batch.iter().flat_map(|run| &run.records).any(|record| record.route.barrier);
        let before = self.0.in_progress.fetch_add(if barrier { 1000 } else { 1 }, SeqCst);
        let alone = batch.len() == 1 && batch[0].records.len() == 1 && before == 0;
        if before >= 1000 || barrier && !alone {
            self.0.overlapping.fetch_add(1, SeqCst);
        }
        self.0.barriers.fetch_add(u32::from(barrier), SeqCst);
        std::thread::sleep(Duration::from_micros(if barrier { 500 } else { 50 }));
        self.0.in_progress.fetch_sub(if barrier { 1000 } else { 1 }, SeqCst);
        Vec::new()
    }
}

struct BarrierHandlers(Arc<BarrierCounts>);

impl RunHandlers for BarrierHandlers {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(BarrierHandler(Arc::clone(&self.0)))
    }
}

fn with_barriers(broker: &EmbeddedBroker, concurrency: u64, ordering: Ordering) -> SessionOptions {
    let rules = Rules { barriers: vec!["key=key-7".parse().unwrap()], ..Rules::default() };
    let scope = Scope { rules: Arc::new(rules), ..Scope::default() };
    let mut options = options(broker, concurrency, ordering, "null");
    options.selection = Some(Selection::topics(["mixed"]).unwrap().within(scope.clone()));
    options.scope = scope;
    options
}

#[test]
fn barriers_are_handled_alone_and_counted() {
    let broker = mixed("mixed", 10_000);
    let mut plain = options(&broker, 6, Ordering::Key, "null");
    plain.selection = Some(Selection::topics(["mixed"]).unwrap());
    let plain = run(plain);
    for (concurrency, ordering) in [(8, Ordering::Key), (2, Ordering::Partition)] {
        let mut options = with_barriers(&broker, concurrency, ordering);
        // Far less than the topic has: records that wait behind a barrier must not block it.
        options.settings.buffer_bytes = 1 << 17;
        let counts = Arc::<BarrierCounts>::default();
        let source: Arc<dyn RunHandlers> = Arc::new(BarrierHandlers(Arc::clone(&counts)));
        let session = Session::spawn(options.handled_by(HandlerChoice::new(source))).unwrap();
        let feed = session.feed.clone();
        let view = session.join().run.unwrap();
        expect_done(&view, 10_000);
        assert_eq!((view.totals.barriers, counts.barriers.load(SeqCst)), (200, 200));
        assert_eq!(counts.overlapping.load(SeqCst), 0, "{ordering}");
        assert_eq!(view.digest, plain.digest, "{ordering}");
        let barrier_events =
            feed.events.since(0).iter().filter(|event| event.kind.to_string().starts_with("barrier: ")).count();
        assert_eq!(barrier_events, 200);
    }
}

#[test]
fn contradicting_options_are_refused() {
    let broker = mixed("mixed", 10);
    let refused = |options: SessionOptions, why: &str| {
        let problem = Session::spawn(options).unwrap().join().problem.unwrap();
        assert!(problem.class.is_usage() && problem.text.contains(why), "{}", problem.text);
    };
    let mut grouped = with_barriers(&broker, 2, Ordering::Key);
    grouped.settings.group = Some("shared".into());
    refused(grouped, "drop --group or the barriers");
    let plain = || {
        let mut options = with_barriers(&broker, 1, Ordering::Key);
        options.selection = Some(Selection::topics(["mixed"]).unwrap());
        options
    };
    let mut single = plain();
    single.settings.single_threaded = true;
    let mut grouped = single.clone();
    grouped.settings.group = Some("shared".into());
    refused(grouped, "run it without a group");
    single.settings.adaptive = true;
    refused(single, "drop one of them");
    let mut half = plain();
    half.settings.protect_group = Some("billing".into());
    refused(half, "--max-lag");
}

#[test]
fn a_run_is_not_resumed_as_a_dry_run() {
    let mut options = sessions::options_at("127.0.0.1:1", "mixed", 1);
    options.settings.dry_run = Some(DryRunMode::Single);
    options.journal = Some(JournalOptions { resume: Some("a-run".into()), ..JournalOptions::default() });
    let problem = sessions::problem(options);
    assert!(problem.class.is_usage() && problem.text.contains("cannot be resumed as a dry run"), "{}", problem.text);
}
