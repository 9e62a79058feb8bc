//! Runs whose target stores the positions.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use kreplay::domain::{ErrorClass, TopicPartition};
use kreplay::feed::RunState;
use kreplay::handler::{Logs, PositionStore, TargetPositions as _};
use kreplay::journal::Journals;
use kreplay::replay::{Command, JournalOptions, Session, SessionOptions};

use crate::fixtures::memory_target::{MemoryTarget, SlowCall, TargetClient};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::produce::NewRecord;
use crate::support::sessions::{Ended, finish, following, in_group, options, run, run_with, wait_for, wait_for_event};
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

const KEYS: usize = 40;
const MS: Duration = Duration::from_millis(1);

fn produce(broker: &Broker, topic: &str, count: usize) -> BTreeMap<String, Vec<String>> {
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let keyed = |n: usize| (format!("key-{}", n % KEYS), n.to_string());
    let records: Vec<_> = (0..count).map(keyed).collect();
    for (key, value) in &records {
        by_key.entry(key.clone()).or_default().push(value.clone());
    }
    broker.produce(topic, &records.into_iter().map(|(key, value)| NewRecord::keyed(key, value)).collect::<Vec<_>>());
    by_key
}

fn expect_in_log(ended: &Ended, part: &str) {
    assert!(ended.log().contains(part), "{part:?} in\n{}", ended.log());
}

/// Runs until `count` records are applied, then cancels the run.
fn stopped_after(options: SessionOptions, target: &MemoryTarget, count: usize) -> Ended {
    let mut client = target.client();
    client.work = MS;
    // Handlers wait at `count` records, so that the run cannot end before it is cancelled.
    client.hold_at.store(count, Relaxed);
    let session = Session::spawn(options.handled_by(client.source())).unwrap();
    wait::until("some records are handled", RUN_TIMEOUT, || (target.applied() >= count).then_some(()));
    session.control.send(Command::Stop);
    wait_for(&session, "the run drains", |snapshot| {
        snapshot.run.as_ref().is_some_and(|run| run.state == RunState::Draining)
    });
    client.hold_at.store(usize::MAX, Relaxed);
    let ended = finish(session);
    client.expect_correct_positions();
    assert_eq!(ended.view.state, RunState::Cancelled, "{}", ended.log());
    ended
}

#[test]
fn without_a_group_a_run_starts_at_the_targets_positions_and_applies_each_record_once() {
    let broker = broker::shared();
    let topic = broker.topic("kept", 4);
    let by_key = produce(broker, &topic, 2000);
    let target = MemoryTarget::default();
    stopped_after(options(broker, &topic, 6), &target, 300);
    stopped_after(options(broker, &topic, 3), &target, 900);
    let before: i64 = (0..4).map(|partition| target.position(partition).unwrap()).sum();
    let client = target.client();
    let ended = run_with(options(broker, &topic, 6), client.source());
    assert_eq!(ended.view.state, RunState::Done, "{}", ended.log());
    assert_eq!(
        ended.view.totals.handled,
        2000 - u64::try_from(before).unwrap(),
        "records below the positions were read"
    );
    client.expect_correct_positions();
    target.expect_each_once(2000);
    assert_eq!(target.by_key(), by_key, "in the order of each key");
    assert_eq!(target.claims(), [[0, 1, 2, 3]; 3], "each run claims once");
    let again = run_with(options(broker, &topic, 6), target.client().source()).expect_done(0);
    assert_eq!(again.view.partitions.len(), 4);
}

#[test]
fn target_positions_outside_the_range_are_moved_into_it_with_a_message() {
    let broker = broker::shared();
    let topic = broker.topic("kept-range", 3);
    for partition in 0..3 {
        let records: Vec<_> = (0..100).map(|n| NewRecord::keyed("k", n.to_string()).in_partition(partition)).collect();
        broker.produce(&topic, &records);
    }
    let target = MemoryTarget::default();
    target.set_position(0, 10);
    target.set_position(1, 60);
    target.set_position(2, 90);
    let mut options = options(broker, &topic, 3);
    let range = &mut options.selection.as_mut().unwrap().scope.range;
    (range.from, range.to) = ("50".parse().unwrap(), "80".parse().unwrap());
    let ended = run_with(options, target.client().source()).expect_done(30 + 20);
    expect_in_log(&ended, "position 10 is below the start of the plan; continuing from 50");
    expect_in_log(&ended, "position 90 is above the plan's end 80; nothing is left to read");
    target.expect_each_once(50);
}

#[test]
fn a_journalled_run_uses_the_targets_positions() {
    let broker = broker::shared();
    let topic = broker.topic("kept-journal", 4);
    produce(broker, &topic, 1500);
    let dir = tempfile::tempdir().unwrap();
    let journal = JournalOptions { journals: Some(Journals::below(dir.path())), keep: 9, ..JournalOptions::default() };
    let journalled = || SessionOptions { journal: Some(journal.clone()), ..options(broker, &topic, 4) };
    let target = MemoryTarget::default();
    let first = stopped_after(journalled(), &target, 300);
    let resumed = |id: &str| {
        let mut options = journalled();
        options.journal.as_mut().unwrap().resume = Some(id.to_owned());
        options
    };
    // The target's positions are used, not those of the journal.
    let second = stopped_after(resumed(&first.view.id), &target, 600);
    assert_eq!(second.view.id, first.view.id);
    let other = Session::spawn(resumed(&first.view.id)).unwrap();
    let problem = other.join().problem.expect("the handler null stores no positions");
    assert!(problem.class.is_usage() && problem.text.contains("no longer stores them there"), "{problem:?}");
    let last = run_with(resumed(&first.view.id), target.client().source());
    assert_eq!((last.view.state, &last.view.id), (RunState::Done, &first.view.id), "{}", last.log());
    // Records that one attempt handled above the target's positions are read and counted again by the next one.
    assert!(
        last.view.totals.handled >= 1500,
        "the attempts handled fewer records in total: {}",
        last.view.totals.handled
    );
    target.expect_each_once(1500);
}

#[test]
fn in_a_group_the_targets_positions_win_and_are_committed() {
    let broker = broker::shared();
    let topic = broker.topic("kept-group", 6);
    let by_key = produce(broker, &topic, 1200);
    let group = unique_name("kept");
    let grouped = || in_group(options(broker, &topic, 6), &group);
    run(grouped()).expect_done(1200);
    // The group has committed all records, none of which is in this target.
    let target = MemoryTarget::default();
    let ended = run_with(grouped(), target.client().source()).expect_done(1200);
    expect_in_log(&ended, "the target takes precedence and has no position");
    target.expect_each_once(1200);
    assert_eq!(target.by_key(), by_key);
    let committed: i64 = (0..6).map(|partition| broker.committed(&group, &topic, partition).unwrap()).sum();
    assert_eq!(committed, 1200, "the group does not show the progress");
    run_with(grouped(), target.client().source()).expect_done(0);
}

#[test]
fn the_run_commits_nothing_if_the_target_commits_the_groups_offsets() {
    let broker = broker::shared();
    let topic = broker.topic("kept-offsets", 2);
    produce(broker, &topic, 300);
    let group = unique_name("kept-offsets");
    let target = MemoryTarget::default();
    let mut client = target.client();
    client.position_store = PositionStore::TargetGroup;
    run_with(in_group(options(broker, &topic, 2), &group), client.source()).expect_done(300);
    target.expect_each_once(300);
    assert_eq!([0, 1].map(|partition| broker.committed(&group, &topic, partition)), [None, None]);
}

/// Three processes join and leave. They share only the target. They follow the log, and each step has records of its
/// own, so that no process can end before another one has joined.
#[test]
fn each_record_is_applied_once_through_rebalances() {
    const STEP: usize = 1000;
    let broker = broker::shared();
    let topic = broker.topic("kept-rebalance", 6);
    let mut by_key = BTreeMap::<String, Vec<String>>::new();
    let mut step = || {
        for (key, values) in produce(broker, &topic, STEP) {
            by_key.entry(key).or_default().extend(values);
        }
    };
    let group = unique_name("kept-rebalance");
    let target = MemoryTarget::default();
    let start = |workers: u64| {
        let mut client = target.client();
        client.work = 2 * MS;
        let options = following(in_group(options(broker, &topic, workers), &group));
        (Session::spawn(options.handled_by(client.source())).unwrap(), client)
    };
    let reach = |count: usize| wait::until("progress", RUN_TIMEOUT, || (target.applied() >= count).then_some(()));
    step();
    let (first, first_client) = start(3);
    reach(STEP / 2);
    let (second, second_client) = start(4);
    wait_for_event(&second, "the second has partitions", |event| event.kind.to_string().starts_with("assigned to "));
    step();
    reach(3 * STEP / 2);
    first.control.send(Command::Stop);
    let first = finish(first);
    step();
    reach(5 * STEP / 2);
    let (third, third_client) = start(2);
    wait_for_event(&third, "the third has partitions", |event| event.kind.to_string().starts_with("assigned to "));
    step();
    reach(4 * STEP);
    for session in [&second, &third] {
        session.control.send(Command::Stop);
    }
    for ended in [first, finish(second), finish(third)] {
        assert!(matches!(ended.view.state, RunState::Done | RunState::Cancelled), "{}", ended.log());
    }
    for client in [first_client, second_client, third_client] {
        client.expect_correct_positions();
    }
    target.expect_each_once(4 * STEP);
    assert_eq!(target.by_key(), by_key);
}

#[test]
fn a_run_whose_claims_another_one_has_taken_fails_with_the_reason() {
    let broker = broker::shared();
    let topic = broker.topic("kept-fenced", 2);
    produce(broker, &topic, 1000);
    let target = MemoryTarget::default();
    let slow = target.client();
    // It waits, so that it cannot end before the other run has taken its claims.
    slow.hold_at.store(20, Relaxed);
    let old = Session::spawn(options(broker, &topic, 2).handled_by(slow.source())).unwrap();
    wait::until("records are applied", RUN_TIMEOUT, || (target.applied() >= 20).then_some(()));
    run_with(options(broker, &topic, 4), target.client().source());
    slow.hold_at.store(usize::MAX, Relaxed);
    let old = finish(old);
    assert_eq!(old.view.state, RunState::Failed, "{}", old.log());
    assert!(old.view.error.unwrap().contains("has another owner in the target"));
    target.expect_each_once(1000);
}

/// Another process may claim a partition before the group assigns it. Until then records of that partition wait.
#[test]
fn in_a_group_claimed_partitions_wait_until_the_group_assigns_them_to_the_new_owner() {
    let broker = broker::shared();
    let topic = broker.topic("kept-taken", 4);
    let by_key = produce(broker, &topic, 2000);
    let group = unique_name("kept-taken");
    let target = MemoryTarget::default();
    let start = |client: &TargetClient| {
        Session::spawn(in_group(options(broker, &topic, 2), &group).handled_by(client.source())).unwrap()
    };
    let (mut first_client, second_client) = (target.client(), target.client());
    first_client.work = 2 * MS;
    // It waits, so that it cannot end before its partitions are claimed.
    first_client.hold_at.store(50, Relaxed);
    let first = start(&first_client);
    wait::until("records are applied", RUN_TIMEOUT, || (target.applied() >= 50).then_some(()));
    claim_all(&target, &topic, 4);
    first_client.hold_at.store(usize::MAX, Relaxed);
    wait_for_event(&first, "the event about the other owner", |event| {
        event.kind.to_string().contains("another owner in the target")
    });
    let before = target.applied();
    let second = start(&second_client);
    let (first, second) = (finish(first), finish(second));
    for ended in [&first, &second] {
        assert_eq!(ended.view.state, RunState::Done, "{}", ended.log());
    }
    assert!(before < 2000, "the run ended before its partitions were claimed: {before}");
    let totals = first.view.totals;
    assert_eq!(
        (totals.skipped, totals.dead_lettered, totals.retried),
        (0, 0, 0),
        "waiting must not count as a failure"
    );
    target.expect_each_once(2000);
    assert_eq!(target.by_key(), by_key, "in the order of each key");
    for client in [first_client, second_client] {
        client.expect_correct_positions();
    }
}

/// Claims all partitions, as a new owner would, and handles nothing.
fn claim_all(target: &MemoryTarget, topic: &str, partitions: i32) {
    let ids: Vec<_> = (0..partitions).map(|partition| TopicPartition::new(topic, partition)).collect();
    target.client().claim(&ids, &Logs::default()).unwrap();
}

#[test]
fn new_partitions_are_claimed_before_their_first_record() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("kept-join"))] {
        let topic = broker.topic("kept-join", 2);
        produce(broker, &topic, 100);
        let target = MemoryTarget::default();
        let client = target.client();
        let options = following(options(broker, &topic, 3));
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let session = Session::spawn(options.handled_by(client.source())).unwrap();
        wait_for(&session, "the backlog is handled", |_| target.applied() == 100);
        broker.raise_partitions(&topic, 4);
        produce(broker, &topic, 200);
        wait_for(&session, "the new records", |_| target.applied() == 300);
        session.control.send(Command::Stop);
        let ended = finish(session);
        assert_eq!(ended.view.state, RunState::Done, "{}", ended.log());
        target.expect_each_once(300);
        client.expect_correct_positions();
        assert!((0..4).all(|partition| target.position(partition).is_some()));
    }
}

#[test]
fn a_failing_claim_is_retried_and_finally_fails_the_run() {
    let broker = broker::shared();
    let topic = broker.topic("kept-refused", 2);
    produce(broker, &topic, 50);
    for group in [None, Some(unique_name("kept-refused"))] {
        let with_group = || match &group {
            None => options(broker, &topic, 2),
            Some(group) => in_group(options(broker, &topic, 2), group),
        };
        let target = MemoryTarget::default();
        let mut client = target.client();
        client.failing_claims.store(9, Relaxed);
        let ended = run_with(with_group(), client.source());
        assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
        assert_eq!(ended.view.error.as_deref(), Some("handler memory: the target is closed"));
        assert_eq!(target.applied(), 0);

        client = target.client();
        client.failing_claims.store(1, Relaxed);
        run_with(with_group(), client.source()).expect_done(50);

        client = MemoryTarget::default().client();
        client.failing_claims.store(1, Relaxed);
        client.usage_error = true;
        let session = Session::spawn(with_group().handled_by(client.source())).unwrap();
        let end = session.join();
        assert!(
            end.failure.is_some_and(ErrorClass::is_usage) && end.run.unwrap().state == RunState::Failed,
            "{:?}",
            end.problem
        );
    }
}

#[test]
fn a_slow_claim_delays_neither_the_feed_nor_a_cancel() {
    let broker = broker::shared();
    let topic = broker.topic("kept-hangs", 2);
    produce(broker, &topic, 50);
    let target = MemoryTarget::default();
    let client = target.client();
    client.close_for(SlowCall::Claim);
    let session = Session::spawn(options(broker, &topic, 2).handled_by(client.source())).unwrap();
    wait_for_event(&session, "the message about the wait", |event| {
        event.kind.to_string().contains("waiting for the handler's")
    });
    session.control.send(Command::Stop);
    wait_for(&session, "the run drains", |snapshot| snapshot.run.as_ref().unwrap().state == RunState::Draining);
    client.open();
    let ended = finish(session);
    assert_eq!(ended.view.state, RunState::Cancelled, "{}", ended.log());
    assert_eq!((target.applied(), target.claims().len()), (0, 1), "a claim was repeated after the cancel");
}

#[test]
fn a_slow_finish_is_reported_and_does_not_block_the_feed() {
    let broker = broker::shared();
    let topic = broker.topic("kept-end", 2);
    produce(broker, &topic, 50);
    let target = MemoryTarget::default();
    let client = target.client();
    client.close_for(SlowCall::Finish);
    let session = Session::spawn(options(broker, &topic, 2).handled_by(client.source())).unwrap();
    wait_for_event(&session, "the message about the finish", |event| {
        event.kind.to_string().contains("waiting for the handler to finalize its target")
    });
    let seen = session.feed.snapshots.borrow().run.as_ref().unwrap().elapsed_s;
    wait_for(&session, "further snapshots", |snapshot| {
        let run = snapshot.run.as_ref().unwrap();
        run.state == RunState::Draining && run.elapsed_s > seen
    });
    client.open();
    let ended = finish(session).expect_done(50);
    assert!(ended.view.elapsed_s > seen, "the run does not include the time of the finish");
}
