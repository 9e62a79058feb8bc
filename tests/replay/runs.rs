//! Complete runs: counts, digests, orderings, and control.

use kreplay::{
    demo::Datasets,
    domain::{Concurrency, Lag, Ordering},
    feed::{Bottleneck, EventKind, RunState},
    handler::built_in,
    plan::Selection,
    replay::{Command, Session},
};

use crate::support::{mixed, options, run, seeded, wait_for};

#[test]
fn all_concurrencies_and_orderings_that_keep_keys_in_order_give_the_same_digest() {
    let broker = seeded(&Datasets::default());
    let mut digests = Vec::new();
    for (concurrency, ordering) in
        [(1, Ordering::Key), (6, Ordering::Key), (10, Ordering::Key), (6, Ordering::Partition)]
    {
        let view = run(options(&broker, concurrency, ordering, "null"));
        assert_eq!(view.state, RunState::Done, "{:?}", view.error);
        assert_eq!((view.totals.handled, view.totals.lag), (10_000, Lag::Known(0)), "{concurrency} {ordering}");
        assert_eq!(view.totals.duplicates, 0);
        digests.push(view.digest);
    }
    digests.dedup();
    assert_eq!(digests.len(), 1, "{digests:?}");
}

#[test]
fn a_group_gives_the_same_result() {
    let broker = seeded(&Datasets::default());
    let alone = run(options(&broker, 6, Ordering::Key, "null"));
    for ordering in [Ordering::Key, Ordering::Partition] {
        let mut shared = options(&broker, 6, ordering, "simulate:100us");
        shared.settings.group = Some(format!("by-{ordering}"));
        let view = run(shared);
        assert_eq!(view.state, RunState::Done, "{:?}", view.error);
        assert_eq!((view.totals.handled, view.digest), (10_000, alone.digest.clone()), "{ordering}");
        assert!(view.partitions.iter().all(|partition| partition.lag == Lag::Known(0)));
    }
}

#[test]
fn committed_records_are_not_handled_again() {
    let broker = seeded(&Datasets::default());
    for round in 0..4 {
        for expected in [10_000, 0] {
            let mut shared = options(&broker, 5, Ordering::Key, "simulate:50us");
            shared.settings.group = Some(format!("round-{round}"));
            let view = run(shared);
            assert_eq!((view.state, view.totals.lag), (RunState::Done, Lag::Known(0)), "{:?}", view.error);
            assert_eq!(view.totals.handled, expected, "round {round}");
        }
    }
}

#[test]
fn records_handled_above_the_committed_position_are_not_handled_again() {
    let broker = mixed("mixed", 10_000);
    let mut first = options(&broker, 4, Ordering::Key, "simulate:lognormal:200us:1.5");
    first.selection = Some(Selection::topics(["mixed"]).unwrap());
    first.settings.group = Some("handed-over".into());
    let mut second = first.clone();
    second.settings.handler = built_in("null").unwrap();
    let session = Session::spawn(first).unwrap();
    wait_for(&session, "a part is handled", |snapshot| {
        snapshot.run.as_ref().is_some_and(|run| run.totals.handled > 2_000)
    });
    session.control.send(Command::Stop);
    let stopped = session.join().run.unwrap();
    let resumed = run(second);
    assert_eq!((stopped.state, resumed.state), (RunState::Cancelled, RunState::Done));
    assert_eq!(stopped.totals.handled + resumed.totals.handled, 10_000, "{} duplicates", resumed.totals.duplicates);
    assert!(resumed.totals.already_handled > 0, "no record above the committed position was finished");
    assert_eq!(
        (resumed.totals.duplicates, resumed.totals.repeated),
        (resumed.totals.already_handled, 0),
        "records were handled twice"
    );
}

#[test]
fn concurrency_can_be_changed_during_a_run() {
    for group in [None, Some("g".to_owned())] {
        let broker = seeded(&Datasets::default());
        let alone = run(options(&broker, 1, Ordering::Key, "null"));
        let mut options = options(&broker, 1, Ordering::Key, "simulate:500us");
        options.settings.group = group;
        let session = Session::spawn(options).unwrap();
        for concurrency in [4, 12, 2, 7] {
            let before = session.feed.snapshots.borrow().run.as_ref().map_or(0, |run| run.totals.handled);
            session.control.send(Command::SetConcurrency(Concurrency::new(concurrency).unwrap()));
            wait_for(&session, "more is handled with the new concurrency", |snapshot| {
                snapshot.run.as_ref().is_some_and(|run| {
                    run.state.is_over()
                        || (u64::from(run.concurrency) == concurrency && run.totals.handled > before + 200)
                })
            });
        }
        let view = session.join().run.unwrap();
        assert_eq!((view.state, view.totals.handled), (RunState::Done, 10_000));
        assert_eq!(view.digest, alone.digest);
    }
}

#[test]
fn pause_stops_handling_and_resume_continues_it() {
    let broker = seeded(&Datasets::default());
    let session = Session::spawn(options(&broker, 4, Ordering::Key, "simulate:500us")).unwrap();
    wait_for(&session, "some records are handled", |snapshot| {
        snapshot.run.as_ref().is_some_and(|run| run.totals.handled > 100)
    });
    session.control.send(Command::Pause);
    wait_for(&session, "paused with idle workers", |snapshot| {
        snapshot.run.as_ref().is_some_and(|run| {
            run.state == RunState::Paused
                && run.workers.iter().all(|worker| worker.state == kreplay::feed::WorkerState::Idle)
        })
    });
    let handled = || session.feed.snapshots.borrow().run.as_ref().unwrap().totals.handled;
    let before = handled();
    let mut seen = 0;
    wait_for(&session, "three more snapshots", {
        let seen = std::cell::Cell::new(0);
        move |_| {
            seen.set(seen.get() + 1);
            seen.get() > 3
        }
    });
    seen += handled();
    assert_eq!(seen, before);
    session.control.send(Command::Resume);
    let view = session.join().run.unwrap();
    assert_eq!((view.state, view.totals.handled), (RunState::Done, 10_000));
}

#[test]
fn a_cancelled_run_stops_between_records_and_can_be_run_again() {
    let broker = seeded(&Datasets::default());
    let mut again = options(&broker, 2, Ordering::Key, "simulate:1ms");
    again.one_run = false;
    let session = Session::spawn(again).unwrap();
    wait_for(&session, "some records are handled", |snapshot| {
        snapshot.run.as_ref().is_some_and(|run| run.totals.handled > 50)
    });
    session.control.send(Command::Stop);
    wait_for(&session, "cancelled", |snapshot| snapshot.finished.len() == 1);
    {
        let snapshot = session.feed.snapshots.borrow().clone();
        let run = snapshot.run.as_ref().unwrap();
        assert_eq!(run.state, RunState::Cancelled);
        let left = run.totals.lag.known().unwrap();
        assert!(left > 0 && run.totals.handled + left >= 10_000, "{left} {}", run.totals.handled);
    }
    session.control.send(Command::SetConcurrency(Concurrency::new(50).unwrap()));
    session.control.send(Command::Start);
    wait_for(&session, "the second run is done", |snapshot| snapshot.finished.len() == 2);
    let finished = session.feed.snapshots.borrow().finished.clone();
    assert_eq!((finished[1].state, finished[1].handled, finished[1].concurrency), (RunState::Done, 10_000, 50));
    session.control.send(Command::Shutdown);
    assert!(session.join().problem.is_none());
}

#[test]
fn partition_order_reports_partitions_as_the_limit_and_refuses_more_workers() {
    let datasets = Datasets { count: kreplay::domain::DatasetCount::new(3).unwrap(), ..Datasets::default() };
    let broker = seeded(&Datasets { events: kreplay::domain::EventCount::new(900).unwrap(), ..datasets });
    let view = run(options(&broker, 18, Ordering::Partition, "simulate:1ms"));
    assert_eq!(view.ideal.unwrap().limit, Bottleneck::Partition);
    let end = Session::spawn(options(&broker, 19, Ordering::Partition, "null")).unwrap().join();
    let problem = end.problem.unwrap();
    assert!(
        problem.class.is_usage() && problem.text.contains("there are 18 partitions; choose at most 18"),
        "{problem:?}"
    );
}

#[test]
fn a_record_that_keeps_failing_is_retried_and_then_fails_the_run_or_is_skipped() {
    let broker = seeded(&Datasets { events: kreplay::domain::EventCount::new(50).unwrap(), ..Datasets::default() });
    let mut failing = options(&broker, 2, Ordering::Key, "simulate:0ns,fail=1");
    failing.settings.retry = kreplay::settings::Retry {
        attempts: 2,
        first_delay: std::time::Duration::from_millis(5),
        ..Default::default()
    };
    let view = run(failing.clone());
    assert_eq!((view.state, view.totals.handled), (RunState::Failed, 0));
    assert!(view.error.unwrap().contains("failed 3 times"));
    assert_eq!(view.totals.lag, Lag::Known(50));

    for ordering in [Ordering::Key, Ordering::None] {
        failing.settings.on_failure = kreplay::settings::OnFailure::Skip;
        failing.settings.ordering = ordering;
        let session = Session::spawn(failing.clone()).unwrap();
        let events = session.feed.events.clone();
        let view = session.join().run.unwrap();
        assert_eq!((view.state, view.totals.skipped, view.totals.handled), (RunState::Done, 50, 0), "{ordering}");
        assert_eq!((view.totals.retried, view.totals.lag), (100, Lag::Known(0)));
        let skipped = events.since(0).into_iter().filter(|event| matches!(event.kind, EventKind::Skipped(_))).count();
        assert_eq!(skipped, 50);
    }
}

#[test]
fn without_ordering_every_record_is_handled_once() {
    let broker = seeded(&Datasets::default());
    let view = run(options(&broker, 8, Ordering::None, "simulate:20us,fail=0"));
    assert_eq!((view.totals.handled, view.totals.lag), (10_000, Lag::Known(0)));
}
