//! Runs whose target keeps the positions.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use kreplay::domain::TopicPartition;
use kreplay::feed::RunState;
use kreplay::handler::{KeptBy, Logs};
use kreplay::journal::Journals;
use kreplay::replay::{Command, JournalOptions, Session, SessionOptions};

use crate::follow::following;
use crate::ledger::{Client, Ledger};
use crate::sessions::{DEADLINE, Ended, finish, in_group, options, run, run_with, wait_for, wait_for_event};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::produce::NewRecord;
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

fn is_told(ended: &Ended, part: &str) {
    assert!(ended.log().contains(part), "{part:?} in\n{}", ended.log());
}

/// Handles some and is stopped.
fn stopped_after(options: SessionOptions, ledger: &Ledger, count: usize) -> Ended {
    let mut client = ledger.client();
    client.work = MS;
    // It is in its middle until it is told to stop.
    client.hold_at.store(count, Relaxed);
    let session = Session::spawn_with(options, Some(client.source())).unwrap();
    wait::until("some are handled", DEADLINE, || (ledger.applied() >= count).then_some(()));
    session.control.send(Command::Cancel);
    wait_for(&session, "it is being stopped", |snapshot| {
        snapshot.run.as_ref().is_some_and(|run| run.state == RunState::Draining)
    });
    client.hold_at.store(usize::MAX, Relaxed);
    let ended = finish(session);
    client.expect_true_positions();
    assert_eq!(ended.view.state, RunState::Cancelled, "{}", ended.log());
    ended
}

#[test]
fn without_a_group_a_run_begins_where_the_target_stands_and_applies_each_record_once() {
    let broker = broker::shared();
    let topic = broker.topic("kept", 4);
    let by_key = produce(broker, &topic, 2000);
    let ledger = Ledger::default();
    stopped_after(options(broker, &topic, 6), &ledger, 300);
    stopped_after(options(broker, &topic, 3), &ledger, 900);
    let before: i64 = (0..4).map(|partition| ledger.position(partition).unwrap()).sum();
    let client = ledger.client();
    let ended = run_with(options(broker, &topic, 6), client.source());
    assert_eq!(ended.view.state, RunState::Done, "{}", ended.log());
    assert_eq!(ended.view.totals.handled, 2000 - u64::try_from(before).unwrap(), "what lies below is not read");
    client.expect_true_positions();
    ledger.expect_each_once(2000);
    assert_eq!(ledger.by_key(), by_key, "in the order of each key");
    assert_eq!(ledger.claims(), [[0, 1, 2, 3]; 3], "one claim a run");
    let again = run_with(options(broker, &topic, 6), ledger.client().source()).expect_done(0);
    assert_eq!(again.view.partitions.len(), 4);
}

#[test]
fn the_targets_place_is_brought_into_the_range_and_told() {
    let broker = broker::shared();
    let topic = broker.topic("kept-range", 3);
    for partition in 0..3 {
        let records: Vec<_> = (0..100).map(|n| NewRecord::keyed("k", n.to_string()).in_partition(partition)).collect();
        broker.produce(&topic, &records);
    }
    let ledger = Ledger::default();
    ledger.stands_at(0, 10);
    ledger.stands_at(1, 60);
    ledger.stands_at(2, 90);
    let mut options = options(broker, &topic, 3);
    let range = &mut options.selection.as_mut().unwrap().scope.range;
    (range.from, range.to) = ("50".parse().unwrap(), "80".parse().unwrap());
    let ended = run_with(options, ledger.client().source()).expect_done(30 + 20);
    is_told(&ended, "stands at 10, below where the plan begins; going on from 50");
    is_told(&ended, "stands at 90, above the plan's end 80; nothing is left of it");
    ledger.expect_each_once(50);
}

#[test]
fn a_journal_leaves_the_positions_to_the_target() {
    let broker = broker::shared();
    let topic = broker.topic("kept-journal", 4);
    produce(broker, &topic, 1500);
    let dir = tempfile::tempdir().unwrap();
    let journal = JournalOptions { journals: Some(Journals::below(dir.path())), keep: 9, ..JournalOptions::default() };
    let journalled = || SessionOptions { journal: Some(journal.clone()), ..options(broker, &topic, 4) };
    let ledger = Ledger::default();
    let first = stopped_after(journalled(), &ledger, 300);
    let resumed = |id: &str| {
        let mut options = journalled();
        options.journal.as_mut().unwrap().resume = Some(id.to_owned());
        options
    };
    // Whatever the journal could say: the target says more.
    let second = stopped_after(resumed(&first.view.id), &ledger, 600);
    assert_eq!(second.view.id, first.view.id);
    let other = Session::spawn(resumed(&first.view.id)).unwrap();
    let problem = other.join().problem.expect("null keeps no positions");
    assert!(problem.usage && problem.text.contains("does not keep them any more"), "{problem:?}");
    let last = run_with(resumed(&first.view.id), ledger.client().source());
    assert_eq!((last.view.state, &last.view.id), (RunState::Done, &first.view.id), "{}", last.log());
    // What an attempt handled above the target's positions is read again by the next one, and counted again.
    assert!(last.view.totals.handled >= 1500, "the counts of the attempts add up: {}", last.view.totals.handled);
    ledger.expect_each_once(1500);
}

#[test]
fn in_a_group_the_target_wins_and_the_group_is_told() {
    let broker = broker::shared();
    let topic = broker.topic("kept-group", 6);
    let by_key = produce(broker, &topic, 1200);
    let group = unique_name("kept");
    let grouped = || in_group(options(broker, &topic, 6), &group);
    run(grouped()).expect_done(1200);
    // The group has committed everything, of which this target has nothing.
    let ledger = Ledger::default();
    let ended = run_with(grouped(), ledger.client().source()).expect_done(1200);
    is_told(&ended, "the target has nothing of it and decides");
    ledger.expect_each_once(1200);
    assert_eq!(ledger.by_key(), by_key);
    let committed: i64 = (0..6).map(|partition| broker.committed(&group, &topic, partition).unwrap()).sum();
    assert_eq!(committed, 1200, "for those who watch the group");
    run_with(grouped(), ledger.client().source()).expect_done(0);
}

#[test]
fn a_target_that_commits_the_groups_offsets_is_the_only_one_that_does() {
    let broker = broker::shared();
    let topic = broker.topic("kept-offsets", 2);
    produce(broker, &topic, 300);
    let group = unique_name("kept-offsets");
    let ledger = Ledger::default();
    let mut client = ledger.client();
    client.kept_by = KeptBy::TargetsGroup;
    run_with(in_group(options(broker, &topic, 2), &group), client.source()).expect_done(300);
    ledger.expect_each_once(300);
    assert_eq!([0, 1].map(|partition| broker.committed(&group, &topic, partition)), [None, None]);
}

/// Three processes come and go; each has clients of its own, and only the ledger in common.
#[test]
fn through_rebalances_each_record_is_applied_once() {
    let broker = broker::shared();
    let topic = broker.topic("kept-rebalance", 6);
    let by_key = produce(broker, &topic, 3000);
    let group = unique_name("kept-rebalance");
    let ledger = Ledger::default();
    let start = |workers: u64| {
        let mut client = ledger.client();
        client.work = 2 * MS;
        let mut options = in_group(options(broker, &topic, workers), &group);
        // However long a process takes to join, there is something left for it.
        options.settings.rate = Some("300/s".parse().unwrap());
        (Session::spawn_with(options, Some(client.source())).unwrap(), client)
    };
    let reach = |count: usize| wait::until("progress", DEADLINE, || (ledger.applied() >= count).then_some(()));
    let (first, first_client) = start(3);
    reach(300);
    let (second, second_client) = start(4);
    wait_for_event(&second, "the second has partitions", |event| event.kind.to_string().contains(" got "));
    reach(900);
    first.control.send(Command::Cancel);
    let first = finish(first);
    assert_eq!(first.view.state, RunState::Cancelled, "{}", first.log());
    reach(1500);
    let (third, third_client) = start(2);
    wait_for_event(&third, "the third has partitions", |event| event.kind.to_string().contains(" got "));
    for session in [&second, &third] {
        session.control.send(Command::SetRate(None));
    }
    let (second, third) = (finish(second), finish(third));
    for ended in [&second, &third] {
        assert_eq!(ended.view.state, RunState::Done, "{}", ended.log());
    }
    for client in [first_client, second_client, third_client] {
        client.expect_true_positions();
    }
    ledger.expect_each_once(3000);
    assert_eq!(ledger.by_key(), by_key);
}

#[test]
fn a_run_that_another_one_has_put_out_of_the_target_fails_and_says_so() {
    let broker = broker::shared();
    let topic = broker.topic("kept-fenced", 2);
    produce(broker, &topic, 1000);
    let ledger = Ledger::default();
    let slow = ledger.client();
    let mut paced = options(broker, &topic, 2);
    paced.settings.rate = Some("50/s".parse().unwrap());
    let old = Session::spawn_with(paced, Some(slow.source())).unwrap();
    wait::until("it works", DEADLINE, || (ledger.applied() >= 20).then_some(()));
    run_with(options(broker, &topic, 4), ledger.client().source());
    let old = finish(old);
    assert_eq!(old.view.state, RunState::Failed, "{}", old.log());
    assert!(old.view.error.unwrap().contains("has another owner in the ledger"));
    ledger.expect_each_once(1000);
}

/// Who takes a partition over may be quicker than the group: until the group says so as well, its records wait.
#[test]
fn in_a_group_what_was_taken_over_waits_until_the_group_gives_it_to_its_next_owner() {
    let broker = broker::shared();
    let topic = broker.topic("kept-taken", 4);
    let by_key = produce(broker, &topic, 2000);
    let group = unique_name("kept-taken");
    let ledger = Ledger::default();
    let start = |client: &Client| {
        Session::spawn_with(in_group(options(broker, &topic, 2), &group), Some(client.source())).unwrap()
    };
    let (mut first_client, second_client) = (ledger.client(), ledger.client());
    first_client.work = 2 * MS;
    let first = start(&first_client);
    wait::until("it works", DEADLINE, || (ledger.applied() >= 50).then_some(()));
    take_all(&ledger, &topic, 4);
    wait_for_event(&first, "it finds out", |event| event.kind.to_string().contains("another owner in the ledger"));
    let before = ledger.applied();
    let second = start(&second_client);
    let (first, second) = (finish(first), finish(second));
    for ended in [&first, &second] {
        assert_eq!(ended.view.state, RunState::Done, "{}", ended.log());
    }
    assert!(before < 2000, "it was over before it was taken: {before}");
    let totals = first.view.totals;
    assert_eq!((totals.skipped, totals.dead_lettered, totals.retried), (0, 0, 0), "to wait is no failure");
    ledger.expect_each_once(2000);
    assert_eq!(ledger.by_key(), by_key, "in the order of each key");
    for client in [first_client, second_client] {
        client.expect_true_positions();
    }
}

/// Somebody claims the partitions, as who gets them next would, and does nothing with them.
fn take_all(ledger: &Ledger, topic: &str, partitions: i32) {
    let ids: Vec<_> = (0..partitions).map(|partition| TopicPartition::new(topic, partition)).collect();
    ledger.client().source().claim(&ids, &Logs::default()).unwrap();
}

#[test]
fn what_joins_a_run_is_claimed_before_its_first_record() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("kept-join"))] {
        let topic = broker.topic("kept-join", 2);
        produce(broker, &topic, 100);
        let ledger = Ledger::default();
        let client = ledger.client();
        let options = following(options(broker, &topic, 3));
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let session = Session::spawn_with(options, Some(client.source())).unwrap();
        wait_for(&session, "the backlog", |_| ledger.applied() == 100);
        broker.raise_partitions(&topic, 4);
        produce(broker, &topic, 200);
        wait_for(&session, "what is new", |_| ledger.applied() == 300);
        session.control.send(Command::Cancel);
        let ended = finish(session);
        assert_eq!(ended.view.state, RunState::Done, "{}", ended.log());
        ledger.expect_each_once(300);
        client.expect_true_positions();
        assert!((0..4).all(|partition| ledger.position(partition).is_some()));
    }
}

#[test]
fn a_target_that_cannot_be_asked_is_asked_again_and_fails_the_run_in_the_end() {
    let broker = broker::shared();
    let topic = broker.topic("kept-refused", 2);
    produce(broker, &topic, 50);
    for group in [None, Some(unique_name("kept-refused"))] {
        let with_group = || match &group {
            None => options(broker, &topic, 2),
            Some(group) => in_group(options(broker, &topic, 2), group),
        };
        let ledger = Ledger::default();
        let mut client = ledger.client();
        client.refusals.store(9, Relaxed);
        let ended = run_with(with_group(), client.source());
        assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
        assert_eq!(ended.view.error.as_deref(), Some("handler ledger: it is closed today"));
        assert_eq!(ledger.applied(), 0);

        client = ledger.client();
        client.refusals.store(1, Relaxed);
        run_with(with_group(), client.source()).expect_done(50);

        client = Ledger::default().client();
        client.refusals.store(1, Relaxed);
        client.usage = true;
        let session = Session::spawn_with(with_group(), Some(client.source())).unwrap();
        let end = session.join();
        assert!(end.wrong_usage && end.run.unwrap().state == RunState::Failed, "{:?}", end.problem);
    }
}

#[test]
fn a_claim_that_hangs_holds_up_neither_the_feed_nor_a_cancel() {
    let broker = broker::shared();
    let topic = broker.topic("kept-hangs", 2);
    produce(broker, &topic, 50);
    let ledger = Ledger::default();
    let mut client = ledger.client();
    client.claiming = Duration::from_secs(4);
    let session = Session::spawn_with(options(broker, &topic, 2), Some(client.source())).unwrap();
    wait_for_event(&session, "the wait is told", |event| event.kind.to_string().contains("waiting for the handler's"));
    session.control.send(Command::Cancel);
    wait_for(&session, "it drains", |snapshot| snapshot.run.as_ref().unwrap().state == RunState::Draining);
    let ended = finish(session);
    assert_eq!(ended.view.state, RunState::Cancelled, "{}", ended.log());
    assert_eq!((ledger.applied(), ledger.claims().len()), (0, 1), "nobody is left who could still take it over");
}

#[test]
fn an_end_that_takes_its_time_is_told_and_freezes_nothing() {
    let broker = broker::shared();
    let topic = broker.topic("kept-end", 2);
    produce(broker, &topic, 50);
    let ledger = Ledger::default();
    let mut client = ledger.client();
    client.finishing = Duration::from_secs(3);
    let begun = Instant::now();
    let session = Session::spawn_with(options(broker, &topic, 2), Some(client.source())).unwrap();
    wait_for_event(&session, "the end is told", |event| {
        event.kind.to_string().contains("brings its target to the end")
    });
    let seen = session.feed.snapshots.borrow().run.as_ref().unwrap().elapsed_s;
    wait_for(&session, "snapshots go on", |snapshot| {
        let run = snapshot.run.as_ref().unwrap();
        run.state == RunState::Draining && run.elapsed_s > seen
    });
    let ended = finish(session).expect_done(50);
    assert!(begun.elapsed() >= client.finishing && ended.view.elapsed_s >= 3.0, "the end is part of the run");
}
