//! Lag is what is left, to the record.

use kreplay::domain::{Lag, Ordering};
use kreplay::feed::{PartitionState, RunState};

use crate::recorder::Recorder;
use crate::sessions::{Ended, account, in_group, options, ordered, run, run_with};
use crate::support::broker::{self, unique_name};
use crate::support::produce::NewRecord;

fn thousand() -> Vec<NewRecord> {
    (0..1000).map(|n| NewRecord::keyed(format!("key-{}", n % 10), n.to_string())).collect()
}

fn expect_903_left(ended: &Ended) {
    let (view, partition) = (&ended.view, ended.partition(0));
    let error = account(view, &ended.events);
    assert_eq!((view.state, view.totals.handled), (RunState::Failed, 97), "{error}");
    assert_eq!((partition.position.get(), partition.end.get()), (97, 1000), "{error}");
    assert_eq!((partition.lag, view.totals.lag), (Lag::Known(903), Lag::Known(903)), "{error}");
    assert!((view.progress() - 0.097).abs() < 1e-9, "{}", view.progress());
    assert_ne!(partition.state, PartitionState::Done);
    assert!(view.error.as_deref().is_some_and(|error| error.contains("at offset 97 ")), "{error}");
}

/// R32.
#[test]
fn a_thousand_produced_and_97_handled_is_a_lag_of_903() {
    let broker = broker::shared();
    let topic = broker.topic("lag", 1);
    broker.produce(&topic, &thousand());
    let mut options = ordered(options(broker, &topic, 1), Ordering::Partition);
    options.settings.retry.attempts = 0;
    let recorder = Recorder::failing_after(97);
    expect_903_left(&run_with(options, recorder.source()));
    recorder.expect_each_once_in_order(97);
}

#[test]
fn a_group_commits_what_was_handled_and_goes_on_from_there() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("lag", 1), unique_name("lag"));
    broker.produce(&topic, &thousand());
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
fn lag_is_summed_over_partitions_and_the_largest_is_seen() {
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
