//! The run over time: workers and heat map.

use std::{collections::BTreeMap, sync::Arc};

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    capture,
    state::{HeatMetric, LaneKey, LaneKind, ScreenId, State, TimeWindow},
    theme::ThemeChoice,
    update::Event,
};
use kreplay_model::{
    domain::{Lag, Ordering},
    feed::{
        Charge, Charges, EventKind, HandlingTimes, Owner, PartitionView, RebalanceKind, RunState, Snapshot,
        WorkerState, WorkerView,
    },
    timeline::Moment,
};

use crate::fixture::*;

const SECONDS: u32 = 12;

/// The share of a second that a worker is in the handler, and what it waits for otherwise.
fn share(worker: u32, second: u32) -> (f64, Charge) {
    match (worker, second) {
        (2, 7..) => (0.25, Charge::NoWork),
        (3, 6..) => (1.0, Charge::Fetch),
        (4, 5..8) => (0.0, Charge::Rebalance),
        (worker, _) => (0.98 - f64::from(worker % 10) / 50.0, Charge::Fetch),
    }
}

/// Whether a worker finishes records in a second.
fn finishes(worker: u32, second: u32) -> bool {
    !matches!((worker, second), (3, 6..) | (4, 5..8))
}

fn worker(id: u32, until: u32, ordering: Ordering) -> WorkerView {
    let mut time: BTreeMap<Charge, u64> = BTreeMap::new();
    let mut handled = 0;
    for second in 0..until {
        let (busy, waits) = share(id, second);
        *time.entry(Charge::Handling).or_default() += (busy * 1e9) as u64;
        *time.entry(waits).or_default() += ((1.0 - busy) * 1e9) as u64;
        handled += if finishes(id, second) { (busy * 1_000.0) as u64 } else { 0 };
    }
    WorkerView {
        id,
        state: WorkerState::Busy,
        handled,
        busy_ns: time.get(&Charge::Handling).copied().unwrap_or_default(),
        charges: time.into(),
        partitions: if ordering == Ordering::Partition { vec![partition("vc.orders", id as i32)] } else { Vec::new() },
        ..WorkerView::default()
    }
}

fn partition_view(pattern: &PartitionView, number: u32, until: u32, ordering: Ordering) -> PartitionView {
    let each = 100 + u64::from(number % 7) * 150;
    let moved = if number % 5 == 3 { until.min(6) } else { until };
    let handled = each * u64::from(moved);
    let records = each * u64::from(if number % 5 == 1 { 8 } else { SECONDS + 4 });
    let mut handling_times = HandlingTimes::default();
    handling_times.add(1_000 + u64::from(number % 7) * 1_000, handled.min(records));
    PartitionView {
        id: partition("vc.orders", number as i32),
        handled: handled.min(records),
        lag: Lag::Known(records.saturating_sub(handled)),
        p95_ms: (until > 0).then(|| 1.0 + f64::from(number % 7)),
        handling_times,
        owner: if ordering == Ordering::Partition { Owner::Worker(number % 6) } else { Owner::Shared },
        ..pattern.clone()
    }
}

fn at(second: u32, workers: u32, partitions: u32, ordering: Ordering) -> Snapshot {
    let mut run = run(3.0, RunState::Running, ordering);
    run.elapsed_s = f64::from(second);
    run.workers = (0..workers).map(|id| worker(id, second, ordering)).collect();
    run.charges = run.workers.iter().fold(Charges::default(), |sum, worker| sum + worker.charges);
    let pattern = run.partitions[0].clone();
    run.partitions = (0..partitions).map(|number| partition_view(&pattern, number, second, ordering)).collect();
    snapshot(Some(run), f64::from(second))
}

/// A console that has followed a run for [`SECONDS`].
pub(crate) fn followed_for(size: (u16, u16), workers: u32, partitions: u32, ordering: Ordering) -> State {
    let mut state = State::new(size.0, size.1, None);
    for second in 0..=SECONDS {
        give(&mut state, at(second, workers, partitions, ordering));
    }
    let id = |number| vec![partition("vc.orders", number)];
    let mut kinds = vec![(0.1, EventKind::Started { run_id: "demo-1".into(), concurrency: 6 })];
    if ordering == Ordering::Partition {
        kinds.extend(
            (0..6).map(|number| {
                (0.2, EventKind::Assigned { member: format!("worker-{number}"), partitions: id(number) })
            }),
        );
        kinds.extend([
            (5.2, EventKind::Revoked { member: "worker-4".into(), partitions: id(4) }),
            (7.8, EventKind::Assigned { member: "worker-4".into(), partitions: id(4) }),
            (7.9, EventKind::RebalanceFinished { by: RebalanceKind::Own, duration_ms: 2_700, moved: 1 }),
        ]);
    }
    kinds.push((9.3, EventKind::ConcurrencyChanged { from: 6, to: 7, reason: None }));
    let events = (0..).zip(kinds).map(|(seq, (at_s, kind))| event(seq, at_s, kind)).collect();
    apply(&mut state, Event::Events(events));
    state
}

fn on(mut state: State, action: Action) -> State {
    assert_eq!(act(&mut state, action), []);
    draw(&mut state);
    state
}

fn workers(size: (u16, u16), ordering: Ordering) -> State {
    on(followed_for(size, 6, 12, ordering), Action::Workers)
}

#[test]
fn workers_over_time() {
    assert_snapshot!("workers_over_time_60x15", text(&workers((60, 15), Ordering::Partition)));
    assert_snapshot!("workers_over_time_80x24", text(&workers((80, 24), Ordering::Partition)));
    assert_snapshot!("workers_over_time_160x50", text(&workers((160, 50), Ordering::Partition)));
    assert_snapshot!("workers_over_time_by_key_80x24", text(&workers((80, 24), Ordering::Key)));
    let by_partition = on(workers((80, 24), Ordering::Partition), Action::SwitchLanes);
    assert_snapshot!("workers_over_time_by_partition_80x24", text(&by_partition));
    let many = on(followed_for((80, 24), 1_000, 12, Ordering::Key), Action::Workers);
    assert_snapshot!("workers_over_time_thousand_80x24", text(&many));
}

#[test]
fn heat_maps() {
    let map = |size, partitions| on(followed_for(size, 6, partitions, Ordering::Partition), Action::HeatMap);
    assert_snapshot!("heat_map_60x15", text(&map((60, 15), 6)));
    assert_snapshot!("heat_map_80x24", text(&map((80, 24), 12)));
    assert_snapshot!("heat_map_thousand_160x50", text(&map((160, 50), 1_000)));
    let mono = theme(&ThemeChoice::MONO);
    assert_snapshot!("heat_map_mono_80x24", capture::text(&capture::frame(&map((80, 24), 60), &mono)));
    let lag = on(map((80, 24), 12), Action::SwitchMetric);
    assert_eq!(lag.user.heat.metric, HeatMetric::Lag);
    assert_snapshot!("heat_map_lag_mono_80x24", capture::text(&capture::frame(&lag, &mono)));
}

#[test]
fn a_page_without_a_run_says_how_to_start_one() {
    for action in [Action::Workers, Action::HeatMap] {
        let mut state = State::new(80, 24, None);
        assert!(text(&on(state.clone(), action)).contains("connecting…"));
        give(&mut state, snapshot(None, 0.0));
        assert!(text(&on(state.clone(), action)).contains("no run yet; on the dashboard, r starts one"));
        give(&mut state, at(0, 6, 6, Ordering::Key));
        assert!(text(&on(state, action)).contains("nothing has been measured yet"));
    }
}

#[test]
fn the_cursor_reads_a_worker_that_has_stalled() {
    let mut state = workers((80, 24), Ordering::Partition);
    state.user.workers.selected = Some(LaneKey::Workers(3, 3));
    assert!(text(&state).contains("worker-3: 100 % in the handler, no record finished"), "{}", text(&state));
    for _ in 0..7 {
        press_code(&mut state, KeyCode::Left);
    }
    let shown = text(&state);
    assert!(shown.contains("at 4 s"), "{shown}");
    assert!(shown.contains("worker-3: 92 % in the handler, 919 records/s; otherwise mostly"), "{shown}");
    press_code(&mut state, KeyCode::End);
    assert!(text(&state).contains("● live"));
}

#[test]
fn the_cursor_moves_to_events_and_says_what_they_were() {
    let mut state = workers((80, 24), Ordering::Partition);
    press(&mut state, '{');
    assert!(text(&state).contains("workers 6 → 7"), "{}", text(&state));
    press(&mut state, '{');
    assert!(text(&state).contains("rebalance in 2700 ms, 1 partition moved"), "{}", text(&state));
    press(&mut state, '}');
    press(&mut state, '}');
    assert!(!state.user.workers.window.is_fixed(), "after the last event, the latest moment is followed");
}

#[test]
fn a_heat_map_is_measured_anew_only_when_there_is_more_to_show() {
    let mut state = on(followed_for((100, 30), 6, 40, Ordering::Key), Action::HeatMap);
    let frame = |state: &State| capture::frame(state, &theme(&ThemeChoice::DARK));
    let as_kept = |state: &State| {
        let anew = State { heat_cells: None, ..state.clone() };
        assert_eq!(frame(state), frame(&anew));
        state.heat_cells.clone().expect("it is in front")
    };
    let mut after = |tenths: u32| {
        let mut snapshot = at(SECONDS + tenths / 10, 6, 40, Ordering::Key);
        snapshot.run.as_mut().unwrap().elapsed_s = f64::from(SECONDS) + f64::from(tenths) / 10.0;
        give(&mut state, snapshot);
        draw(&mut state);
        as_kept(&state)
    };
    let (first, same, second, last) = (after(2), after(9), after(10), after(25));
    assert!(Arc::ptr_eq(&first, &same), "partitions are measured once a second");
    assert!(!Arc::ptr_eq(&same, &second) && !Arc::ptr_eq(&second, &last));
    let mut kept = last;
    for action in [Action::SwitchMetric, Action::ZoomIn, Action::SortNext] {
        act(&mut state, action);
        press_code(&mut state, KeyCode::Up);
        let now = as_kept(&state);
        assert_eq!(Arc::ptr_eq(&now, &kept), action == Action::SortNext, "{action:?}");
        kept = now;
    }
    resize(&mut state, 90, 30);
    draw(&mut state);
    press_code(&mut state, KeyCode::Up);
    assert_ne!(as_kept(&state), kept);
    press_code(&mut state, KeyCode::Esc);
    change_run(&mut state, |run| run.elapsed_s += 1.0);
    assert_eq!(state.heat_cells, None, "another screen is in front");
}

#[test]
fn the_rows_of_the_heat_map_are_read_and_ordered() {
    let mut state = on(followed_for((80, 24), 6, 12, Ordering::Key), Action::HeatMap);
    assert!(text(&state).contains("vc.orders-0: records/s 100/s (now)"), "{}", text(&state));
    press(&mut state, 'j');
    assert!(text(&state).contains("vc.orders-1: no value; nothing was left"), "{}", text(&state));
    press(&mut state, 's');
    press(&mut state, 'k');
    assert!(text(&state).contains("vc.orders-5: records/s 850/s"), "the most records first\n{}", text(&state));
    press(&mut state, 's');
    assert!(text(&state).contains("vc.orders-3: records/s 0/s"), "the first to stand still\n{}", text(&state));
}

#[test]
fn a_click_selects_a_lane_and_the_wheel_moves() {
    let mut state = workers((80, 24), Ordering::Partition);
    let (column, row) = find(&state, "worker-2").unwrap();
    click(&mut state, column, row);
    assert_eq!(state.user.workers.selected, Some(LaneKey::Workers(2, 2)));
    press(&mut state, 'j');
    assert_eq!(state.user.workers.selected, Some(LaneKey::Workers(3, 3)));
    press(&mut state, 'o');
    assert_eq!(front(&state), ScreenId::Dashboard);
}

#[test]
fn an_earlier_moment_hides_what_came_after_it() {
    let stalls = |state: &State| text(state).contains("╌╌");
    let mut state = workers((80, 24), Ordering::Partition);
    assert!(stalls(&state) && text(&state).contains("▾7"));
    state.feed.moment = Some(time(6.0).into());
    assert!(!stalls(&state) && !text(&state).contains("▾7"), "{}", text(&state));
    assert!(text(&state).contains("worker-3"));
    let map = on(state, Action::HeatMap);
    let mono = |state: &State| capture::text(&capture::frame(state, &theme(&ThemeChoice::MONO)));
    let row = |state: &State| mono(state).lines().find(|line| line.contains("vc.orders-3 ")).unwrap().to_owned();
    assert!(!row(&map).contains("··"), "it stood still later\n{}", mono(&map));
    let mut latest = map.clone();
    latest.feed.moment = None;
    assert!(row(&latest).contains("··"), "{}", mono(&latest));
}

/// The second run of the session, some seconds after its start.
fn second_run(second: u32, workers: u32, partitions: u32) -> Snapshot {
    const STARTED_S: f64 = 12.5;
    let mut snapshot = at(second, workers, partitions, Ordering::Key);
    snapshot.at = Some(time(STARTED_S + f64::from(second)));
    let run = snapshot.run.as_mut().unwrap();
    run.id = "demo-2".into();
    run.started_at = Some(time(STARTED_S));
    snapshot
}

/// A session whose first run was stopped just before the second one, in whose first cell its last moments are.
fn after_a_run(workers: u32, partitions: u32) -> State {
    let mut state = followed_for((80, 24), workers, partitions, Ordering::Key);
    change_run(&mut state, |run| {
        run.elapsed_s = 12.4;
        run.state = RunState::Cancelled;
    });
    state
}

#[test]
fn workers_and_partitions_of_an_earlier_run_have_no_lanes() {
    let mut state = after_a_run(600, 12);
    for second in 0..=SECONDS {
        give(&mut state, second_run(second, 8, 6));
    }
    let keys = |state: &State| -> Vec<LaneKey> {
        let run = state.feed.run_time().unwrap();
        let grid = state.user.workers.window.grid(run, 60);
        assert!(grid.range().from() < Moment::from(time(12.4)), "it begins within the earlier run");
        state.lanes(run, grid).into_iter().map(|lane| lane.key).collect()
    };
    assert_eq!(keys(&state), (0..8).map(|number| LaneKey::Workers(number, number)).collect::<Vec<_>>());
    state.user.workers.kind = LaneKind::Partitions;
    let partitions = (0..6).map(|number| LaneKey::Partition(partition("vc.orders", number)));
    assert_eq!(keys(&state), partitions.collect::<Vec<_>>());
}

#[test]
fn a_new_run_is_followed_whatever_was_fixed_in_the_run_before() {
    let mut state = on(after_a_run(6, 12), Action::Workers);
    press_code(&mut state, KeyCode::Left);
    let mut state = on(state, Action::HeatMap);
    press_code(&mut state, KeyCode::Left);
    state.user.heat.marker = Some(time(3.0).into());
    let fixed = |state: &State| [&state.user.workers.window, &state.user.heat.window].map(TimeWindow::is_fixed);
    assert_eq!(fixed(&state), [true; 2]);
    change_run(&mut state, |run| run.elapsed_s += 0.01);
    assert_eq!((fixed(&state), state.user.heat.marker.is_some()), ([true; 2], true), "it is the same run");
    give(&mut state, second_run(0, 6, 12));
    assert_eq!((fixed(&state), state.user.heat.marker), ([false; 2], None));
}
