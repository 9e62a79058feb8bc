//! Transactions: committed records are handled, aborted ones are not, and markers leave no lag.

use kreplay::replay::{Command, Session};

use crate::fixtures::recorder::Recorder;
use crate::support::broker::{self, unique_name};
use crate::support::process::Program;
use crate::support::produce::{Ending, NewRecord};
use crate::support::sessions::{finish, following, in_group, options, run, run_with, wait_for, wait_for_event};

fn ten_records(prefix: &str) -> Vec<NewRecord> {
    (0..10).map(|n| NewRecord::keyed("k", format!("{prefix}{n}"))).collect()
}

/// Writes transactions and replays them without and with a group. Returns the values in the order of handling.
fn replayed(endings: &[Ending]) -> Vec<String> {
    let broker = broker::shared();
    let topic = broker.topic("transactions", 1);
    for (index, ending) in endings.iter().enumerate() {
        broker.transaction(&topic, *ending, &ten_records(&format!("{index}/")));
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

#[test]
fn aborted_records_between_committed_ones_are_skipped() {
    assert_eq!(replayed(&[Ending::Commit, Ending::Abort, Ending::Commit]), values(&[0, 2]));
}

#[test]
fn a_log_that_ends_with_an_aborted_transaction_ends_without_lag() {
    assert_eq!(replayed(&[Ending::Commit, Ending::Abort]), values(&[0]));
}

#[test]
fn a_log_of_only_aborted_transactions_is_replayed_to_its_end() {
    assert_eq!(replayed(&[Ending::Abort, Ending::Abort]), Vec::<String>::new());
}

/// A topic with ten records, an open transaction, and ten records behind it.
fn topic_with_open_transaction() -> String {
    let broker = broker::shared();
    let topic = broker.topic("held-back", 1);
    broker.produce(&topic, &ten_records("before/"));
    broker.transaction(&topic, Ending::Open, &ten_records("open/")[..1]);
    broker.produce(&topic, &ten_records("behind/"));
    topic
}

#[test]
fn records_held_back_by_an_open_transaction_are_reported_by_runs_and_plans() {
    let broker = broker::shared();
    let topic = topic_with_open_transaction();
    let ended = run(options(broker, &topic, 2)).expect_done(10);
    assert_eq!(ended.view.plan.held_back, 11);
    let warning = format!("open transactions hold back 11 offsets of {topic}-0 from 10 on, since 20");
    assert!(ended.log().contains(&warning), "{}", ended.log());
    // A range that ends before the open transaction is not affected.
    let mut bounded = options(broker, &topic, 2);
    bounded.selection.as_mut().unwrap().scope.range.to = "10".parse().unwrap();
    let ended = run(bounded).expect_done(10);
    assert_eq!((ended.view.plan.held_back, ended.log().contains("hold back")), (0, false), "{}", ended.log());
    let plan = Program::patient_kreplay()
        .args(["plan", "--bootstrap-server", broker.bootstrap(), "--topics", &topic, "--report", "json"])
        .run()
        .expect_success();
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["held_back"], 11, "{plan:#}");
    assert!(plan["notes"].to_string().contains(&warning), "{plan:#}");
}

#[test]
fn a_following_run_reports_a_transaction_that_stays_open() {
    let broker = broker::shared();
    let topic = broker.topic("held-back", 1);
    broker.produce(&topic, &ten_records("before/"));
    let recorder = Recorder::default();
    let session = Session::spawn(following(options(broker, &topic, 2)).handled_by(recorder.source())).unwrap();
    wait_for(&session, "the backlog is handled", |_| recorder.count() == 10);
    broker.transaction(&topic, Ending::Open, &ten_records("open/")[..1]);
    broker.produce(&topic, &ten_records("behind/"));
    // The number depends on when the run checks, because the records behind the transaction may not be written yet.
    let offsets = format!("of {topic}-0 from 10 on, since 20");
    let is_warning = |text: &str| text.contains("open transactions hold back") && text.contains(&offsets);
    wait_for_event(&session, "the warning", |event| is_warning(&event.kind.to_string()));
    assert_eq!(recorder.count(), 10);
    session.control.send(Command::Stop);
    finish(session);
}

#[test]
fn a_migration_reports_records_held_back_by_an_open_transaction() {
    let broker = broker::shared();
    let topic = topic_with_open_transaction();
    let target = format!("{}:2", unique_name("held-back-target"));
    let migrate = |more: &[&str]| {
        Program::patient_kreplay()
            .args(["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics", &topic])
            .args(["--default-topic", &target, "--key", "keep", "--no-carry"])
            .args(more)
            .run()
            .expect_success()
    };
    let warning = format!("open transactions hold back 11 offsets of {topic}-0 from 10 on, since 20");
    let planned = migrate(&[]);
    assert!(planned.stdout.contains(&format!("not copied: {warning}")), "{}", planned.stdout);
    let done = migrate(&["--execute"]);
    assert!(done.stderr.contains(&format!("not copied and not verified: {warning}")), "{}", done.stderr);
    assert!(done.stdout.contains(&format!("not copied and not verified: {warning}")), "{}", done.stdout);
    let again: serde_json::Value = serde_json::from_str(&migrate(&["--execute", "--json"]).stdout).unwrap();
    assert_eq!((&again["nothing_to_do"], &again["held_back"]), (&true.into(), &11.into()), "{again:#}");
}

#[test]
fn a_run_does_not_wait_for_an_open_transaction() {
    assert_eq!(replayed(&[Ending::Commit, Ending::Open]), values(&[0]));
    assert_eq!(replayed(&[Ending::Open]), Vec::<String>::new());
}
