//! Lag is exactly the number of records that are left.

use std::time::Duration;

use kreplay::domain::{Lag, Ordering};
use kreplay::feed::{PartitionState, RunState};
use kreplay::replay::Session;

use crate::fixtures::recorder::Recorder;
use crate::support::broker::{self, unique_name};
use crate::support::produce::NewRecord;
use crate::support::sessions::{Ended, describe, finish, in_group, options, ordered, run, run_with, wait_for};

fn thousand_records() -> Vec<NewRecord> {
    (0..1000).map(|n| NewRecord::keyed(format!("key-{}", n % 10), n.to_string())).collect()
}

fn expect_903_left(ended: &Ended) {
    let (view, partition) = (&ended.view, ended.partition(0));
    let error = describe(view, &ended.events);
    assert_eq!((view.state, view.totals.handled), (RunState::Failed, 97), "{error}");
    assert_eq!((partition.position.get(), partition.end.get()), (97, 1000), "{error}");
    assert_eq!((partition.lag, view.totals.lag), (Lag::Known(903), Lag::Known(903)), "{error}");
    assert!((view.progress() - 0.097).abs() < 1e-9, "{}", view.progress());
    assert_ne!(partition.state, PartitionState::Done);
    assert!(view.error.as_deref().is_some_and(|error| error.contains("at offset 97 ")), "{error}");
}

#[test]
fn a_thousand_records_with_97_handled_is_a_lag_of_903() {
    let broker = broker::shared();
    let topic = broker.topic("lag", 1);
    broker.produce(&topic, &thousand_records());
    let mut options = ordered(options(broker, &topic, 1), Ordering::Partition);
    options.settings.retry.attempts = 0;
    let recorder = Recorder::failing_after(97);
    expect_903_left(&run_with(options, recorder.source()));
    recorder.expect_each_once_in_order(97);
}

#[test]
fn a_group_commits_handled_records_and_continues_from_there() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("lag", 1), unique_name("lag"));
    broker.produce(&topic, &thousand_records());
    let mut options = in_group(ordered(options(broker, &topic, 1), Ordering::Partition), &group);
    options.settings.retry.attempts = 0;
    expect_903_left(&run_with(options.clone(), Recorder::failing_after(97).source()));
    assert_eq!(broker.committed(&group, &topic, 0), Some(97));

    let rest = Recorder::default();
    run_with(options.clone(), rest.source()).expect_done(903);
    assert_eq!(rest.seen().first().map(|first| first.offset), Some(97));
    assert_eq!(broker.committed(&group, &topic, 0), Some(1000));
    run(options).expect_done(0);
}

#[test]
fn total_lag_is_the_sum_over_partitions() {
    let broker = broker::shared();
    let topic = broker.topic("lag", 3);
    let records: Vec<_> = [(0, 5), (1, 50), (2, 500)]
        .into_iter()
        .flat_map(|(partition, count)| (0..count).map(move |_| NewRecord::unkeyed("x").in_partition(partition)))
        .collect();
    broker.produce(&topic, &records);
    let mut options = options(broker, &topic, 1);
    options.settings.retry.attempts = 0;
    let ended = run_with(options, Recorder::failing_after(0).source());
    let lags: Vec<_> = ended.view.partitions.iter().map(|partition| partition.lag).collect();
    assert_eq!(lags, [Lag::Known(5), Lag::Known(50), Lag::Known(500)]);
    assert_eq!((ended.view.totals.lag, ended.view.state), (Lag::Known(555), RunState::Failed));
}

/// The record of a rare key must not wait until all other lanes are empty. Otherwise the position would not move until
/// the end of the run, and a crash would repeat everything.
#[test]
fn the_position_keeps_up_with_handled_records() {
    let broker = broker::shared();
    let topic = broker.topic("follow", 1);
    let records: Vec<_> = [NewRecord::keyed("often-1", "x"), NewRecord::keyed("rare", "x")]
        .into_iter()
        .chain((0..20_000).map(|n| NewRecord::keyed(format!("often-{}", n * 31 % 500), n.to_string())))
        .collect();
    broker.produce(&topic, &records);
    let recorder = Recorder::slow(Duration::from_millis(1));
    let session = Session::spawn(options(broker, &topic, 8).handled_by(recorder.source())).unwrap();
    let mut position = 0;
    wait_for(&session, "half of it is handled", |snapshot| {
        snapshot.run.as_ref().is_some_and(|run| {
            position = run.partitions.first().map_or(0, |one| one.position.get());
            run.totals.handled >= 10_000
        })
    });
    assert!(position >= 2_500, "the position is {position} when half of 20,002 are handled");
    finish(session).expect_done(20_002);
    recorder.expect_each_once_in_order(20_002);
}
