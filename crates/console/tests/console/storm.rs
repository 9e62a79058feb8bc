//! Random input, snapshots, and sizes: the console always renders, without control characters.

use std::sync::Arc;

use crate::{
    fixture::{self, apply, event, partition, run, snapshot, theme},
    group_change, watch_fixture,
};
use crossterm::event::{MouseButton, MouseEventKind};
use kreplay_console::{
    action::{Action, CATALOGUE},
    capture,
    key::Key,
    state::{Asked, ChangeAccess, Dialog, Question, Race, ScreenId, State, StatusKind},
    theme::{Theme, ThemeChoice},
    update::{Effect, Event, perform, update},
};
use kreplay_model::recording::Frame;
use kreplay_model::timeline::TimeRange;
use kreplay_model::watch::{GroupChangeCommand, GroupChangeProgress, GroupChangeStep, VerdictKind, WatchCommand};
use kreplay_model::{
    control::{Command, Decision},
    domain::{Lag, Offset, Ordering},
    feed::{
        Bottleneck, CurrentLimit, EventKind, HandlingTimes, Owner, PartitionState, PartitionView, Prediction,
        QuarantineView, QuarantinedKey, RetryingView, RunState, Snapshot,
    },
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Act(Action),
    Type(char),
    Click(u16, u16),
    Wheel(bool, u16, u16),
    Resize(u16, u16),
    Feed(Box<Snapshot>),
    /// A snapshot of watched groups, by the number of a fixture.
    Watch(usize),
    /// An answer to the last change that was asked for, by the number of a fixture.
    Answer(usize),
    LogError(String),
    Tick(u64),
}

fn run_state() -> impl Strategy<Value = RunState> {
    prop::sample::select(vec![
        RunState::Planned,
        RunState::Running,
        RunState::Paused,
        RunState::Draining,
        RunState::Done,
        RunState::Failed,
        RunState::Cancelled,
    ])
}

/// Numbers including invalid ones.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e-9, 1e300]),
        0.0..1e6
    ]
}

fn partition_view() -> impl Strategy<Value = PartitionView> {
    let offset = || prop_oneof![Just(0_i64), Just(i64::MAX), 0..2_000_000_i64];
    let lag = prop_oneof![Just(Lag::Unknown), any::<u64>().prop_map(Lag::Known)];
    (".{0,60}", 0..100_i32, offset(), offset(), offset(), lag, number(), prop::option::of(number()), ".{0,12}")
        .prop_map(|(topic, number, first, end, position, lag, records_per_s, p95_ms, member)| PartitionView {
            id: partition(&topic, number),
            state: PartitionState::Active,
            first: Offset::new(first).unwrap(),
            end: Offset::new(end).unwrap(),
            position: Offset::new(position).unwrap(),
            lag,
            ahead: end as u64 / 3,
            handled: first as u64,
            owner: Owner::Member(member),
            records_per_s,
            p95_ms,
            handling_times: HandlingTimes::default(),
        })
}

fn session() -> impl Strategy<Value = Snapshot> {
    let parts = (run_state(), 0.0..10.0_f64, any::<bool>(), number(), number(), any::<u64>(), any::<u32>());
    let texts = (".{0,20}", prop::option::of(".{0,200}"), prop::option::of(".{0,200}"));
    (parts, texts, prop::collection::vec(partition_view(), 0..12)).prop_map(
        |((state, at_s, ours, strange, other, count, workers), (id, error, problem), partitions)| {
            let ordering = if ours { Ordering::Partition } else { Ordering::Key };
            let mut run = run(at_s, state, ordering);
            run.elapsed_s = if strange > 1e5 { strange } else { at_s };
            run.handling_s = other;
            run.eta_s = Some(strange);
            run.throughput.records_per_s = other;
            run.latency.p99 = strange;
            run.plan.predicted = Some(Prediction { elapsed_s: other, limit: Bottleneck::Key });
            run.limit = Some(CurrentLimit { bottleneck: Bottleneck::Key, name: Some(run.id.clone()) });
            run.retrying = ours.then_some(RetryingView { lanes: count, next_s: other, alone: count % 2 == 0 });
            run.totals.ahead = count / 2;
            run.totals.handled = count;
            run.totals.skipped = count / 3;
            run.totals.lag = if ours { Lag::Unknown } else { Lag::Known(count) };
            run.concurrency = workers;
            run.max_concurrency = workers % 2000;
            run.buffered_bytes = count;
            run.id = id;
            run.error = error.filter(|_| state == RunState::Failed);
            if !partitions.is_empty() {
                run.partitions = partitions;
            }
            let mut snapshot = snapshot(Some(run), at_s);
            snapshot.problem = problem.filter(|_| count % 5 == 0);
            snapshot.catalog = (count % 7 < 4).then(|| {
                let names = snapshot.run.iter().flat_map(|run| &run.partitions).map(|one| one.id.topic.to_string());
                names.map(|name| fixture::topic(&name, workers, (count % 2 == 0).then_some(count))).collect()
            });
            snapshot.next.ordering = ordering;
            snapshot.listing = count % 3 == 0;
            if count % 11 == 0 {
                snapshot.run = None;
            }
            snapshot.finished = (0..count % 4).map(|at| fixture::summary(at as u32 + 1, strange, "\x1b[2J")).collect();
            snapshot
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let actions: Vec<Action> = CATALOGUE.iter().map(|entry| entry.action).collect();
    prop_oneof![
        6 => prop::sample::select(actions).prop_map(Step::Act),
        2 => any::<char>().prop_map(Step::Type),
        2 => (0..220_u16, 0..70_u16).prop_map(|(x, y)| Step::Click(x, y)),
        1 => (any::<bool>(), 0..220_u16, 0..70_u16).prop_map(|(up, x, y)| Step::Wheel(up, x, y)),
        1 => (0..220_u16, 0..70_u16).prop_map(|(width, height)| Step::Resize(width, height)),
        2 => session().prop_map(|snapshot| Step::Feed(Box::new(snapshot))),
        2 => (0..6_usize).prop_map(Step::Watch),
        2 => (0..4_usize).prop_map(Step::Answer),
        1 => ".{0,80}".prop_map(Step::LogError),
        1 => (0..10_000_u64).prop_map(Step::Tick),
    ]
}

/// What a watch says: nothing yet, no groups, or other groups than before.
fn groups(number: usize) -> Event {
    let snapshot = match number {
        0 => return Event::WatchBegan,
        1 => watch_fixture::of(Vec::new()),
        2 => watch_fixture::denied(),
        3 => watch_fixture::hostile(&["\u{1b}[2J\u{7}", "♻️👨‍👩‍👧‍👦", "e\u{301}\u{301}", ""]),
        4 => {
            let mut snapshot = watch_fixture::huge();
            snapshot.groups.truncate(200);
            snapshot
        }
        _ => watch_fixture::cluster(),
    };
    Event::Groups(Arc::new(snapshot))
}

fn take(state: &mut State, step: Step) -> Vec<Effect> {
    match step {
        Step::Act(action) => perform(state, action),
        Step::Type(c) => update(state, Event::Key(Key::char(c))),
        Step::Click(x, y) => fixture::mouse(state, MouseEventKind::Down(MouseButton::Left), x, y),
        Step::Wheel(true, x, y) => fixture::mouse(state, MouseEventKind::ScrollUp, x, y),
        Step::Wheel(false, x, y) => fixture::mouse(state, MouseEventKind::ScrollDown, x, y),
        Step::Resize(width, height) => update(state, Event::Resize(width, height)),
        Step::Feed(snapshot) => update(state, Event::Snapshot(Arc::new(*snapshot))),
        Step::Watch(number) => update(state, groups(number)),
        Step::Answer(number) => {
            let plan = Arc::new(group_change::billing_plan());
            let step = match number {
                0 => GroupChangeStep::Refused("\u{1b}[2J".repeat(90)),
                1 => GroupChangeStep::Planned(plan),
                2 => GroupChangeStep::Executing(plan),
                _ => GroupChangeStep::Executed(plan),
            };
            let number = state.user.watch.change.last_number;
            update(state, Event::GroupChange(Arc::new(GroupChangeProgress { number, step })))
        }
        Step::LogError(text) => {
            let seq = state.feed.events.next_seq();
            update(state, Event::Events(vec![event(seq, 1.0, EventKind::Error { text })]))
        }
        Step::Tick(millis) => update(state, Event::Tick(state.now + std::time::Duration::from_millis(millis))),
    }
}

/// A refused action has no effects and shows the reason. An action that changes nothing outside sends no such command.
fn check_action(action: Action, before: &State, after: &State, effects: &[Effect]) {
    if let Some(reason) = action.refusal(before) {
        let status = after.user.status.as_ref().map(|status| (status.kind, status.text.as_str()));
        assert_eq!((effects, status), (&[][..], Some((StatusKind::Refused, reason.as_ref()))), "{action:?}");
    }
    let is_read = |effect: &Effect| {
        matches!(
            effect,
            Effect::Redraw
                | Effect::Copy(_)
                | Effect::CaptureMouse(_)
                | Effect::Watch(_)
                | Effect::ShowMoment(_)
                | Effect::ChangeGroup(GroupChangeCommand::Plan { .. })
                | Effect::Send(Command::ListTopics | Command::Plan(_) | Command::StopPlanning)
        )
    };
    assert!(action.changes_outside() || effects.iter().all(is_read), "{action:?}: {effects:?}");
}

/// Answers requests for moments with one of the frames so far.
fn show_moments(state: &mut State, effects: &[Effect], said: &[Frame]) {
    for effect in effects {
        if let Effect::ShowMoment(at) = effect {
            let frame = said.get(at.ms().rem_euclid(said.len() as i64) as usize).cloned().map(Box::new);
            assert_eq!(update(state, Event::Moment(*at, frame)), []);
            assert!(state.shows_past());
        }
    }
}

/// Whether an effect reaches the session or groups.
fn sends(effect: &Effect) -> bool {
    let is_look = |command: &WatchCommand| matches!(command, WatchCommand::LookAt(_));
    match effect {
        Effect::Watch(command) => !is_look(command),
        Effect::Send(_) | Effect::ChangeGroup(_) => true,
        _ => false,
    }
}

fn check(state: &State, theme: &Theme) {
    let frame = capture::frame(state, theme);
    for cell in &frame.content {
        assert!(!cell.symbol().chars().any(char::is_control), "{:?}", cell.symbol());
    }
    assert!(state.user.table.sort.is_some());
    let rows = state.rows();
    assert_eq!(rows.shown.len() + rows.empty_hidden + rows.filtered_out, rows.total);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_input_never_breaks_the_console(
        steps in prop::collection::vec(step(), 1..40),
        width in 0..220_u16,
        height in 0..70_u16,
        is_recording in prop::bool::weighted(0.2),
    ) {
        let theme = theme(&ThemeChoice::DARK);
        let mut state = State::new(width, height, None);
        state.feed.changes.access = ChangeAccess::Full;
        state.launch_access = crate::launch_form::access();
        let mut said = vec![Frame::default()];
        if is_recording {
            let range = TimeRange::new(fixture::time(0.0).into(), fixture::time(9.0).into());
            let shown = update(&mut state, Event::Recording(range, range.from()));
            show_moments(&mut state, &shown, &said);
        }
        for step in steps {
            if let Step::Feed(snapshot) = &step {
                said.push(Frame { snapshot: Some(Arc::new((**snapshot).clone())), ..Frame::default() });
                if is_recording {
                    continue;
                }
            }
            let (before, asked) = (state.clone(), step.clone());
            let effects = take(&mut state, step);
            if let Step::Act(action) = asked {
                check_action(action, &before, &state, &effects);
            }
            show_moments(&mut state, &effects, &said);
            for effect in effects {
                prop_assert!(!(before.shows_past() && sends(&effect)), "{asked:?}: {effect:?}");
                // Commands that stop work need confirmation, and the number of workers stays within its limits.
                match effect {
                    Effect::Send(Command::Stop) => {
                        let is_race = before.race.as_ref().is_some_and(Race::is_active);
                        prop_assert!(is_race || matches!(fixture::dialog(&before), Some(Dialog::Ask(_))));
                    }
                    Effect::Send(Command::Restart) if before.run_is_active() => {
                        prop_assert!(matches!(fixture::dialog(&before), Some(Dialog::Ask(_))), "{asked:?}");
                    }
                    Effect::Quit if before.ends_run_on_quit() => {
                        prop_assert!(matches!(fixture::dialog(&before), Some(Dialog::Ask(_))), "{asked:?}");
                    }
                    Effect::Send(Command::Replay(names)) => {
                        prop_assert!(!names.is_empty() && before.chooses_topics());
                        let asked_first = matches!(
                            fixture::dialog(&before),
                            Some(Dialog::Ask(Question::ReplayInstead(asked))) if *asked == names
                        );
                        prop_assert!(asked_first || !before.run_is_active());
                    }
                    Effect::Send(Command::Launch(_)) if before.run_is_active() => {
                        let asked_first = matches!(
                            fixture::dialog(&before),
                            Some(Dialog::Ask(Question::LaunchInstead { .. }))
                        );
                        prop_assert!(asked_first, "{asked:?}");
                    }
                    Effect::ChangeGroup(GroupChangeCommand::Execute { number }) => {
                        let is_typed = matches!(fixture::dialog(&before), Some(Dialog::Prompt { asked: Asked::GroupName, .. }));
                        prop_assert!(is_typed && before.user.watch.change.last_number == number);
                    }
                    Effect::Export { .. } => {
                        let is_asked = matches!(fixture::dialog(&before), Some(Dialog::Prompt { asked: Asked::ExportFile(_), .. }));
                        prop_assert!(is_asked);
                    }
                    Effect::Send(Command::SetConcurrency(wanted)) => {
                        prop_assert!(wanted.get() <= before.max_concurrency());
                    }
                    _ => {}
                }
            }
            check(&state, &theme);
        }
    }
}

/// A snapshot in which all numbers are large.
fn with_large_numbers(state: RunState, count: u64, seconds: f64, rate: f64) -> Snapshot {
    let mut run = run(3.0, state, Ordering::Key);
    let offset = Offset::new((count >> 1) as i64).unwrap();
    run.plan.handler = "null".into();
    run.plan.records = count;
    run.plan.predicted = Some(Prediction { elapsed_s: seconds, limit: Bottleneck::Key });
    (run.elapsed_s, run.handling_s, run.eta_s) = (seconds, seconds, Some(seconds));
    (run.throughput.records_per_s, run.throughput.bytes_per_s) = (rate, rate * 1000.0);
    (run.latency.p50, run.latency.p95, run.latency.p99) = (rate, seconds, seconds * 1000.0);
    run.buffered_bytes = count;
    run.limit = Some(CurrentLimit { bottleneck: Bottleneck::Key, name: Some("a-key-with-a-rather-long-name".into()) });
    let totals = &mut run.totals;
    (totals.handled, totals.filtered, totals.retried, totals.skipped) = (count, count / 3, count / 5, count / 7);
    (totals.dead_lettered, totals.lost, totals.repeated, totals.ahead) =
        (count / 11, count / 13, count / 17, count / 2);
    totals.lag = Lag::Known(count);
    for worker in &mut run.workers {
        (worker.handled, worker.records_per_s) = (count, rate);
    }
    for partition in &mut run.partitions {
        (partition.end, partition.position, partition.handled) = (offset, offset, count);
        (partition.lag, partition.ahead, partition.records_per_s) = (Lag::Known(count), count / 2, rate);
        partition.p95_ms = Some(seconds);
    }
    run.quarantine = QuarantineView {
        keys: usize::try_from(count).unwrap(),
        records: count,
        bytes: count,
        awaits_decision: false,
        dead_letters: true,
        waiting: vec![QuarantinedKey {
            hash: 1,
            key: "a-key".into(),
            partition: partition("orders", 7),
            offset,
            records: count,
            bytes: count,
            error: "no".into(),
            attempts: 3,
            for_s: seconds,
        }],
    };
    let mut snapshot = snapshot(Some(run), 3.0);
    let mut summary = fixture::summary(6, seconds.max(0.001), "9f3a1c2b77e04d11");
    (summary.handled, summary.records_per_s, summary.efficiency) = (count, rate, Some(rate));
    snapshot.finished = vec![summary.clone(), summary];
    snapshot
}

proptest! {
    /// Numbers are shown with fewer digits or left out, but never truncated.
    #[test]
    fn numbers_are_never_truncated(
        (run_state, count, seconds, rate) in (run_state(), prop_oneof![any::<u64>(), 0..3_000_000_u64], 0.0..1e7_f64, 0.0..1e8_f64),
        (width, height) in (60..220_u16, 15..60_u16),
        front in prop::sample::select(vec![
            None,
            Some(ScreenId::Partition),
            Some(ScreenId::Run),
            Some(ScreenId::Compare),
            Some(ScreenId::Quarantine),
        ]),
        asks in any::<bool>(),
    ) {
        let mut state = State::new(width, height, None);
        for tenth in 1..4 {
            let mut moment = with_large_numbers(run_state, count, seconds, rate);
            let run = moment.run.as_mut().unwrap();
            run.elapsed_s = f64::from(tenth) / 10.0;
            run.totals.handled = count / 4 * tenth as u64;
            apply(&mut state, Event::Snapshot(Arc::new(moment)));
        }
        apply(&mut state, Event::Snapshot(Arc::new(with_large_numbers(run_state, count, seconds, rate))));
        state.user.status = None;
        if let Some(screen) = front {
            state.user.navigation.open(screen);
        }
        state.user.navigation.dialog = asks.then_some(Dialog::Ask(Question::DecideAll(Decision::DeadLetter)));
        let text = capture::text(&capture::frame(&state, &theme(&ThemeChoice::DARK)));
        for line in text.lines() {
            let is_number = |part: &str| part.trim_end_matches([',', '.']).ends_with(|c: char| c.is_ascii_digit());
            let cut = line.split('…').rev().skip(1).any(is_number);
            prop_assert!(!cut, "{line}\n{text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The figures of watched groups are shown with fewer digits or left out, but never truncated.
    #[test]
    fn figures_of_groups_are_never_truncated(
        (lag, seconds) in (prop_oneof![0..=i64::MAX as u64 / 16, 0..3_000_000_u64], 0.0..1e7_f64),
        (width, height) in (60..220_u16, 15..60_u16),
        screen in prop::sample::select(vec![ScreenId::Trouble, ScreenId::Groups, ScreenId::Group]),
    ) {
        let mut rows: Vec<_> = (0..3).map(|at| watch_fixture::partition_row("orders", at, lag, lag)).collect();
        rows[0].deadline_s = Some(seconds);
        rows[1].ahead = Some(lag);
        let evidence = format!("the lag is {lag} after {seconds} seconds and grows by {lag} in {seconds}");
        let verdict = watch_fixture::verdict(VerdictKind::FallingBehind, &evidence, Some(&evidence));
        let mut group = watch_fixture::group("billing", rows, verdict);
        group.members.clear();
        for row in &mut group.partitions {
            row.owner = None;
        }
        (group.deadline_s, group.eta.value_s) = (Some(seconds), Some(seconds));
        (group.rates.in_per_s, group.rates.out_per_s) = (Some(seconds), Some(lag as f64));
        let state = watch_fixture::watching(width, height, watch_fixture::of(vec![group]));
        let text = fixture::text(&watch_fixture::opened(state, screen));
        for line in text.lines() {
            let is_number = |part: &str| part.trim_end_matches([',', '.']).ends_with(|c: char| c.is_ascii_digit());
            prop_assert!(!line.split('…').rev().skip(1).any(is_number), "{line}\n{text}");
        }
    }
}
