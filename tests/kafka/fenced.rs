//! Members that are slow, and members that the group has given up.

use std::time::Duration;

use kreplay::domain::Concurrency;
use kreplay::feed::EventKind;
use kreplay::replay::{Command, Session};

use crate::recorder::Recorder;
use crate::second::{Scribe, Second, expect_all_in_order, lines, member};
use crate::sessions::{finish, finish_within, in_group, options, wait_for, wait_for_event};
use crate::support::broker::{self, unique_name};
use crate::support::produce::NewRecord;
use crate::support::wait;

/// The shortest that the group's session timeout allows.
const MAX_POLL: Duration = Duration::from_secs(6);

#[test]
fn a_handler_slower_than_the_group_allows_between_polls_costs_nothing() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("slow", 2), unique_name("slow"));
    broker.produce(&topic, &[0, 1].map(|number| NewRecord::keyed("k", "v").in_partition(number)));
    let recorder = Recorder::taking(MAX_POLL + Duration::from_secs(2));
    // One member: a second one that joins while the first record is in hand would take its partition away.
    let mut options = in_group(options(broker, &topic, 1), &group);
    options.kafka.properties.insert("max.poll.interval.ms".into(), MAX_POLL.as_millis().to_string());
    let session = Session::spawn_with(options, Some(recorder.source())).unwrap();
    let ended = finish(session).expect_done(2);
    recorder.expect_each_once_in_order(2);
    assert!(!ended.events.iter().any(|event| matches!(event.kind, EventKind::Lost { .. })), "{}", ended.log());
    assert!(ended.log().contains("too long for max.poll.interval.ms"), "{}", ended.log());
}

#[test]
fn a_rebalance_does_not_wait_for_a_slow_handler_longer_than_the_group_waits_for_the_member() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("slow", 2), unique_name("slow"));
    broker.produce(&topic, &[0, 1].map(|number| NewRecord::keyed(format!("k{number}"), "v").in_partition(number)));
    let recorder = Recorder::gated(0);
    let mut options = in_group(options(broker, &topic, 2), &group);
    options.kafka.properties.insert("max.poll.interval.ms".into(), MAX_POLL.as_millis().to_string());
    let session = Session::spawn_with(options, Some(recorder.source())).unwrap();
    let assigned = |to: &str, count: usize| {
        let events = session.feed.events.since(0);
        let last = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Assigned { member, partitions } if member == to => Some(partitions.len()),
            _ => None,
        });
        last == Some(count)
    };
    wait_for_event(&session, "each has one", |_| assigned("member-0", 1) && assigned("member-1", 1));
    wait_for(&session, "both are at work", |snapshot| {
        let workers = &snapshot.run.as_ref().unwrap().workers;
        workers.len() == 2 && workers.iter().all(|worker| worker.state == kreplay::feed::WorkerState::Busy)
    });
    session.control.send(Command::SetConcurrency(Concurrency::new(1).unwrap()));
    wait_for_event(
        &session,
        "one goes without its work in hand",
        |event| matches!(&event.kind, EventKind::Warning { text } if text.contains("work in hand within 4 s")),
    );
    wait_for_event(&session, "the other has both", |_| assigned("member-0", 2));
    recorder.open();
    let ended = finish(session);
    println!("{}", ended.log());
    let handled = ended.view.totals.handled;
    let ended = ended.expect_done(handled);
    assert!(!ended.events.iter().any(|event| matches!(event.kind, EventKind::Lost { .. })), "{}", ended.log());
    // What was in hand when the partitions went counts when they are back, and is not handled again.
    assert_eq!((handled, recorder.count()), (2, 2), "{}", ended.log());
}

#[test]
fn a_process_that_the_group_has_given_up_joins_again_and_its_late_results_do_not_count() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("frozen", 6), unique_name("frozen"));
    let records: Vec<_> =
        (0..20_000).map(|n| NewRecord::keyed(format!("key-{}", n * 31 % 300), format!("{n:0300}"))).collect();
    let placed = broker.produce(&topic, &records);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("handled");
    let scribe = Scribe::new("first", &file, Duration::from_millis(8));
    let session = Session::spawn_with(member(broker.bootstrap(), &topic, &group, 6), Some(scribe.source())).unwrap();
    let mut second = Second::start(broker.bootstrap(), &topic, &group, &file);
    let by_second = || lines(&file).iter().filter(|line| line.by == "second").count();
    let first_has = |session: &Session| {
        session.feed.snapshots.borrow().run.as_ref().map_or(0, |run| {
            run.partitions.iter().filter(|one| matches!(one.owner, kreplay::feed::Owner::Member(_))).count()
        })
    };
    wait_for(&session, "both are at work", |_| by_second() > 300 && (1..6).contains(&first_has(&session)));
    second.signal("STOP");
    wait_for(&session, "the first has all", |_| first_has(&session) == 6);
    let before = by_second();
    second.signal("CONT");
    wait_for(&session, "the second has some again", |_| first_has(&session) < 6 && by_second() > before + 50);
    let ended = finish_within(session, Duration::from_secs(120));
    let done = wait::until("end of the second process", Duration::from_secs(60), || second.ended());
    println!("{}\n--- second\n{}", ended.log(), second.said());
    assert!(done && second.said().contains(" lost "), "{}", second.said());
    let handled = ended.view.totals.handled;
    ended.expect_done(handled);
    let places = placed.iter().map(|one| (u32::try_from(one.partition).unwrap(), one.offset)).collect();
    let again = expect_all_in_order(&lines(&file), &places);
    println!("{again} of {} handled again", places.len());
}
