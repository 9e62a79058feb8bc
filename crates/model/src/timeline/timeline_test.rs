//! The timeline fed with snapshots and events.

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::{Figure, MarkClass, Moment, TimeRange, Timeline, WorkerCell, marks::Marks};
use crate::{
    domain::{Lag, TopicPartition},
    feed::{
        Charge, Charges, Event, EventKind, Failure, HandlingTimes, LatencyCounts, PartitionState, PartitionView,
        RebalanceKind, RunState, RunView, Snapshot, WorkerView,
    },
};

const START_S: i64 = 1_790_000_000;

fn time(elapsed_s: f64) -> DateTime<Utc> {
    let at = Moment::from(DateTime::from_timestamp(START_S, 0).unwrap()).plus_s(elapsed_s).unwrap();
    DateTime::from_timestamp_millis(at.ms()).unwrap()
}

fn range(from_s: f64, to_s: f64) -> TimeRange {
    TimeRange::new(time(from_s).into(), time(to_s).into())
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn snapshot(elapsed_s: f64, handled: u64) -> Snapshot {
    let mut run = RunView {
        id: "r".into(),
        state: RunState::Running,
        started_at: Some(time(0.0)),
        elapsed_s,
        concurrency: 3,
        ..RunView::default()
    };
    run.totals.handled = handled;
    run.totals.lag = Lag::Known(1_000_u64.saturating_sub(handled));
    run.partitions = vec![PartitionView {
        id: partition(),
        state: PartitionState::Active,
        first: crate::domain::Offset::ZERO,
        end: crate::domain::Offset::ZERO,
        position: crate::domain::Offset::ZERO,
        lag: run.totals.lag,
        ahead: 0,
        handled,
        owner: crate::feed::Owner::Shared,
        records_per_s: 0.0,
        p95_ms: Some(2.0),
        handling_times: handling_times(handled, 1_500),
    }];
    run.workers = vec![WorkerView { handled, busy_ns: handled * 1_000_000, ..WorkerView::default() }];
    Snapshot { at: Some(time(elapsed_s)), run: Some(run), ..Snapshot::default() }
}

fn handling_times(records: u64, microseconds: u64) -> HandlingTimes {
    let mut times = HandlingTimes::default();
    times.add(microseconds, records);
    times
}

fn fed<'a>(snapshots: impl IntoIterator<Item = &'a Snapshot>) -> Timeline {
    let mut timeline = Timeline::default();
    for snapshot in snapshots {
        timeline.add_snapshot(snapshot);
    }
    timeline
}

/// Steps between snapshots in milliseconds, with the records handled in each.
fn steps() -> impl Strategy<Value = Vec<(u32, u32)>> {
    prop::collection::vec((1_u32..4_000, 0_u32..1_000), 1..60)
}

fn snapshots(steps: &[(u32, u32)]) -> Vec<Snapshot> {
    let (mut ms, mut handled) = (0, 0);
    let after = steps.iter().map(|(step, more)| {
        ms += step;
        handled += more;
        snapshot(f64::from(ms) / 1000.0, u64::from(handled))
    });
    std::iter::once(snapshot(0.0, 0)).chain(after).collect()
}

proptest! {
    #[test]
    fn every_handled_record_is_counted_whichever_snapshots_are_missed(
        steps in steps(),
        seen in prop::collection::vec(any::<bool>(), 60),
    ) {
        let all = snapshots(&steps);
        let (first, last) = (all.first().unwrap(), all.last().unwrap());
        // Of two neighbours, one is seen, so that no gap is too long.
        let some = all.iter().zip(&seen).enumerate().filter(|(at, (_, seen))| **seen || at % 2 == 0);
        let timeline = fed(std::iter::once(first).chain(some.map(|(_, (snapshot, _))| snapshot)).chain([last]));
        let run = last.run.as_ref().unwrap();
        let whole = range(-1.0, run.elapsed_s + 1.0);
        let exact = f64::from(u32::try_from(run.totals.handled).unwrap());
        let difference = timeline.difference(whole);
        prop_assert!((difference.handled - exact).abs() < 1e-6 * exact.max(1.0), "{difference:?}");
    }

    #[test]
    fn snapshots_and_events_may_be_interleaved_in_any_way(
        steps in steps(),
        events in prop::collection::vec((0_i64..100, 0_u32..9), 0..20),
        order in prop::collection::vec(any::<bool>(), 80),
    ) {
        let snapshots = snapshots(&steps);
        let events: Vec<Event> = (0..)
            .zip(events)
            .map(|(seq, (at, to))| Event {
                seq,
                at: DateTime::from_timestamp(START_S + at, 0).unwrap(),
                process: None,
                kind: EventKind::ConcurrencyChanged { from: 0, to, reason: None },
            })
            .collect();
        let mut one = fed(&snapshots);
        for event in &events {
            one.add_event(event);
        }
        let (mut other, mut left) = (Timeline::default(), events.iter().rev());
        let mut ahead = order.into_iter();
        for snapshot in &snapshots {
            while ahead.next().unwrap_or(false) {
                if let Some(event) = left.next() {
                    other.add_event(event);
                }
            }
            other.add_snapshot(snapshot);
        }
        for event in left {
            other.add_event(event);
        }
        prop_assert_eq!(one, other);
    }

    #[test]
    fn any_times_and_counts_are_tolerated(
        inputs in prop::collection::vec((0_u8..3, any::<f64>(), any::<i32>(), any::<u64>()), 0..40),
    ) {
        let mut timeline = Timeline::default();
        for (id, elapsed_s, started_s, handled) in inputs {
            let mut snapshot = snapshot(0.0, 0);
            let run = snapshot.run.as_mut().unwrap();
            run.id = id.to_string();
            run.started_at = DateTime::from_timestamp(started_s.into(), 0);
            run.elapsed_s = elapsed_s;
            run.totals.handled = handled;
            timeline.add_snapshot(&snapshot);
        }
        let shown = range(-1e9, 1e9);
        for figure in Figure::ALL {
            prop_assert_eq!(timeline.series(figure).columns(shown, 10).len(), 10);
        }
        let difference = timeline.difference(shown);
        prop_assert!(difference.handled.is_finite() && difference.seconds > 0.0);
    }
}

#[test]
fn figures_of_a_moment_and_between_two_can_be_read() {
    let timeline = fed(&[snapshot(0.0, 0), snapshot(1.0, 100), snapshot(2.0, 400)]);
    let value = |figure, at_s| timeline.value_at(figure, time(at_s).into());
    assert_eq!((value(Figure::HandledPerS, 0.5), value(Figure::HandledPerS, 2.0)), (Some(100.0), Some(300.0)));
    assert_eq!((value(Figure::Lag, 0.0), value(Figure::Lag, 1.0)), (Some(1_000.0), Some(900.0)));
    assert_eq!(value(Figure::Workers, 2.1), None);
    let difference = timeline.difference(range(0.0, 2.0));
    assert_eq!((difference.mean_per_s, difference.lag, difference.workers), (Some(200.0), Some(-400.0), Some(0.0)));
    let cell = timeline.partitions().get(&partition()).unwrap().at(time(2.0).into()).unwrap();
    assert_eq!((cell.slowest_per_s, cell.lag), (300.0, Some(600.0)));
    let worker = timeline.workers().get(&0).unwrap().at(time(1.0).into()).unwrap();
    assert!((worker.busy() - 0.1).abs() < 1e-6, "{worker:?}");
}

#[test]
fn a_gap_stays_empty() {
    let timeline = fed(&[snapshot(0.0, 0), snapshot(1.0, 100), snapshot(60.0, 200), snapshot(61.0, 300)]);
    let columns = timeline.series(Figure::HandledPerS).columns(range(0.0, 61.0), 61);
    let measured: Vec<usize> =
        columns.iter().enumerate().filter(|(_, cell)| cell.is_some()).map(|(at, _)| at).collect();
    assert_eq!(measured, [0, 60]);
    assert_eq!(timeline.value_at(Figure::Lag, time(30.0).into()), None);
}

#[test]
fn a_process_that_joins_leaves_a_gap_instead_of_a_peak() {
    let with_joins = |elapsed_s, handled, joins| {
        let mut snapshot = snapshot(elapsed_s, handled);
        snapshot.run.as_mut().unwrap().joins = joins;
        snapshot
    };
    let timeline =
        fed(&[with_joins(0.0, 0, 0), with_joins(1.0, 100, 0), with_joins(2.0, 90_100, 1), with_joins(3.0, 90_300, 1)]);
    let rates = timeline.series(Figure::HandledPerS).columns(range(0.0, 3.0), 3);
    let means: Vec<Option<f64>> = rates.iter().map(|cell| cell.as_ref().map(|cell| cell.max)).collect();
    assert_eq!(means, [Some(100.0), None, Some(200.0)]);
    let cells = timeline.partitions().get(&partition()).unwrap();
    assert!(cells.overlapping(range(0.0, 3.0)).all(|(_, cell)| cell.mean_per_s() <= 200.0));
    assert_eq!(timeline.runs().len(), 1);
}

#[test]
fn percentiles_are_those_of_the_time_between_two_snapshots() {
    let mut latency = LatencyCounts::default();
    let mut at = |elapsed_s, ms: u64| {
        latency.add(ms * 1_000_000, 100);
        let mut snapshot = snapshot(elapsed_s, 0);
        snapshot.run.as_mut().unwrap().latency_counts = latency.clone();
        snapshot
    };
    let timeline = fed(&[at(0.0, 1), at(1.0, 50), at(2.0, 2)]);
    let p95_ms = |at_s| timeline.value_at(Figure::LatencyP95Ms, time(at_s).into()).unwrap();
    assert!((p95_ms(1.0) - 50.0).abs() < 50.0 / 16.0 && (p95_ms(2.0) - 2.0).abs() < 2.0 / 16.0);
}

#[test]
fn percentiles_of_a_partition_are_those_of_the_time_between_two_measurements() {
    let mut times = HandlingTimes::default();
    let mut at = |elapsed_s, microseconds, records| {
        times.add(microseconds, records);
        let mut snapshot = snapshot(elapsed_s, times.records());
        snapshot.run.as_mut().unwrap().partitions[0].handling_times = times;
        snapshot
    };
    let timeline = fed(&[at(0.0, 2, 0), at(1.0, 40_000, 900), at(2.0, 4, 50), at(3.0, 4, 0)]);
    let cells = timeline.partitions();
    let p95_ms = |at_s| cells.get(&partition()).unwrap().at(time(at_s).into()).unwrap().p95_ms;
    let slow = p95_ms(1.0).unwrap();
    assert!(slow > 25.0 && slow <= 50.0, "{slow}");
    let fast = p95_ms(2.0).unwrap();
    assert!(fast <= 0.01, "the slow records of the second before do not count: {fast}");
    assert_eq!(p95_ms(3.0), None, "no record was handled");
}

#[test]
fn a_run_after_the_clock_was_set_back_is_recorded() {
    let mut timeline = fed(&[snapshot(1_000.0, 0), snapshot(1_001.0, 100)]);
    for elapsed_s in [0.0, 1.0] {
        let mut snapshot = snapshot(elapsed_s, 50);
        snapshot.run.as_mut().unwrap().id = "next".into();
        timeline.add_snapshot(&snapshot);
    }
    assert_eq!(timeline.value_at(Figure::Lag, time(1.0).into()), Some(950.0));
    assert_eq!(timeline.runs().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["next"]);
}

#[test]
fn a_late_snapshot_of_the_same_run_is_ignored() {
    let (one, two) = (snapshot(1.0, 10), snapshot(2.0, 20));
    assert_eq!(fed([&one, &two]), fed([&one, &two, &one, &two]));
}

#[test]
fn many_failures_do_not_displace_a_rebalance() {
    let mut timeline = Timeline::default();
    let rebalanced = EventKind::RebalanceFinished { by: RebalanceKind::Own, duration_ms: 5, moved: 1 };
    timeline.add_event(&Event { seq: 0, at: time(1.0), process: None, kind: rebalanced });
    let offset = crate::domain::Offset::ZERO;
    let failure = Failure { partition: partition(), offset, key: None, attempt: 1, error: "e".into() };
    for seq in 1..=2 * Marks::MAX_PER_CLASS as u64 {
        timeline.add_event(&Event { seq, at: time(2.0), process: None, kind: EventKind::Retried(failure.clone()) });
    }
    let marks = timeline.marks(range(0.0, 3.0));
    assert_eq!(marks.len(), Marks::MAX_PER_CLASS + 1);
    assert_eq!(marks[0].kind.class(), MarkClass::Rebalance);
    assert_eq!(timeline.difference(range(0.0, 3.0)).rebalances, 1);
}

#[test]
fn a_call_of_the_handler_that_lasts_counts_as_busy_and_waits_are_named() {
    let mut timeline = Timeline::default();
    for (at_s, handling_s, fetch_s) in [(0.0, 0, 0), (1.0, 1, 0), (2.0, 2, 0), (3.0, 2, 1)] {
        let mut charges = Charges::default();
        charges.add_ns(Charge::Handling, handling_s * 1_000_000_000);
        charges.add_ns(Charge::Fetch, fetch_s * 1_000_000_000);
        let mut snapshot = snapshot(at_s, 0);
        snapshot.run.as_mut().unwrap().workers = vec![WorkerView { charges, ..WorkerView::default() }];
        timeline.add_snapshot(&snapshot);
    }
    let cells = timeline.workers().get(&0).unwrap().columns(range(0.0, 3.0), 3);
    let read = |cell: &Option<WorkerCell>| cell.map(|cell| (cell.busy() > 0.99, cell.handled > 0.0, cell.longest_wait));
    let expected = [(true, false, None), (true, false, None), (false, false, Some(Charge::Fetch))].map(Some);
    assert_eq!(cells.iter().map(read).collect::<Vec<_>>(), expected);
}
