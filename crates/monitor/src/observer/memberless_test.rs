//! Offsets that change while a group has no members, and groups that cannot read on.

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{EtaBlock, EtaVerdict, RecordsLeft, VerdictKind, WatchEvent, WatchEventKind};

use super::observer_test::{Watch, billing};
use super::simulated_cluster::Happening::{Consume, OpenTransaction, Produce, Rebalance, Recreate, Rewind};

/// A group that read 400 of 1,000 records of a partition before its members left.
fn stopped_group() -> Watch {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 1_000)]);
    for _ in 0..40 {
        watch.look(&[Consume(0, 0, 10)]);
    }
    watch.look(&[Rebalance(0, 0)]);
    watch
}

fn changes(events: &[WatchEvent]) -> Vec<(u64, u64, u64)> {
    let of_billing = events.iter().filter(|event| event.group == "billing");
    of_billing
        .filter_map(|event| match &event.kind {
            WatchEventKind::OffsetsChanged { partitions, forward, back } => Some((*partitions, *forward, *back)),
            _ => None,
        })
        .collect()
}

/// The usual time between commits of orders-0.
fn commit_interval_ms(watch: &Watch) -> Option<i64> {
    let rows = &watch.observer.groups["billing"].rows;
    rows[&TopicPartition::new("orders", 0)].committed.median_interval_ms()
}

#[test]
fn a_reset_of_a_group_without_members_is_an_event_and_no_consumption() {
    let mut watch = stopped_group();
    let before = watch.looks(120, &[]);
    assert_eq!(before.verdict.kind, VerdictKind::Stopped, "{:?}", before.verdict);
    let observation = watch.look(&[Rewind(0, 0)]);
    assert_eq!(changes(&observation.events), [(1, 0, 400)]);
    assert!(!observation.events.iter().any(|event| matches!(event.kind, WatchEventKind::Rewound { .. })));
    let after = watch.looks(60, &[]);
    assert_eq!((after.lag.total, after.rates.out_per_s), (Some(1_000), Some(0.0)));
    assert_eq!(after.lag.progress.watch, Some(0.0));
    assert_eq!(after.verdict.kind, VerdictKind::Stopped, "{:?}", after.verdict);
}

#[test]
fn a_change_forward_leaves_the_commit_interval_and_the_rates_as_they_were() {
    let mut watch = stopped_group();
    let before = watch.looks(4, &[]);
    let interval = commit_interval_ms(&watch);
    assert_eq!(interval, Some(2_000));
    let observation = watch.look(&[Consume(0, 0, 500)]);
    assert_eq!(changes(&observation.events), [(1, 500, 0)]);
    let after = billing(&observation);
    assert!(after.rates.out_per_s <= before.rates.out_per_s, "{:?} after {:?}", after.rates, before.rates);
    assert_eq!(commit_interval_ms(&watch), interval);
    let row = &after.partitions[0];
    assert_eq!(row.committed_at.map(|at| at.timestamp_millis()), Some(watch.cluster.now_ms), "the change has a time");
}

#[test]
fn the_last_commits_of_members_that_leave_are_consumption() {
    let mut watch = stopped_group();
    watch.looks(10, &[Rebalance(0, 1)]);
    let observation = watch.look(&[Consume(0, 0, 10), Rebalance(0, 0)]);
    assert_eq!(changes(&observation.events), []);
    // A member that joined and left between two looks has raised the epoch.
    let observation = watch.look(&[Rebalance(0, 1), Consume(0, 0, 10), Rebalance(0, 0)]);
    assert_eq!(changes(&observation.events), []);
    assert_eq!(changes(&watch.look(&[Consume(0, 0, 10)]).events), [(1, 10, 0)]);
}

#[test]
fn a_consumer_that_assigns_its_partitions_itself_commits_without_being_a_member() {
    let mut watch = Watch::new();
    watch.look(&[Rebalance(0, 0), Produce(0, 10_000)]);
    watch.look(&[]);
    let mut events = 0;
    for _ in 0..30 {
        events += changes(&watch.look(&[Consume(0, 0, 20)]).events).len();
    }
    let view = watch.looks(2, &[Consume(0, 0, 20)]);
    assert_eq!(events, 3);
    assert!((view.rates.out_per_s.unwrap_or_default() - 10.0).abs() < 1.0, "{:?}", view.rates);
    assert_ne!(view.verdict.kind, VerdictKind::Stopped);
}

#[test]
fn a_group_ahead_of_its_log_is_not_done() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 50), Consume(0, 0, 50)]);
    let caught_up = watch.looks(10, &[]);
    assert_eq!((caught_up.eta.verdict, caught_up.age_s.map(|age| age.value)), (EtaVerdict::Done, Some(0.0)));
    watch.look(&[Recreate(0)]);
    let view = watch.looks(10, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::Ahead, "{:?}", view.verdict);
    assert_eq!((view.eta.verdict, view.eta.blocked), (EtaVerdict::Never, Some(EtaBlock::Ahead)));
    assert_eq!(view.eta.slowest.as_deref(), Some("orders-0"));
    assert_eq!((view.age_s, view.partitions[0].age_s, view.partitions[0].records_left), (None, None, None));
    assert_eq!(view.partitions[1].records_left, Some(RecordsLeft::Exactly(0)));
}

#[test]
fn a_wedged_group_is_not_done() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 50), Consume(0, 0, 50)]);
    watch.look(&[OpenTransaction(0, true), Produce(0, 5)]);
    let view = watch.looks(400, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::Wedged, "{:?}", view.verdict);
    assert_eq!((view.eta.verdict, view.eta.blocked), (EtaVerdict::Never, Some(EtaBlock::Wedged)));
}
