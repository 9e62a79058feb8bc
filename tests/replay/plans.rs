//! Plans in a session: before a run, beside it, given up.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use kreplay::{
    demo::Datasets,
    domain::{EventCount, Ordering},
    feed::{Bound, RunState, Snapshot},
    replay::{Command, Session, SessionOptions},
};

use crate::support::{options, run, seeded, wait_for};

fn small() -> Datasets {
    Datasets { events: EventCount::new(1_000).unwrap(), ..Datasets::default() }
}

fn made(snapshot: &Snapshot) -> bool {
    snapshot.planning.forecast.is_some() && snapshot.planning.going.is_none()
}

#[test]
fn chosen_topics_are_planned_and_nothing_is_started() {
    let broker = seeded(&small());
    let unselected =
        SessionOptions { selection: None, one_run: false, ..options(&broker, 4, Ordering::Key, "simulate:1ms") };
    let session = Session::spawn(unselected).unwrap();
    session.control.send(Command::Plan([].into()));
    wait_for(&session, "nothing is selected", |snapshot| snapshot.planning.problem.is_some());
    let topics = [Datasets::topic(1), Datasets::topic(2)];
    session.control.send(Command::Plan(topics.clone().into()));
    wait_for(&session, "the plan is made", made);
    let snapshot = session.feed.snapshots.borrow().clone();
    let forecast = snapshot.planning.forecast.as_deref().unwrap();
    assert_eq!((forecast.records.value, forecast.topics.as_slice()), (200, &topics[..]));
    assert_eq!(forecast.predicted.unwrap().limit, Bound::Key, "each topic has one key, and there are four workers");
    assert!(snapshot.run.is_none() && snapshot.planning.problem.is_none());
    session.control.send(Command::Plan(["no-such-topic".to_owned()].into()));
    wait_for(&session, "there is no such topic", |snapshot| {
        snapshot.planning.problem.as_ref().is_some_and(|text| text.contains("no topic `no-such-topic`"))
    });
    assert!(session.feed.snapshots.borrow().problem.is_none(), "a plan that fails is no problem of the session");
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}

#[test]
fn a_plan_beside_a_run_does_not_disturb_it() {
    let broker = seeded(&small());
    let session =
        Session::spawn(SessionOptions { one_run: false, ..options(&broker, 10, Ordering::Key, "simulate:2ms") })
            .unwrap();
    session.control.send(Command::Plan([].into()));
    wait_for(&session, "both are there", |snapshot| made(snapshot) && snapshot.finished.len() == 1);
    let snapshot = session.feed.snapshots.borrow().clone();
    assert_eq!((snapshot.finished[0].state, snapshot.finished[0].handled), (RunState::Done, 1000));
    assert_eq!(snapshot.planning.forecast.as_ref().unwrap().records.value, 1000);
    session.control.send(Command::Plan([].into()));
    session.control.send(Command::StopPlanning);
    wait_for(&session, "it is given up", |snapshot| snapshot.planning.going.is_none());
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}

#[test]
fn a_plan_before_each_run_is_held_against_it() {
    let broker = seeded(&small());
    let mut options = options(&broker, 10, Ordering::Key, "simulate:1ms");
    options.settings.planning.before_run = true;
    let view = run(options);
    let predicted = view.plan.predicted.unwrap();
    assert_eq!(view.state, RunState::Done);
    // Where the machine is busy, reading may be slower than the heaviest key.
    match predicted.limit {
        Bound::Fetch => assert!(predicted.elapsed_s >= 0.1, "{predicted:?}"),
        limit => assert!(limit == Bound::Key && (0.1..0.12).contains(&predicted.elapsed_s), "{predicted:?}"),
    }
}
