//! Plans in a session: before a run, during a run, and cancelled.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use kreplay::{
    demo::Datasets,
    domain::{EventCount, Ordering},
    feed::{Bottleneck, RunState, Snapshot},
    replay::{Command, Session, SessionOptions},
};

use crate::support::{options, run, seeded, wait_for};

fn small() -> Datasets {
    Datasets { events: EventCount::new(1_000).unwrap(), ..Datasets::default() }
}

fn is_planned(snapshot: &Snapshot) -> bool {
    snapshot.planning.forecast.is_some() && snapshot.planning.in_progress.is_none()
}

#[test]
fn selected_topics_are_planned_without_starting_a_run() {
    let broker = seeded(&small());
    let unselected =
        SessionOptions { selection: None, one_run: false, ..options(&broker, 4, Ordering::Key, "simulate:1ms") };
    let session = Session::spawn(unselected).unwrap();
    session.control.send(Command::Plan([].into()));
    wait_for(&session, "nothing is selected", |snapshot| snapshot.planning.problem.is_some());
    let topics = [Datasets::topic(1), Datasets::topic(2)];
    session.control.send(Command::Plan(topics.clone().into()));
    wait_for(&session, "the plan is made", is_planned);
    let snapshot = session.feed.snapshots.borrow().clone();
    let forecast = snapshot.planning.forecast.as_deref().unwrap();
    assert_eq!((forecast.records.value, forecast.topics.as_slice()), (200, &topics[..]));
    assert_eq!(
        forecast.predicted.unwrap().limit,
        Bottleneck::Key,
        "each topic has one key, and there are four workers"
    );
    assert!(snapshot.run.is_none() && snapshot.planning.problem.is_none());
    session.control.send(Command::Plan(["no-such-topic".to_owned()].into()));
    wait_for(&session, "there is no such topic", |snapshot| {
        snapshot.planning.problem.as_ref().is_some_and(|text| text.contains("no topic `no-such-topic`"))
    });
    assert!(session.feed.snapshots.borrow().problem.is_none(), "a failed plan must not be a problem of the session");
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}

#[test]
fn a_plan_during_a_run_does_not_disturb_it() {
    let broker = seeded(&small());
    let session =
        Session::spawn(SessionOptions { one_run: false, ..options(&broker, 10, Ordering::Key, "simulate:2ms") })
            .unwrap();
    session.control.send(Command::Plan([].into()));
    wait_for(&session, "the plan and the run are done", |snapshot| {
        is_planned(snapshot) && snapshot.finished.len() == 1
    });
    let snapshot = session.feed.snapshots.borrow().clone();
    assert_eq!((snapshot.finished[0].state, snapshot.finished[0].handled), (RunState::Done, 1000));
    assert_eq!(snapshot.planning.forecast.as_ref().unwrap().records.value, 1000);
    session.control.send(Command::Plan([].into()));
    session.control.send(Command::StopPlanning);
    wait_for(&session, "planning has stopped", |snapshot| snapshot.planning.in_progress.is_none());
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}

#[test]
fn a_plan_predicts_a_later_run_only_if_it_has_the_same_rate_limit() {
    let broker = seeded(&small());
    let session =
        Session::spawn(SessionOptions { one_run: false, ..options(&broker, 10, Ordering::Key, "simulate:1ms") })
            .unwrap();
    session.control.send(Command::Plan([].into()));
    wait_for(&session, "the plan and the run are done", |snapshot| {
        is_planned(snapshot) && snapshot.finished.len() == 1
    });
    session.control.send(Command::Start);
    wait_for(&session, "the second run is over", |snapshot| snapshot.finished.len() == 2);
    assert!(session.feed.snapshots.borrow().run.as_ref().unwrap().plan.predicted.is_some());
    session.control.send(Command::SetRate(Some("100000/s".parse().unwrap())));
    session.control.send(Command::Start);
    wait_for(&session, "the third run is over", |snapshot| snapshot.finished.len() == 3);
    assert_eq!(session.feed.snapshots.borrow().run.as_ref().unwrap().plan.predicted, None);
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}

#[test]
fn a_plan_before_a_run_predicts_its_limit_and_duration() {
    let broker = seeded(&small());
    let mut options = options(&broker, 10, Ordering::Key, "simulate:1ms");
    options.settings.planning.before_run = true;
    let view = run(options);
    let predicted = view.plan.predicted.unwrap();
    assert_eq!(view.state, RunState::Done);
    // On a busy machine reading may be slower than the heaviest key.
    match predicted.limit {
        Bottleneck::Fetch => assert!(predicted.elapsed_s >= 0.1, "{predicted:?}"),
        limit => assert!(limit == Bottleneck::Key && (0.1..0.12).contains(&predicted.elapsed_s), "{predicted:?}"),
    }
}
