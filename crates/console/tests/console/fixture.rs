//! A deterministic run for the console tests: the demo's ten datasets, with one worker at first and six after two
//! seconds.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use kreplay_console::{
    action::Action,
    capture,
    hit_map::HitMap,
    key::Key,
    state::{Dialog, ScreenId, State},
    theme::{Theme, ThemeChoice},
    update::{Effect, Event, perform, update},
};
use kreplay_model::watch::WatchCommand;
use kreplay_model::{
    domain::{Lag, Offset, Ordering, TopicPartition},
    feed::{
        self, Bottleneck, Charge, Charges, ClusterView, CurrentLimit, EventKind, HandlingTimes, LatencyMs, LiftedLimit,
        NextRun, Owner, PartitionState, PartitionView, PlanView, Prediction, RebalanceKind, RebalanceView, RunState,
        RunSummary, RunView, Snapshot, Throughput, TopicView, Totals, WhatIf, WorkerState, WorkerView,
    },
};

pub(crate) const DATASETS: [&str; 10] =
    ["billing", "catalog", "carts", "invoices", "orders", "payments", "returns", "shipping", "stock", "users"];
pub(crate) const HINT: &str = "+ more workers  - fewer  p pause  r run again  c compare  ? help";
const PARTITIONS: i32 = 6;
const RECORDS: u64 = 1_000;
const TOTAL: u64 = 10_000;

pub(crate) fn time(seconds: f64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-03-01T09:00:00Z".parse().unwrap();
    start + TimeDelta::milliseconds((seconds * 1000.0).round() as i64)
}

pub(crate) fn event(seq: u64, at_s: f64, kind: EventKind) -> feed::Event {
    feed::Event { seq, at: time(at_s), process: None, kind }
}

pub(crate) fn partition(topic: &str, number: i32) -> TopicPartition {
    TopicPartition::new(topic, number)
}

fn offset(value: u64) -> Offset {
    Offset::new(value as i64).unwrap()
}

/// What a finished run is advised.
const ADVICE: WhatIf = WhatIf { lifted: LiftedLimit::TwiceTheWorkers, key: None, speedup: 1.9, seconds_saved: 1.6 };

/// The run `elapsed_s` seconds after its start.
pub(crate) fn run(elapsed_s: f64, state: RunState, ordering: Ordering) -> RunView {
    let workers: u32 = if elapsed_s < 2.0 { 1 } else { 6 };
    let speed = f64::from(workers) * 985.0 + 40.0 * (elapsed_s * 7.0).sin();
    let handled = (985.0 * elapsed_s.min(2.0) + 5910.0 * (elapsed_s - 2.0).max(0.0)).min(TOTAL as f64) as u64;
    let over = state.is_over();
    let partitions = partitions(handled, speed, workers, state, ordering);
    let left = TOTAL - handled;
    RunView {
        id: "demo-1".into(),
        state,
        started_at: Some(time(0.0)),
        elapsed_s,
        handling_s: elapsed_s - 0.02,
        eta_s: (!over).then(|| left as f64 / speed),
        limit: Some(CurrentLimit { bottleneck: Bottleneck::Workers, name: None }),
        plan: PlanView {
            topics: DATASETS.iter().map(|name| format!("vc.{name}.events")).collect(),
            partitions: DATASETS.len() * PARTITIONS as usize,
            records: TOTAL,
            held_back: 0,
            bytes: None,
            ordering,
            batch: 1000,
            tier: "buffered".into(),
            handler: "simulate:1ms".into(),
            group: None,
            ..PlanView::default()
        },
        concurrency: workers,
        first_concurrency: 1,
        max_concurrency: if ordering == Ordering::Partition { 10 } else { 1000 },
        rebalancing: false,
        totals: Totals { handled, bytes: handled * 140, lanes: 10, lag: Lag::Known(left), ..Totals::default() },
        throughput: Throughput {
            records_per_s: match state {
                RunState::Paused => 0.0,
                _ if over => handled as f64 / (elapsed_s - 0.02),
                _ => speed,
            },
            bytes_per_s: match state {
                RunState::Paused => 0.0,
                _ if over => handled as f64 / (elapsed_s - 0.02) * 140.0,
                _ => speed * 140.0,
            },
        },
        latency: LatencyMs { p50: 1.06, p95: 1.12, p99: 1.31, max: 4.2 },
        ideal: over.then_some(Prediction { elapsed_s: 3.353, limit: Bottleneck::Workers }),
        digest: "9f3a1c2b77e04d11".into(),
        buffered_bytes: if over { 0 } else { left * 140 },
        partitions,
        charges: (0..workers).fold(Charges::default(), |sum, id| sum + charges(id, handled)),
        advice: if over { vec![ADVICE] } else { Vec::new() },
        workers: workers_view(workers, handled, speed, state, ordering),
        rebalances: if elapsed_s >= 2.0 && ordering == Ordering::Partition {
            vec![RebalanceView { at_s: 2.0, kind: RebalanceKind::Own, duration_ms: 3, moved: 8 }]
        } else {
            Vec::new()
        },
        error: None,
        ..RunView::default()
    }
}

fn partitions(handled: u64, speed: f64, workers: u32, state: RunState, ordering: Ordering) -> Vec<PartitionView> {
    let mut partitions = Vec::new();
    for (dataset, name) in DATASETS.iter().enumerate() {
        let home = (dataset as i32 * 7 + 2) % PARTITIONS;
        for number in 0..PARTITIONS {
            let records = if number == home { RECORDS } else { 0 };
            let skew = (dataset as u64 * 37) % 90;
            let done = if records == 0 {
                0
            } else {
                (handled / 10 + if handled == 0 || handled == TOTAL { 0 } else { skew }).min(records)
            };
            let finished = done == records;
            let busy = !finished && matches!(state, RunState::Running | RunState::Draining);
            partitions.push(PartitionView {
                id: partition(&format!("vc.{name}.events"), number),
                state: match (records, finished) {
                    (_, true) => PartitionState::Done,
                    _ => PartitionState::Active,
                },
                first: Offset::ZERO,
                end: offset(records),
                position: offset(done),
                lag: Lag::Known(records - done),
                ahead: 0,
                handled: done,
                owner: match ordering {
                    Ordering::Partition => Owner::Worker(dataset as u32 % workers),
                    _ => Owner::Shared,
                },
                records_per_s: if busy {
                    speed / 10.0 * (1.0 + (dataset as f64 + speed / 700.0).sin() / 4.0)
                } else {
                    0.0
                },
                p95_ms: (done > 0).then_some(1.08 + dataset as f64 / 50.0),
                handling_times: HandlingTimes::default(),
            });
        }
    }
    partitions
}

/// The time of a worker that waits a little longer the higher its number is.
fn charges(id: u32, handled: u64) -> Charges {
    let waits = handled * u64::from(id) * 20_000;
    BTreeMap::from([
        (Charge::Handling, handled * 1_000_000),
        (Charge::Settling, handled * 10_000),
        (Charge::Order, waits),
        (Charge::Fetch, waits / 2),
    ])
    .into()
}

fn workers_view(workers: u32, handled: u64, speed: f64, state: RunState, ordering: Ordering) -> Vec<WorkerView> {
    let busy = matches!(state, RunState::Running | RunState::Draining);
    (0..workers)
        .map(|id| WorkerView {
            id,
            state: if busy { WorkerState::Busy } else { WorkerState::Idle },
            handled: handled / u64::from(workers) + u64::from(id) * 3,
            records_per_s: if busy { speed / f64::from(workers) } else { 0.0 },
            busy: 0.985 - f64::from(id) / 200.0,
            busy_ns: 0,
            charges: charges(id, handled),
            partitions: match ordering {
                Ordering::Partition => DATASETS
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| *at as u32 % workers == id)
                    .map(|(at, name)| partition(&format!("vc.{name}.events"), (at as i32 * 7 + 2) % PARTITIONS))
                    .collect(),
                _ => Vec::new(),
            },
            origin: None,
        })
        .collect()
}

pub(crate) fn snapshot(run: Option<RunView>, at_s: f64) -> Snapshot {
    let next = run.as_ref().map_or_else(NextRun::default, |run| NextRun {
        concurrency: run.concurrency,
        ordering: run.plan.ordering,
        ..NextRun::default()
    });
    Snapshot {
        next,
        at: Some(time(at_s)),
        cluster: ClusterView { bootstrap: "127.0.0.1:9092".into(), embedded: true, reachable: true },
        run,
        finished: Vec::new(),
        problem: None,
        ..Snapshot::default()
    }
}

/// A topic of the list.
pub(crate) fn topic(name: &str, partitions: u32, records: impl Into<Option<u64>>) -> TopicView {
    TopicView { name: name.into(), partitions, records: records.into() }
}

/// A session in which topics must be chosen.
pub(crate) fn choosing(width: u16, height: u16, topics: Vec<TopicView>) -> State {
    let mut state = State::new(width, height, None);
    let mut snapshot = snapshot(None, 0.0);
    snapshot.cluster.embedded = false;
    give(&mut state, snapshot);
    change(&mut state, |snapshot| {
        snapshot.catalog = Some(topics.into());
        snapshot.next =
            NextRun { concurrency: 6, ordering: Ordering::Key, handler: "null".into(), ..NextRun::default() };
    });
    state
}

/// The demo's topics.
pub(crate) fn topics() -> Vec<TopicView> {
    DATASETS.iter().zip(1..).map(|(name, size)| topic(&format!("vc.{name}.events"), 6, size * RECORDS)).collect()
}

/// The events of the run until the given time.
pub(crate) fn events(until_s: f64, ordering: Ordering) -> Vec<feed::Event> {
    let own = |number: i32| vec![partition("vc.billing.events", number), partition("vc.orders.events", number + 1)];
    let mut kinds = vec![
        (0.0, EventKind::Planned { topics: 10, partitions: 60, records: TOTAL }),
        (0.004, EventKind::Started { run_id: "demo-1".into(), concurrency: 1 }),
        (2.0, EventKind::ConcurrencyChanged { from: 1, to: 6, reason: None }),
    ];
    if ordering == Ordering::Partition {
        kinds.extend([
            (2.001, EventKind::RebalanceStarted { by: RebalanceKind::Own }),
            (2.002, EventKind::Revoked { member: "worker-0".into(), partitions: own(2) }),
            (2.003, EventKind::Assigned { member: "worker-3".into(), partitions: own(2) }),
            (2.004, EventKind::RebalanceFinished { by: RebalanceKind::Own, duration_ms: 3, moved: 8 }),
        ]);
    }
    kinds
        .into_iter()
        .filter(|(at_s, _)| *at_s <= until_s)
        .enumerate()
        .map(|(seq, (at_s, kind))| event(seq as u64, at_s, kind))
        .collect()
}

pub(crate) fn summary(concurrency: u32, handling_s: f64, digest: &str) -> RunSummary {
    RunSummary {
        id: format!("demo-{concurrency}"),
        state: RunState::Done,
        ordering: Ordering::Key,
        concurrency,
        concurrency_changed: false,
        handled: TOTAL,
        elapsed_s: handling_s + 0.01,
        handling_s,
        records_per_s: TOTAL as f64 / handling_s,
        efficiency: Some(10.0 / f64::from(concurrency) / handling_s),
        limit: Some(Bottleneck::Workers),
        digest: digest.into(),
    }
}

/// A console that has followed the run until the given time, with ten snapshots per second.
pub(crate) fn followed(width: u16, height: u16, until_s: f64, ordering: Ordering) -> State {
    let mut state = State::new(width, height, Some(HINT.into()));
    for tenth in 0..=(until_s * 10.0).round() as u32 {
        let at_s = f64::from(tenth) / 10.0;
        give(&mut state, snapshot(Some(run(at_s, RunState::Running, ordering)), at_s));
    }
    apply(&mut state, Event::Events(events(until_s, ordering)));
    state
}

pub(crate) fn running(width: u16, height: u16) -> State {
    followed(width, height, 3.0, Ordering::Key)
}

/// Applies an event that has no effects.
pub(crate) fn apply(state: &mut State, event: Event) {
    assert_eq!(update(state, event), [], "the event has no effects");
}

/// Gives the terminal another size, after which every cell is drawn.
pub(crate) fn resize(state: &mut State, width: u16, height: u16) {
    assert_eq!(update(state, Event::Resize(width, height)), [Effect::Redraw]);
}

pub(crate) fn give(state: &mut State, snapshot: Snapshot) {
    apply(state, Event::Snapshot(Arc::new(snapshot)));
}

/// Changes the current snapshot.
pub(crate) fn change(state: &mut State, change: impl FnOnce(&mut Snapshot)) {
    let mut snapshot = (*state.feed.snapshot).clone();
    change(&mut snapshot);
    give(state, snapshot);
}

pub(crate) fn change_run(state: &mut State, change_run: impl FnOnce(&mut RunView)) {
    change(state, |snapshot| change_run(snapshot.run.as_mut().unwrap()));
}

/// Draws a frame, as before every input of a user who looks at the screen.
pub(crate) fn draw(state: &mut State) -> HitMap {
    let (_, hits) = capture::frame_with_hits(state, &theme(&ThemeChoice::DARK));
    let effects = update(state, Event::Drawn(hits.extents().clone()));
    let is_look = |effect: &Effect| matches!(effect, Effect::Watch(WatchCommand::LookAt(_)));
    assert!(effects.iter().all(is_look), "{effects:?}");
    hits
}

pub(crate) fn act(state: &mut State, action: Action) -> Vec<Effect> {
    draw(state);
    perform(state, action)
}

pub(crate) fn press(state: &mut State, c: char) -> Vec<Effect> {
    draw(state);
    update(state, Event::Key(Key::char(c)))
}

pub(crate) fn press_code(state: &mut State, code: KeyCode) -> Vec<Effect> {
    draw(state);
    update(state, Event::Key(Key::code(code)))
}

pub(crate) fn type_text(state: &mut State, text: &str) {
    for c in text.chars() {
        assert_eq!(press(state, c), []);
    }
}

pub(crate) fn mouse(state: &mut State, kind: MouseEventKind, column: u16, row: u16) -> Vec<Effect> {
    let hits = draw(state);
    mouse_on(&hits, state, kind, column, row)
}

/// A mouse gesture on a frame that was drawn before.
pub(crate) fn mouse_on(hits: &HitMap, state: &mut State, kind: MouseEventKind, column: u16, row: u16) -> Vec<Effect> {
    let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    Event::from_mouse(event, hits).map_or_else(Vec::new, |event| update(state, event))
}

pub(crate) fn click(state: &mut State, column: u16, row: u16) -> Vec<Effect> {
    mouse(state, MouseEventKind::Down(MouseButton::Left), column, row)
}

/// The screen in front, possibly behind a dialog.
pub(crate) fn front(state: &State) -> ScreenId {
    state.user.navigation.front().screen
}

/// The question or prompt in front.
pub(crate) fn dialog(state: &State) -> Option<&Dialog> {
    state.user.navigation.dialog.as_ref()
}

/// Checks that nothing is in front of the dashboard.
#[track_caller]
pub(crate) fn assert_at_home(state: &State) {
    assert_eq!((front(state), dialog(state)), (ScreenId::Dashboard, None));
}

pub(crate) fn theme(choice: &ThemeChoice) -> Theme {
    Theme::load(choice).unwrap()
}

pub(crate) fn text(state: &State) -> String {
    let mut state = state.clone();
    draw(&mut state);
    capture::text(&capture::frame(&state, &theme(&ThemeChoice::DARK)))
}

/// The position of a text on the screen, as column and row in cells.
pub(crate) fn find(state: &State, needle: &str) -> Option<(u16, u16)> {
    let text = text(state);
    text.lines().enumerate().find_map(|(row, line)| {
        let at = line.find(needle)?;
        Some((line[..at].chars().count() as u16, row as u16))
    })
}

/// All pages of the screen in front, from its beginning.
pub(crate) fn all_pages(state: &State) -> String {
    let mut state = state.clone();
    act(&mut state, Action::Top);
    let mut pages = text(&state);
    loop {
        let before = text(&state);
        act(&mut state, Action::PageDown);
        let now = text(&state);
        if now == before {
            return pages;
        }
        pages.push_str(&now);
    }
}
