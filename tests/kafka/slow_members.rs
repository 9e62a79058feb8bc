//! Members that are slow, and members that were removed from the group.

use std::collections::BTreeSet;
use std::time::Duration;

use kreplay::domain::{Concurrency, Ordering};
use kreplay::feed::{Event, EventKind, RunView, WorkerState};
use kreplay::replay::{Command, Session, SessionOptions};

use crate::fixtures::recorder::Recorder;
use crate::fixtures::second_process::{
    FileRecorder, SecondProcess, expect_all_in_order, hurry, member_options, read_handled,
};
use crate::fixtures::slow_broker::{in_lasting_group, undisturbed};
use crate::support::broker::{self, unique_name};
use crate::support::produce::NewRecord;
use crate::support::sessions::{
    Ended, finish, finish_within, following, in_group, options, ordered, run_with, wait_for, wait_for_event,
};
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

/// The shortest interval that the group's session timeout allows.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(6);
/// A delay of the broker that leaves the members' time limits alone.
const TOLERATED_DELAY: Duration = Duration::from_secs(2);

/// Whether the group has removed a member.
fn was_removed(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event.kind, EventKind::Lost { .. }))
}

/// How many partitions the group assigned to a member the last time.
fn last_assigned(session: &Session, to: &str) -> Option<usize> {
    session.feed.events.since(0).iter().rev().find_map(|event| match &event.kind {
        EventKind::Assigned { member, partitions } if member == to => Some(partitions.len()),
        _ => None,
    })
}

#[test]
fn a_handler_slower_than_max_poll_interval_does_not_lose_its_partition() {
    let broker = broker::shared();
    let (ended, recorder) = undisturbed(
        broker,
        TOLERATED_DELAY,
        || {
            let (topic, group) = (broker.topic("slow", 2), unique_name("slow"));
            broker.produce(&topic, &[0, 1].map(|number| NewRecord::keyed("k", "v").in_partition(number)));
            let recorder = Recorder::slow(MAX_POLL_INTERVAL + Duration::from_secs(2));
            // One member: a second one that joins while the first record is in flight would take its partition away.
            let mut options = in_group(options(broker, &topic, 1), &group);
            options.kafka.properties.insert("max.poll.interval.ms".into(), MAX_POLL_INTERVAL.as_millis().to_string());
            (run_with(options, recorder.source()), recorder)
        },
        |(ended, _)| !was_removed(&ended.events),
    );
    assert!(!was_removed(&ended.events), "{}", ended.log());
    let ended = ended.expect_done(2);
    recorder.expect_each_once_in_order(2);
    assert!(ended.log().contains("too long for max.poll.interval.ms"), "{}", ended.log());
}

#[test]
fn a_slow_handler_delays_a_rebalance_no_longer_than_the_group_waits_for_its_member() {
    let broker = broker::shared();
    let (ended, recorder) = undisturbed(
        broker,
        TOLERATED_DELAY,
        || {
            let (topic, group) = (broker.topic("slow", 2), unique_name("slow"));
            let record = |number: i32| NewRecord::keyed(format!("k{number}"), "v").in_partition(number);
            broker.produce(&topic, &[0, 1].map(record));
            let recorder = Recorder::gated(0);
            let mut options = in_group(options(broker, &topic, 2), &group);
            options.kafka.properties.insert("max.poll.interval.ms".into(), MAX_POLL_INTERVAL.as_millis().to_string());
            let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
            delay_a_rebalance(&session);
            recorder.open();
            (finish(session), recorder)
        },
        |(ended, _)| !was_removed(&ended.events),
    );
    println!("{}", ended.log());
    assert!(!was_removed(&ended.events), "{}", ended.log());
    let handled = ended.view.totals.handled;
    let ended = ended.expect_done(handled);
    // A record that was in flight when its partition was revoked counts once the partition is back. It is not repeated.
    assert_eq!((handled, recorder.count()), (2, 2), "{}", ended.log());
}

/// Has one of two members leave with its record in flight. Returns early if the group has removed a member.
fn delay_a_rebalance(session: &Session) {
    let is_over = || was_removed(&session.feed.events.since(0));
    let assigned = |to: &str, count: usize| last_assigned(session, to) == Some(count);
    wait_for_event(session, "each member has one partition", |_| {
        is_over() || assigned("member-0", 1) && assigned("member-1", 1)
    });
    wait_for(session, "both workers are busy", |snapshot| {
        let workers = &snapshot.run.as_ref().unwrap().workers;
        is_over() || workers.len() == 2 && workers.iter().all(|worker| worker.state == WorkerState::Busy)
    });
    session.control.send(Command::SetConcurrency(Concurrency::new(1).unwrap()));
    let is_late =
        |kind: &EventKind| matches!(kind, EventKind::Warning { text } if text.contains("records in flight within 4 s"));
    wait_for_event(session, "one member leaves with its record in flight", |event| is_over() || is_late(&event.kind));
    wait_for_event(session, "the other member has both partitions", |_| is_over() || assigned("member-0", 2));
}

/// A run of two members over two partitions.
fn two_members(topic: &str, group: &str) -> SessionOptions {
    let broker = broker::shared();
    in_lasting_group(broker, ordered(options(broker, topic, 2), Ordering::Partition), group)
}

/// Stops such a run when one partition is handled, and a record of the other is in flight for good.
fn stop_with_a_stuck_record(topic: &str, group: &str) -> (Ended, Recorder) {
    let broker = broker::shared();
    broker.produce(topic, &(0..50).map(|n| NewRecord::unkeyed(n.to_string()).in_partition(0)).collect::<Vec<_>>());
    let recorder = Recorder::gated_at("stuck");
    let mut options = following(two_members(topic, group));
    options.settings.drain_timeout = Duration::from_secs(1);
    // Only the last commit of the run counts.
    options.settings.commit_interval = Duration::from_secs(3600);
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    wait_for_event(&session, "each member has one partition", |_| {
        ["member-0", "member-1"].iter().all(|member| last_assigned(&session, member) == Some(1))
    });
    let positions = |run: &RunView| run.partitions.iter().map(|one| one.position.get()).collect::<Vec<_>>();
    wait_for(&session, "one partition is handled", |now| now.run.as_ref().is_some_and(|run| positions(run) == [50, 0]));
    // A batch with records of both partitions would keep both back, so this one comes later.
    broker.produce(topic, &[NewRecord::keyed("stuck", "v").in_partition(1)]);
    wait_for(&session, "a record of the other is stuck", |now| {
        now.run.as_ref().is_some_and(|run| run.workers.iter().any(|one| one.state == WorkerState::Busy))
    });
    session.control.send(Command::Stop);
    (finish(session), recorder)
}

#[test]
fn a_handler_that_never_returns_does_not_keep_the_others_from_committing_and_leaving() {
    let broker = broker::shared();
    let has_not_left = |ended: &Ended| ended.log().contains("could not leave the group");
    // The members have ten seconds to leave.
    let (ended, recorder, topic, group) = undisturbed(
        broker,
        TOLERATED_DELAY,
        || {
            let (topic, group) = (broker.topic("stuck", 2), unique_name("stuck"));
            let (ended, recorder) = stop_with_a_stuck_record(&topic, &group);
            (ended, recorder, topic, group)
        },
        |(ended, ..)| !has_not_left(ended),
    );
    let log = ended.log();
    assert!(log.contains("records in flight did not finish within the drain timeout"), "{log}");
    assert!(!has_not_left(&ended), "{log}");
    let mut ending = ended.events.iter().skip_while(|event| event.kind != EventKind::CancelRequested);
    let before_end = ending.by_ref().take_while(|event| !matches!(event.kind, EventKind::Finished { .. }));
    let left: BTreeSet<&str> = before_end
        .filter_map(|event| match &event.kind {
            EventKind::Revoked { member, .. } => Some(member.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(left, ["member-0", "member-1"].into(), "both have left before the end is reported: {log}");
    let committed = [0, 1].map(|partition| broker.committed(&group, &topic, partition));
    assert_eq!(committed, [Some(50), Some(0)], "{log}");
    recorder.open();
    run_with(two_members(&topic, &group), Recorder::default().source()).expect_done(1);
}

#[test]
fn a_process_removed_from_the_group_rejoins_and_its_late_results_do_not_count() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("frozen", 6), unique_name("frozen"));
    let records: Vec<_> =
        (0..16_000).map(|n| NewRecord::keyed(format!("key-{}", n * 31 % 300), format!("{n:0300}"))).collect();
    let placed = broker.produce(&topic, &records);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("handled");
    // Both processes are slow until the second one has continued, so that records are left then, however late that is.
    let recorder = FileRecorder::new("first", &file);
    let session =
        Session::spawn(member_options(broker.bootstrap(), &topic, &group, 6).handled_by(recorder.source())).unwrap();
    let mut second = SecondProcess::start(broker.bootstrap(), &topic, &group, &file);
    let by_second = || read_handled(&file).iter().filter(|record| record.by == "second").count();
    let first_has = |session: &Session| {
        session.feed.snapshots.borrow().run.as_ref().map_or(0, |run| {
            run.partitions.iter().filter(|one| matches!(one.owner, kreplay::feed::Owner::Member(_))).count()
        })
    };
    wait_for(&session, "both processes handle records", |_| by_second() > 30 && (1..6).contains(&first_has(&session)));
    second.signal("STOP");
    wait_for(&session, "the first process has all partitions", |_| first_has(&session) == 6);
    let before = by_second();
    second.signal("CONT");
    wait_for(&session, "the second process has partitions again", |_| {
        first_has(&session) < 6 && by_second() > before + 30
    });
    for name in ["first", "second"] {
        hurry(&file, name);
    }
    let ended = finish_within(session, RUN_TIMEOUT);
    let succeeded = wait::until("end of the second process", RUN_TIMEOUT, || second.ended());
    println!("{}\n--- second\n{}", ended.log(), second.output());
    assert!(succeeded && second.output().contains(" lost by "), "{}", second.output());
    let handled = ended.view.totals.handled;
    ended.expect_done(handled);
    let places = placed.iter().map(|one| (u32::try_from(one.partition).unwrap(), one.offset)).collect();
    let repeated = expect_all_in_order(&read_handled(&file), &places);
    println!("{repeated} of {} records repeated", places.len());
}
