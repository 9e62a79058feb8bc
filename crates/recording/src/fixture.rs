//! Frames for tests: a run of two partitions that change owner.

use std::sync::Arc;

use chrono::DateTime;
use kreplay_model::{
    domain::{Lag, Offset, TopicPartition},
    feed::{
        Event, EventKind, HandlingTimes, Owner, PartitionState, PartitionView, RunState, RunView, Snapshot, WorkerView,
    },
    recording::Frame,
    watch::{GroupState, GroupType, GroupView, LagTotals, SeenBy, VerdictKind, VerdictView, WatchSnapshot},
};

/// The moment of the first frame.
pub(crate) const START_MS: i64 = 1_790_000_000_000;
/// The time between two frames.
pub(crate) const STEP_MS: i64 = 500;

/// A run of `count` frames, which ends with the last one.
pub(crate) fn frames(count: usize) -> Vec<Frame> {
    (0_i64..).zip(1..=count).map(|(index, number)| frame(index, number == count)).collect()
}

fn frame(index: i64, is_last: bool) -> Frame {
    let at_ms = START_MS + index * STEP_MS;
    let handled = index.unsigned_abs() * 100;
    let mut run = RunView {
        id: "run-1".into(),
        state: if is_last { RunState::Done } else { RunState::Running },
        started_at: DateTime::from_timestamp_millis(START_MS),
        elapsed_s: f64::from(i32::try_from(index * STEP_MS).unwrap()) / 1000.0,
        concurrency: 2,
        partitions: (0..2).map(|partition| self::partition(partition, handled / 2)).collect(),
        workers: (0..2)
            .map(|id| WorkerView {
                id,
                handled: handled / 2,
                busy: 0.5,
                busy_ns: handled * 2_000_000,
                ..WorkerView::default()
            })
            .collect(),
        ..RunView::default()
    };
    run.totals.handled = handled;
    run.totals.lag = Lag::Known(10_000 - handled);
    let at = DateTime::from_timestamp_millis(at_ms).unwrap();
    let group = GroupView { as_of: Some(at), ..group("billing") };
    Frame {
        at_ms,
        snapshot: Some(Arc::new(Snapshot { at: Some(at), run: Some(run), ..Snapshot::default() })),
        events: event(index, is_last)
            .map(|kind| Event { seq: index.unsigned_abs(), at, kind, process: None })
            .into_iter()
            .collect(),
        groups: (index % 4 == 0)
            .then(|| Arc::new(WatchSnapshot { at, groups: vec![Arc::new(group)], ..WatchSnapshot::default() })),
        ..Frame::default()
    }
}

fn event(index: i64, is_last: bool) -> Option<EventKind> {
    let partitions = || vec![TopicPartition::new("orders", 0), TopicPartition::new("orders", 1)];
    match index {
        _ if is_last => Some(EventKind::Finished { run_id: "run-1".into(), state: RunState::Done, elapsed_s: 1.0 }),
        0 => Some(EventKind::Assigned { member: "worker-0".into(), partitions: partitions() }),
        2 => Some(EventKind::Assigned { member: "worker-1".into(), partitions: partitions() }),
        3 => Some(EventKind::Paused),
        _ => None,
    }
}

fn partition(partition: i32, handled: u64) -> PartitionView {
    PartitionView {
        id: TopicPartition::new("orders", partition),
        state: PartitionState::Active,
        first: Offset::ZERO,
        end: Offset::ZERO,
        position: Offset::ZERO,
        lag: Lag::Unknown,
        ahead: 0,
        handled,
        owner: Owner::Worker(0),
        records_per_s: 0.0,
        p95_ms: None,
        handling_times: HandlingTimes::default(),
    }
}

fn group(name: &str) -> GroupView {
    GroupView {
        r#type: GroupType::Consumer,
        state: Some(GroupState::Stable),
        lag: LagTotals { total: Some(12), ..LagTotals::default() },
        verdict: VerdictView::of(VerdictKind::FallingBehind),
        seen_by: SeenBy::Wire,
        ..GroupView::listed(name)
    }
}
