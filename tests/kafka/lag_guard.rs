//! The lag guard: a run slows down or waits while a protected group lags, and does not affect that group.

use std::time::Duration;

use kreplay::feed::{Event, EventKind, RunState};
use kreplay::handler::built_in;
use kreplay::replay::Session;

use crate::fixtures::cluster::commit_offset;
use crate::fixtures::slow_broker::undisturbed;
use crate::support::broker::{self, Broker, unique_name};
use crate::support::groups::Group;
use crate::support::produce::NewRecord;
use crate::support::sessions::{finish, options, run, wait_for, wait_for_event};

/// A delay after which the guard still sees the rate of the last second.
const TOLERATED_DELAY: Duration = Duration::from_millis(500);

fn records(count: usize) -> Vec<NewRecord> {
    (0..count).map(|n| NewRecord::keyed(format!("key-{}", n % 10), n.to_string())).collect()
}

/// The group's state and members, and the offset that it has committed for partition 0 of a topic.
fn description(broker: &Broker, group: &str, topic: &str) -> (Group, Option<i64>) {
    (broker.group(group).expect("a group"), broker.committed(group, topic, 0))
}

/// The guard's lag and its rate limit.
fn guard_state(snapshot: &kreplay::feed::Snapshot) -> Option<(Option<u64>, Option<f64>)> {
    let guard = snapshot.run.as_ref()?.limits.guard.clone()?;
    Some((guard.lag, guard.records_per_s))
}

#[test]
fn a_run_waits_while_the_protected_group_lags() {
    let broker = broker::shared();
    let (behind, replayed, group) = (broker.topic("behind", 1), broker.topic("replayed", 3), unique_name("protected"));
    broker.produce(&behind, &records(1000));
    broker.produce(&replayed, &records(2000));
    commit_offset(broker, &group, &behind, 10);
    let before = description(broker, &group, &behind);

    let mut options = options(broker, &replayed, 4);
    options.settings.protect_group = Some(group.clone());
    options.settings.max_lag = Some(500);
    let session = Session::spawn(options).unwrap();
    wait_for(&session, "the lag is seen", |shot| guard_state(shot) == Some((Some(990), Some(0.0))));
    assert_eq!(description(broker, &group, &behind), before, "the guard changed the group");
    let handled = session.feed.snapshots.borrow().run.as_ref().unwrap().totals.handled;
    assert_eq!(handled, 0, "records were handled while the group lags");

    // Below the limit, but not far enough to resume.
    commit_offset(broker, &group, &behind, 550);
    wait_for(&session, "the run still waits", |shot| guard_state(shot) == Some((Some(450), Some(0.0))));
    commit_offset(broker, &group, &behind, 900);
    let ended = finish(session).expect_done(2000);
    let log = ended.log();
    assert!(log.contains(&format!("group {group}: lag 100: no longer limited")), "{log}");
    assert_eq!(broker.committed(&group, &behind, 0), Some(900));
}

/// Whether the guard slows the run down. It may look at the lag while records are being written.
fn slows_down(event: &Event) -> bool {
    matches!(&event.kind, EventKind::Notice { text } if text.contains(" is above 500: slowed down to"))
}

#[test]
fn a_run_slows_down_when_the_protected_group_falls_behind() {
    let broker = broker::shared();
    let (behind, replayed, group) = (broker.topic("behind", 1), broker.topic("replayed", 3), unique_name("protected"));
    broker.produce(&behind, &records(10));
    broker.produce(&replayed, &records(30_000));
    commit_offset(broker, &group, &behind, 10);
    let mut options = options(broker, &replayed, 4);
    // The run lasts for five minutes. The guard sees a rate of 100/s.
    options.settings.handler = built_in("simulate:40ms").unwrap();
    options.settings.protect_group = Some(group.clone());
    options.settings.max_lag = Some(500);
    let session = Session::spawn(options).unwrap();
    let has_slowed_down = || session.feed.events.since(0).iter().any(slows_down);
    let mut end = 10;
    let fall_behind = || {
        if end > 10 {
            // Once more: the group catches up first.
            commit_offset(broker, &group, &behind, end);
            wait_for(&session, "the run continues", |shot| guard_state(shot) == Some((Some(0), None)));
        }
        let handled = session.feed.snapshots.borrow().run.as_ref().map_or(0, |run| run.totals.handled);
        wait_for(&session, "records are handled", |shot| {
            shot.run.as_ref().is_some_and(|run| run.totals.handled > handled + 100)
        });
        broker.produce(&behind, &records(1000));
        end += 1000;
        wait_for(&session, "the run waits", |shot| guard_state(shot) == Some((Some(1000), Some(0.0))));
    };
    // The run waits at once if the broker does not say the lag, or if no record was handled for a second.
    undisturbed(broker, TOLERATED_DELAY, fall_behind, |()| has_slowed_down());
    assert!(has_slowed_down(), "the run has never slowed down before it waited");
    commit_offset(broker, &group, &behind, end);
    wait_for_event(
        &session,
        "the event that it resumes",
        |event| matches!(&event.kind, EventKind::Notice { text } if text.contains("lag 0: up to")),
    );
    session.control.send(kreplay::replay::Command::Stop);
    assert_eq!(finish(session).view.state, RunState::Cancelled);
}

#[test]
fn a_protected_group_without_commits_fails_the_run() {
    let broker = broker::shared();
    let replayed = broker.topic("replayed", 1);
    broker.produce(&replayed, &records(10));
    let mut options = options(broker, &replayed, 1);
    options.settings.protect_group = Some(unique_name("nobody"));
    options.settings.max_lag = Some(500);
    let ended = run(options);
    assert_eq!((ended.view.state, ended.view.totals.handled), (RunState::Failed, 0));
    assert!(ended.view.error.unwrap().contains("has no committed offsets on this cluster"), "{:?}", ended.events);
}

#[test]
fn a_topic_that_the_group_no_longer_reads_is_named_and_can_be_excluded() {
    let broker = broker::shared();
    let (left, live, replayed) = (broker.topic("left", 1), broker.topic("live", 1), broker.topic("replayed", 1));
    let group = unique_name("protected");
    broker.produce(&left, &records(1000));
    broker.produce(&live, &records(10));
    broker.produce(&replayed, &records(10));
    commit_offset(broker, &group, &left, 0);
    commit_offset(broker, &group, &live, 10);
    let protected = || {
        let mut options = options(broker, &replayed, 1);
        options.settings.protect_group = Some(group.clone());
        options.settings.max_lag = Some(500);
        options
    };
    let session = Session::spawn(protected()).unwrap();
    wait_for(&session, "the partition is named", |shot| {
        let guard = shot.run.as_ref().and_then(|run| run.limits.guard.clone());
        guard.is_some_and(|guard| guard.partition == Some(format!("{left}-0")) && guard.partition_lag == Some(1000))
    });
    let hint =
        format!("group {group}: {left}-0 accounts for 1000 of its lag; if the group no longer reads topic {left}");
    wait_for_event(
        &session,
        "the event with the advice",
        |event| matches!(&event.kind, EventKind::Notice { text } if text.starts_with(&hint) && text.contains("--protect-topics")),
    );
    session.control.send(kreplay::replay::Command::Stop);
    assert_eq!(finish(session).view.totals.handled, 0);

    let mut options = protected();
    options.settings.protect_topics = vec![live.parse().unwrap()];
    run(options).expect_done(10);

    let mut options = protected();
    options.settings.protect_topics = vec!["nothing.*".parse().unwrap()];
    let error = run(options).view.error.unwrap();
    assert!(error.contains(&left) && error.contains("--protect-topics"), "{error}");
}
