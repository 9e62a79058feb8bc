//! Verdicts and figures after the clock was set back.

use kreplay_model::watch::{EtaVerdict, GroupView, VerdictKind, WatchEventKind};

use super::observer_test::Watch;
use super::simulated_cluster::Happening::{self, Consume, Load, OpenTransaction, Produce, Truncate};

/// An hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Looks for some seconds with the same happenings before and after the clock is set back by an hour. The view of the
/// group at the end.
fn looks_around_a_step_back(watch: &mut Watch, before_s: usize, after_s: usize, happenings: &[Happening]) -> GroupView {
    watch.looks(before_s, happenings);
    watch.cluster.now_ms -= HOUR_MS;
    watch.looks(after_s, happenings)
}

#[test]
fn a_group_that_reads_nothing_has_stopped_soon() {
    for records_before in [0, 50] {
        let mut watch = Watch::new();
        watch.looks(2, &[Produce(0, records_before)]);
        watch.looks(10, &[]);
        watch.cluster.now_ms -= HOUR_MS;
        watch.look(&[Produce(0, 50)]);
        let view = watch.looks(40, &[]);
        assert_eq!(view.verdict.kind, VerdictKind::Stopped, "{records_before}: {:?}", view.verdict);
    }
}

#[test]
fn a_partition_that_stands_is_stuck_soon() {
    let mut watch = Watch::new();
    watch.look(&[Produce(2, 50), Consume(0, 2, 7)]);
    let others = [Produce(0, 10), Consume(0, 0, 10), Produce(1, 10), Consume(0, 1, 10)];
    let view = looks_around_a_step_back(&mut watch, 10, 60, &others);
    assert_eq!(view.verdict.kind, VerdictKind::StuckPartition, "{:?}", view.verdict);
}

#[test]
fn a_partition_without_an_owner_is_an_orphan_after_its_time() {
    let mut watch = Watch::new();
    watch.cluster.groups[0].unowned = 1;
    let view = looks_around_a_step_back(&mut watch, 60, 620, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::OrphanPartition, "{:?}", view.verdict);
}

#[test]
fn a_transaction_that_does_not_end_wedges_a_group_after_its_time() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 10), Consume(0, 0, 10), OpenTransaction(0, true)]);
    let view = looks_around_a_step_back(&mut watch, 60, 320, &[Produce(0, 5), Consume(0, 0, 10)]);
    assert_eq!(view.verdict.kind, VerdictKind::Wedged, "{:?}", view.verdict);
}

#[test]
fn the_time_to_catch_up_is_known_soon() {
    let mut watch = Watch::new();
    watch.look(&(0..4).map(|at| Produce(at, 1_500)).collect::<Vec<_>>());
    let load: Vec<Happening> = (0..4).flat_map(|at| [Produce(at, 5), Consume(0, at, 15)]).collect();
    let view = looks_around_a_step_back(&mut watch, 20, 60, &load);
    assert_eq!(view.eta.verdict, EtaVerdict::Known, "{:?}", view.eta);
}

#[test]
fn a_coordinator_that_does_not_answer_is_reported_after_its_time() {
    let mut watch = Watch::new();
    watch.looks(20, &[]);
    let view = looks_around_a_step_back(&mut watch, 10, 320, &[Load(0, true)]);
    assert_eq!(view.verdict.kind, VerdictKind::Unknown, "{:?}", view.verdict);
}

#[test]
fn a_truncation_is_an_event() {
    let mut watch = Watch::new();
    watch.looks(6, &[Produce(0, 10), Consume(0, 0, 10)]);
    watch.cluster.now_ms -= HOUR_MS;
    let events = watch.look(&[Truncate(0)]).events;
    let is_truncation = |kind: &WatchEventKind| matches!(kind, WatchEventKind::Truncated { .. });
    assert!(events.iter().any(|event| event.group == "billing" && is_truncation(&event.kind)), "{events:?}");
}
