//! Transactions: what was committed is handled, what was aborted is not, and markers leave no lag behind.

use kreplay::replay::{Command, Session};

use crate::follow::following;
use crate::recorder::Recorder;
use crate::sessions::{finish, in_group, options, run, run_with, wait_for, wait_for_event};
use crate::support::broker::{self, unique_name};
use crate::support::process::Program;
use crate::support::produce::{Ending, NewRecord};

fn ten(prefix: &str) -> Vec<NewRecord> {
    (0..10).map(|n| NewRecord::keyed("k", format!("{prefix}{n}"))).collect()
}

/// Writes transactions and replays them, without and with a group; gives the values in the order of handling.
fn replayed(endings: &[Ending]) -> Vec<String> {
    let broker = broker::shared();
    let topic = broker.topic("transactions", 1);
    for (index, ending) in endings.iter().enumerate() {
        broker.transaction(&topic, *ending, &ten(&format!("{index}/")));
    }
    let expected = 10 * endings.iter().filter(|ending| **ending == Ending::Commit).count();
    let results = [None, Some(unique_name("transactions"))].map(|group| {
        let recorder = Recorder::default();
        let options = options(broker, &topic, 4);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run_with(options, recorder.source()).expect_done(expected as u64);
        recorder.expect_each_once_in_order(expected);
        if let Some(group) = &group {
            assert_eq!(broker.committed(group, &topic, 0), Some(ended.partition(0).end.get()));
        }
        recorder.seen().into_iter().map(|one| String::from_utf8(one.value.unwrap()).unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(results[0], results[1]);
    let [values, _] = results;
    values
}

fn values(indexes: &[usize]) -> Vec<String> {
    indexes.iter().flat_map(|index| (0..10).map(move |n| format!("{index}/{n}"))).collect()
}

/// R31.
#[test]
fn ten_committed_ten_aborted_ten_committed() {
    assert_eq!(replayed(&[Ending::Commit, Ending::Abort, Ending::Commit]), values(&[0, 2]));
}

#[test]
fn a_log_that_ends_with_an_aborted_transaction_ends_without_lag() {
    assert_eq!(replayed(&[Ending::Commit, Ending::Abort]), values(&[0]));
}

#[test]
fn a_log_of_aborted_transactions_alone_is_replayed_to_its_end() {
    assert_eq!(replayed(&[Ending::Abort, Ending::Abort]), Vec::<String>::new());
}

/// Ten records, an open transaction, and what was committed behind it.
fn with_an_open_transaction() -> String {
    let broker = broker::shared();
    let topic = broker.topic("held-back", 1);
    broker.produce(&topic, &ten("before/"));
    broker.transaction(&topic, Ending::Open, &ten("open/")[..1]);
    broker.produce(&topic, &ten("behind/"));
    topic
}

#[test]
fn what_an_open_transaction_holds_back_is_told_before_a_run_and_in_its_report() {
    let broker = broker::shared();
    let topic = with_an_open_transaction();
    let ended = run(options(broker, &topic, 2)).expect_done(10);
    assert_eq!(ended.view.plan.held_back, 11);
    let told = format!("open transactions hold back 11 offsets of {topic}-0 from 10 on, since 20");
    assert!(ended.log().contains(&told), "{}", ended.log());
    // Who wants no more than what can be read misses nothing.
    let mut bounded = options(broker, &topic, 2);
    bounded.selection.as_mut().unwrap().scope.range.to = "10".parse().unwrap();
    let ended = run(bounded).expect_done(10);
    assert_eq!((ended.view.plan.held_back, ended.log().contains("hold back")), (0, false), "{}", ended.log());
    let plan = Program::kreplay()
        .args(["plan", "--bootstrap-server", broker.bootstrap(), "--topics", &topic, "--report", "json"])
        .run()
        .expect_success();
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["held_back"], 11, "{plan:#}");
    assert!(plan["notes"].to_string().contains(&told), "{plan:#}");
}

#[test]
fn a_run_that_follows_tells_of_a_transaction_that_stays_open_behind_it() {
    let broker = broker::shared();
    let topic = broker.topic("held-back", 1);
    broker.produce(&topic, &ten("before/"));
    let recorder = Recorder::default();
    let session = Session::spawn_with(following(options(broker, &topic, 2)), Some(recorder.source())).unwrap();
    wait_for(&session, "the backlog", |_| recorder.count() == 10);
    broker.transaction(&topic, Ending::Open, &ten("open/")[..1]);
    broker.produce(&topic, &ten("behind/"));
    // How many they are depends on when the run looks: the records behind may not be there yet.
    let place = format!("of {topic}-0 from 10 on, since 20");
    let tells = |text: &str| text.contains("open transactions hold back") && text.contains(&place);
    wait_for_event(&session, "it is told", |event| tells(&event.kind.to_string()));
    assert_eq!(recorder.count(), 10);
    session.control.send(Command::Cancel);
    finish(session);
}

#[test]
fn a_migration_says_what_an_open_transaction_keeps_from_being_copied() {
    let broker = broker::shared();
    let topic = with_an_open_transaction();
    let target = format!("{}:2", unique_name("held-back-target"));
    let migrate = |more: &[&str]| {
        Program::kreplay()
            .args(["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics", &topic])
            .args(["--default-topic", &target, "--key", "keep"])
            .args(more)
            .run()
            .expect_success()
    };
    let told = format!("open transactions hold back 11 offsets of {topic}-0 from 10 on, since 20");
    let planned = migrate(&[]);
    assert!(planned.stdout.contains(&format!("not copied: {told}")), "{}", planned.stdout);
    let done = migrate(&["--execute"]);
    assert!(done.stderr.contains(&format!("not copied and not verified: {told}")), "{}", done.stderr);
    assert!(done.stdout.contains(&format!("not copied and not verified: {told}")), "{}", done.stdout);
    let again: serde_json::Value = serde_json::from_str(&migrate(&["--execute", "--json"]).stdout).unwrap();
    assert_eq!((&again["nothing_to_do"], &again["held_back"]), (&true.into(), &11.into()), "{again:#}");
}

#[test]
fn an_open_transaction_is_not_waited_for() {
    assert_eq!(replayed(&[Ending::Commit, Ending::Open]), values(&[0]));
    assert_eq!(replayed(&[Ending::Open]), Vec::<String>::new());
}
