//! Transactions: what was committed is handled, what was aborted is not, and markers leave no lag behind.

use crate::recorder::Recorder;
use crate::sessions::{in_group, options, run_with};
use crate::support::broker::{self, unique_name};
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

#[test]
fn an_open_transaction_is_not_waited_for() {
    assert_eq!(replayed(&[Ending::Commit, Ending::Open]), values(&[0]));
    assert_eq!(replayed(&[Ending::Open]), Vec::<String>::new());
}
