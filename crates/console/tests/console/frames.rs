//! Snapshots of the console's frames.

use std::fmt::Write as _;

use crate::fixture::{self, *};
use crossterm::event::KeyCode;
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    capture,
    state::State,
    theme::{BUILT_IN, BuiltIn, ColorDepth, Theme, ThemeChoice},
    update::{Event, update},
};
use kreplay_model::{
    domain::{Lag, Offset, Ordering},
    feed::{
        Bottleneck, CurrentLimit, EventKind, GuardView, Owner, PartitionState, Prediction, QuarantineView,
        QuarantinedKey, RebalanceKind, RetryingView, RunState, Snapshot, Throughput, WorkerState,
    },
};
use ratatui::{backend::TestBackend, buffer::Buffer, style::Modifier};

const SMALL: (u16, u16) = (80, 24);
const MIDDLE: (u16, u16) = (120, 40);
const LARGE: (u16, u16) = (200, 60);

fn size((width, height): (u16, u16), make: impl Fn(u16, u16) -> State) -> String {
    text(&make(width, height))
}

fn loading(width: u16, height: u16) -> State {
    State::new(width, height, Some(HINT.into()))
}

fn empty(width: u16, height: u16) -> State {
    let mut state = loading(width, height);
    give(&mut state, snapshot(None, 0.0));
    state
}

fn planned(width: u16, height: u16) -> State {
    let mut state = loading(width, height);
    let mut run = run(0.0, RunState::Planned, Ordering::Key);
    run.started_at = None;
    run.workers.clear();
    give(&mut state, snapshot(Some(run), 0.0));
    state
}

fn paused(width: u16, height: u16) -> State {
    let mut state = running(width, height);
    for tenth in 31..36 {
        let mut run = run(3.0, RunState::Paused, Ordering::Key);
        run.elapsed_s = f64::from(tenth) / 10.0;
        run.eta_s = None;
        give(&mut state, snapshot(Some(run), 3.5));
    }
    apply(&mut state, Event::Events(vec![event(3, 3.02, EventKind::Paused)]));
    state
}

fn rebalancing(width: u16, height: u16) -> State {
    let mut state = followed(width, height, 3.0, Ordering::Partition);
    apply(&mut state, Event::Events(vec![event(7, 3.0, EventKind::RebalanceStarted { by: RebalanceKind::Group })]));
    change_run(&mut state, |run| {
        run.rebalancing = true;
        run.plan.group = Some("demo".into());
        for partition in run.partitions.iter_mut().filter(|partition| partition.end > Offset::ZERO).take(4) {
            partition.owner = Owner::None;
            partition.state = PartitionState::Waiting;
            partition.records_per_s = 0.0;
        }
        for partition in run.partitions.iter_mut().filter(|partition| partition.end > Offset::ZERO).skip(7) {
            partition.owner = Owner::Member("kreplay-7f3a-worker-2".into());
            partition.state = PartitionState::Elsewhere;
        }
    });
    state
}

/// A run with automatic concurrency, a rate limit, and a protected group.
fn limited(width: u16, height: u16, lag: Option<u64>) -> State {
    let mut state = running(width, height);
    let mut snapshot = (*state.feed.snapshot).clone();
    if let Some(run) = &mut snapshot.run {
        run.limits.adaptive = true;
        run.limits.rate = "5000/s".parse().ok();
        run.totals.barriers = 17;
        run.limits.guard = Some(GuardView {
            group: "billing".into(),
            lag,
            max_lag: 10_000,
            records_per_s: lag.map(|_| 250.0),
            ..GuardView::default()
        });
    }
    give(&mut state, snapshot);
    state
}

fn ended(width: u16, height: u16, state: RunState) -> State {
    let mut console = running(width, height);
    for tenth in 31..34 {
        let at_s = f64::from(tenth) / 10.0;
        give(&mut console, snapshot(Some(run(at_s, RunState::Running, Ordering::Key)), at_s));
    }
    let at_s = if state == RunState::Done { 3.36 } else { 3.3 };
    let finished = EventKind::Finished { run_id: "demo-1".into(), state, elapsed_s: at_s };
    let _ = update(&mut console, Event::Events(vec![event(3, at_s, finished)]));
    give(&mut console, snapshot(Some(run(at_s, state, Ordering::Key)), at_s));
    console
}

fn finished(width: u16, height: u16) -> State {
    ended(width, height, RunState::Done)
}

fn stopped(width: u16, height: u16) -> State {
    ended(width, height, RunState::Cancelled)
}

fn failed(width: u16, height: u16) -> State {
    let mut state = ended(width, height, RunState::Failed);
    change_run(&mut state, |run| {
        run.totals.retried = 3;
        run.error = Some(
            "vc.orders.events-0 at 713 failed after 4 attempts: the target answered 503. Positions stay below it; \
             repair the target, then run again."
                .into(),
        );
    });
    state
}

fn problem(width: u16, height: u16) -> State {
    let mut state = loading(width, height);
    let mut snapshot = snapshot(None, 0.0);
    snapshot.cluster.embedded = false;
    snapshot.cluster.reachable = false;
    snapshot.cluster.bootstrap = "kafka-1.example:9092,kafka-2.example:9092".into();
    snapshot.problem =
        Some("no broker answers at kafka-1.example:9092: connection refused. Is it the right port?".into());
    give(&mut state, snapshot);
    state
}

#[test]
fn before_the_first_run() {
    assert_snapshot!("loading_80x24", size(SMALL, loading));
    assert_snapshot!("loading_120x40", size(MIDDLE, loading));
    assert_snapshot!("empty_80x24", size(SMALL, empty));
    assert_snapshot!("empty_120x40", size(MIDDLE, empty));
    assert_snapshot!("planned_80x24", size(SMALL, planned));
}

#[test]
fn a_running_run() {
    assert_snapshot!("running_80x24", size(SMALL, running));
    assert_snapshot!("running_120x40", size(MIDDLE, running));
    assert_snapshot!("running_160x50", size((160, 50), running));
    assert_snapshot!("running_200x60", size(LARGE, running));
    assert_snapshot!("running_60x15", size((60, 15), running));
    assert_snapshot!("running_90x45", size((90, 45), running));
}

#[test]
fn a_paused_or_rebalancing_run() {
    assert_snapshot!("paused_80x24", size(SMALL, paused));
    assert_snapshot!("paused_120x40", size(MIDDLE, paused));
    assert_snapshot!("rebalancing_80x24", size(SMALL, rebalancing));
    assert_snapshot!("rebalancing_120x40", size(MIDDLE, rebalancing));
    assert_snapshot!("rebalancing_200x60", size(LARGE, rebalancing));
}

#[test]
fn a_limited_run() {
    assert_snapshot!("auto_80x24", size(SMALL, |width, height| limited(width, height, None)));
    for at in [SMALL, MIDDLE, (160, 50)] {
        let name = format!("held_back_{}x{}", at.0, at.1);
        assert_snapshot!(name, size(at, |width, height| limited(width, height, Some(12_345))));
    }
    // Below the limit, but not far enough for the lag guard to resume the run.
    let mut state = limited(80, 24, Some(9_000));
    assert!(text(&state).contains("throttled: group billing lag 9,000, recovering"));
    change(&mut state, |snapshot| {
        let guard = snapshot.run.as_mut().unwrap().limits.guard.as_mut();
        guard.unwrap().records_per_s = Some(0.0);
    });
    assert!(text(&state).contains("paused: group billing lag 9,000 of 10,000"));
    let mut state = limited(80, 24, None);
    press(&mut state, 'L');
    type_text(&mut state, "fast");
    press_code(&mut state, KeyCode::Enter);
    assert_snapshot!("rate_prompt_80x24", text(&state));
}

/// A run whose positions wait for a few keys. The progress shows settled records, not positions.
fn quarantined(width: u16, height: u16) -> State {
    let mut state = running(width, height);
    change(&mut state, |snapshot| {
        let run = snapshot.run.as_mut().unwrap();
        run.totals.handled = 9_812;
        run.totals.retried = 58;
        run.totals.lag = Lag::Known(7_712);
        run.totals.ahead = 7_524;
        // Its position waits while its other keys continue.
        let held = run.partitions.iter_mut().find(|partition| partition.end > Offset::ZERO).unwrap();
        held.position = Offset::new(100).unwrap();
        held.handled = 980;
        held.lag = Lag::Known(900);
        held.ahead = 880;
        let key = |hash: u64| QuarantinedKey {
            hash,
            key: format!("{}customer-{hash}\u{1b}[2J", "a-long-name-".repeat(hash as usize)),
            partition: partition("vc.orders.events", hash as i32),
            offset: Offset::new(700 + hash as i64).unwrap(),
            records: 94,
            bytes: 9_400,
            error: "the target answered 503: retry later, or ask the operators of the target what has happened".into(),
            attempts: 4,
            for_s: 40.0 + 3_000.0 * hash as f64,
        };
        run.quarantine = QuarantineView {
            keys: 2,
            records: 188,
            bytes: 18_800,
            awaits_decision: true,
            dead_letters: true,
            waiting: (0..2).map(key).collect(),
        };
    });
    state
}

#[test]
fn a_run_with_quarantined_keys() {
    for at in [SMALL, MIDDLE, (160, 50)] {
        let mut state = quarantined(at.0, at.1);
        assert_snapshot!(format!("quarantined_{}x{}", at.0, at.1), text(&state));
        act(&mut state, Action::Quarantine);
        assert_snapshot!(format!("quarantine_{}x{}", at.0, at.1), text(&state));
    }
    // More keys than fit into the window.
    let mut state = quarantined(80, 24);
    change(&mut state, |snapshot| {
        let waiting = &mut snapshot.run.as_mut().unwrap().quarantine.waiting;
        let first = waiting[0].clone();
        waiting.extend((2..40).map(|hash| QuarantinedKey { hash, key: format!("customer-{hash}"), ..first.clone() }));
        snapshot.run.as_mut().unwrap().quarantine.keys = 900;
    });
    act(&mut state, Action::Quarantine);
    act(&mut state, Action::Bottom);
    assert_snapshot!("quarantine_many_80x24", text(&state));
}

/// A finished run waits for nothing.
#[test]
fn a_stopped_run_with_quarantined_keys_needs_no_decision() {
    let mut state = quarantined(80, 24);
    change(&mut state, |snapshot| snapshot.run.as_mut().unwrap().state = RunState::Cancelled);
    let shown = text(&state);
    assert!(shown.contains("2 keys quarantined") && !shown.contains("wait for a decision"), "{shown}");
    assert!(!shown.contains("Q quarantine"), "{shown}");
}

/// The key hints are more useful than a repeated message.
#[test]
fn an_error_shown_as_alert_is_not_shown_as_message() {
    let mut state = failed(80, 24);
    let text_of = state.run().unwrap().error.clone().unwrap();
    apply(&mut state, Event::Events(vec![event(4, 3.3, EventKind::Error { text: text_of })]));
    assert_eq!(state.user.status, None);
    assert!(text(&state).contains("r run again"));
}

/// An error message shows how to dismiss it, even if it is long.
#[test]
fn a_long_message_can_still_be_dismissed() {
    let mut state = running(80, 24);
    let text_of = "the guard: ".to_owned() + &"very long ".repeat(20);
    apply(&mut state, Event::Events(vec![event(3, 3.0, EventKind::Error { text: text_of })]));
    assert!(text(&state).lines().last().unwrap().contains("…   Esc dismisses"), "{}", text(&state));
}

#[test]
fn a_finished_run() {
    assert_snapshot!("finished_80x24", size(SMALL, finished));
    assert_snapshot!("finished_120x40", size(MIDDLE, finished));
    assert_snapshot!("failed_80x24", size(SMALL, failed));
    assert_snapshot!("failed_120x40", size(MIDDLE, failed));
    assert_snapshot!("cancelled_80x24", size(SMALL, stopped));
    assert_snapshot!("cancelled_120x40", size(MIDDLE, stopped));
}

/// A run in which only one key is left, waiting for a retry.
fn retrying(width: u16, height: u16) -> State {
    let mut state = running(width, height);
    change_run(&mut state, |run| {
        run.eta_s = None;
        run.throughput = Throughput::default();
        run.totals.retried = 2;
        run.retrying = Some(RetryingView { lanes: 1, next_s: 3.2, alone: true });
        for worker in &mut run.workers {
            (worker.state, worker.busy, worker.records_per_s) = (WorkerState::Idle, 0.0, 0.0);
        }
        for partition in &mut run.partitions {
            partition.records_per_s = 0.0;
        }
    });
    state
}

#[test]
fn a_waiting_run_shows_what_it_waits_for() {
    assert_snapshot!("retrying_80x24", size(SMALL, retrying));
    assert_snapshot!("retrying_120x40", size(MIDDLE, retrying));
    assert!(text(&quarantined(80, 24)).contains("! waiting for a decision"));
}

#[test]
fn a_run_with_dead_letters_is_not_shown_as_just_done() {
    let mut state = finished(120, 40);
    change_run(&mut state, |run| {
        run.totals.dead_lettered = 3_905;
        run.totals.handled -= 3_905;
        run.totals.repeated = 150;
        run.totals.already_handled = 25_336;
        run.totals.duplicates = 25_486;
        run.plan.predicted = Some(Prediction { elapsed_s: 3.31, limit: Bottleneck::Key });
    });
    assert_snapshot!("dead_letters_120x40", text(&state));
    let (theme, at) = (theme(&ThemeChoice::DARK), find(&state, "! done with dead letters").unwrap());
    assert_eq!(Some(capture::frame(&state, &theme).cell(at).unwrap().fg), theme.warning.fg);
}

/// The limit is shown at every size, and a prediction only if one was made.
#[test]
fn the_limit_is_shown_at_every_size() {
    for (width, height) in [(60, 15), SMALL, (100, 30), MIDDLE, (160, 50), LARGE] {
        for make in [running, finished] {
            let mut state = make(width, height);
            let limit = CurrentLimit { bottleneck: Bottleneck::Key, name: Some("dataset1".into()) };
            change_run(&mut state, |run| (run.limit, run.plan.predicted) = (Some(limit.clone()), None));
            let shown = text(&state);
            assert!(shown.contains("limit key dataset1"), "{shown}");
            assert!(!shown.contains("predicted"), "{shown}");
        }
    }
    let mut state = running(120, 40);
    change_run(&mut state, |run| run.plan.predicted = Some(Prediction { elapsed_s: 3.31, limit: Bottleneck::Key }));
    assert!(text(&state).contains("predicted 3.3"), "{}", text(&state));
}

#[test]
fn a_problem_before_any_run() {
    assert_snapshot!("problem_80x24", size(SMALL, problem));
    assert_snapshot!("problem_120x40", size(MIDDLE, problem));
}

#[test]
fn a_terminal_that_is_too_small() {
    assert_snapshot!("too_small_59x15", size((59, 15), running));
    assert_snapshot!("too_small_60x14", size((60, 14), running));
    for (width, height) in [(1, 1), (3, 2), (20, 1), (0, 0)] {
        let _ = size((width, height), running);
    }
}

#[test]
fn windows_in_front() {
    let mut state = running(80, 24);
    act(&mut state, Action::Help);
    assert_snapshot!("help_80x24", text(&state));
    act(&mut state, Action::Bottom);
    assert_snapshot!("help_bottom_80x24", text(&state));

    let mut state = running(160, 50);
    act(&mut state, Action::Help);
    assert_snapshot!("help_160x50", text(&state));

    let mut state = running(80, 24);
    act(&mut state, Action::Filter);
    type_text(&mut state, "orders");
    assert_snapshot!("filter_80x24", text(&state));

    let mut state = running(80, 24);
    act(&mut state, Action::Quit);
    assert_snapshot!("quit_80x24", text(&state));

    let mut state = followed(80, 24, 3.0, Ordering::Partition);
    act(&mut state, Action::SetConcurrency);
    type_text(&mut state, "40");
    act(&mut state, Action::Accept);
    assert_snapshot!("prompt_80x24", text(&state));

    let mut state = running(120, 40);
    act(&mut state, Action::Down);
    act(&mut state, Action::Details);
    assert_snapshot!("details_120x40", text(&state));
}

/// The details window with all settings of a run.
#[test]
fn the_details_of_a_run() {
    for at in [SMALL, MIDDLE, (160, 50)] {
        let mut state = limited(at.0, at.1, Some(12_345));
        change(&mut state, |snapshot| {
            snapshot.cluster.embedded = false;
            let run = snapshot.run.as_mut().unwrap();
            run.plan.selection = "from -2h to latest, only key team:7 or \u{1b}[2J*, type *Merged".into();
            run.plan.on_failure = "3 retries, the first after 1s, then dead-letter to {topic}.dlq".into();
            run.plan.on_retention = "the partition fails".into();
            run.plan.resumable = true;
        });
        act(&mut state, Action::RunDetails);
        assert_snapshot!(format!("run_details_{}x{}", at.0, at.1), text(&state));
        act(&mut state, Action::Close);
        assert_at_home(&state);
        act(&mut state, Action::Stop);
        assert!(text(&state).contains("Resume later: kreplay resume demo-1"));
    }
}

/// A selection that is not the whole topics is shown; its text is external.
#[test]
fn a_selection_of_records_is_shown() {
    let mut state = running(120, 40);
    change(&mut state, |snapshot| {
        let run = snapshot.run.as_mut().unwrap();
        run.plan.selection =
            "from -2h to latest, key team:{team_id}, only key team:7 or \u{1b}[2J*, type *Merged".into();
        run.totals.filtered = 1234;
        run.totals.unkeyed = 5;
    });
    act(&mut state, Action::Details);
    assert_snapshot!("part_120x40", text(&state));
}

#[test]
fn the_comparison_of_runs() {
    let mut state = finished(160, 50);
    change(&mut state, |snapshot| {
        let mut changed = summary(6, 1.9, "9f3a1c2b77e04d11");
        changed.concurrency_changed = true;
        let mut stopped = summary(10, 0.4, "0011223344556677");
        stopped.state = RunState::Cancelled;
        stopped.efficiency = None;
        stopped.limit = None;
        let mut free = summary(10, 1.0, "77aa1c2b77e04d11");
        free.ordering = Ordering::None;
        snapshot.finished = vec![
            summary(1, 10.02, "9f3a1c2b77e04d11"),
            summary(6, 1.69, "9f3a1c2b77e04d11"),
            changed,
            summary(10, 1.01, "9f3a1c2b77e04d11"),
            stopped,
            free,
        ];
    });
    act(&mut state, Action::Compare);
    assert_snapshot!("compare_160x50", text(&state));
    resize(&mut state, 80, 24);
    assert_snapshot!("compare_80x24", text(&state));
    change(&mut state, |snapshot| snapshot.finished[3].digest = "badbadbadbadbad0".into());
    assert!(text(&state).contains("✗ 1 of 5 finished runs differs from the base"));
    assert!(text(&state).contains("✗ DIFFERS"));
}

#[test]
fn only_visible_partitions_are_rendered() {
    let mut state = running(120, 40);
    change_run(&mut state, |run| {
        let pattern = run.partitions[2].clone();
        run.partitions = (0..1000)
            .map(|number| {
                let mut partition = pattern.clone();
                partition.id = fixture::partition("vc.everything.events", number);
                partition.end = Offset::new(1000).unwrap();
                partition.lag = Lag::Known(1000);
                partition
            })
            .collect();
        run.plan.partitions = 1000;
    });
    let shown = |state: &State| text(state).lines().filter(|line| line.contains("vc.everything.events")).count();
    assert_snapshot!("thousand_120x40", text(&state));
    assert_eq!(shown(&state), 13);
    act(&mut state, Action::Bottom);
    let bottom = text(&state);
    assert!(bottom.contains("988–1000 of 1000"), "{bottom}");
    let is_last = |line: &str| line.contains("vc.everything.events") && line.contains(" 999 ");
    assert!(bottom.lines().any(is_last), "{bottom}");
    assert_eq!(shown(&state), 13);
    type_text(&mut state, "/events-99");
    act(&mut state, Action::Accept);
    assert!(text(&state).contains("11 of 1000  /events-99"), "{}", text(&state));
}

#[test]
fn external_names_cannot_control_the_terminal() {
    let mut state = running(120, 40);
    change_run(&mut state, |run| {
        run.partitions.retain(|partition| partition.end > Offset::ZERO);
        let name = |run: &mut kreplay_model::feed::RunView, at: usize, topic: &str| {
            run.partitions[at].id = partition(topic, 0);
        };
        name(run, 0, "\x1b[31m\x07red\r\nalert");
        name(run, 1, "right\u{202e}to-left\u{200b}");
        name(run, 2, &"a-topic-with-a-very-long-name-".repeat(8));
        name(run, 3, "主題の名前がとても長いので真ん中を切らなければならない主題の名前");
        name(run, 4, "e\u{301}\u{301}\u{301}combining");
        run.partitions[5].owner = Owner::Member("consumer-\x1b]0;title\x07-1".into());
        run.id = "run\x1b[2J".into();
        run.plan.handler = "exec:\u{9b}2J".into();
        run.digest = "\x1b[1;1H".into();
    });
    let hostile = EventKind::Warning { text: "record said \x1b[2J\x1b[1;1Hgone\nand a second line".into() };
    apply(&mut state, Event::Events(vec![event(3, 2.9, hostile)]));
    let frame = capture::frame(&state, &theme(&ThemeChoice::DARK));
    assert!(frame.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
    assert_snapshot!("hostile_120x40", capture::text(&frame));
    act(&mut state, Action::Details);
    let frame = capture::frame(&state, &theme(&ThemeChoice::DARK));
    assert!(frame.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
}

#[test]
fn every_panel_can_be_reached_on_a_small_terminal() {
    let mut state = running(80, 24);
    act(&mut state, Action::FocusPrevious);
    assert_snapshot!("workers_80x24", text(&state));
    act(&mut state, Action::FocusPrevious);
    assert_snapshot!("throughput_80x24", text(&state));
}

#[test]
fn workers_that_own_partitions() {
    let mut state = followed(200, 60, 3.0, Ordering::Partition);
    assert_snapshot!("partition_order_200x60", text(&state));
    act(&mut state, Action::FocusPrevious);
    resize(&mut state, 80, 24);
    assert_snapshot!("partition_order_workers_80x24", text(&state));
}

/// The styles of a frame in a compact form: for each row its runs of equal style, as `columns:style`.
fn styles(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let _ = write!(out, "{y:>2} ");
        let mut run = (String::new(), 0);
        for x in 0..buffer.area.width {
            let cell = buffer.cell((x, y)).unwrap();
            let mut style = format!("{}/{}", cell.fg, cell.bg);
            for (modifier, sign) in [
                (Modifier::BOLD, "+b"),
                (Modifier::DIM, "+d"),
                (Modifier::UNDERLINED, "+u"),
                (Modifier::REVERSED, "+r"),
            ] {
                if cell.modifier.contains(modifier) {
                    style.push_str(sign);
                }
            }
            if style == run.0 {
                run.1 += 1;
            } else {
                if run.1 > 0 {
                    let _ = write!(out, "{}:{} ", run.1, run.0);
                }
                run = (style, 1);
            }
        }
        let _ = writeln!(out, "{}:{}", run.1, run.0);
    }
    out
}

#[test]
fn colours_of_each_theme() {
    for BuiltIn { name, .. } in BUILT_IN {
        let frame = capture::frame(&running(80, 24), &theme(&ThemeChoice::BuiltIn(name)));
        assert_snapshot!(format!("styles_{name}_80x24"), styles(&frame));
    }
    let ansi = Theme::load_for(&ThemeChoice::DARK, ColorDepth::Ansi).unwrap();
    assert_snapshot!("styles_dark_16_colours_80x24", styles(&capture::frame(&running(80, 24), &ansi)));
}

#[test]
fn cells_have_the_styles_of_their_roles() {
    for choice in [ThemeChoice::DARK, ThemeChoice::LIGHT] {
        let theme = theme(&choice);
        let state = failed(120, 40);
        let frame = capture::frame(&state, &theme);
        let at = |needle: &str| {
            let (x, y) = find(&state, needle).unwrap_or_else(|| panic!("`{needle}` is not on the screen"));
            frame.cell((x, y)).unwrap()
        };
        assert_eq!(Some(at("✗ failed").fg), theme.bad.fg);
        assert_eq!(Some(at("✗ failed").bg), theme.banner.bg);
        assert_eq!(Some(at("✗ The run failed").fg), theme.bad.fg);
        assert_eq!(Some(at("3 retried").fg), theme.warning.fg);
        assert_eq!(Some(at("topic▲").fg), theme.column_sorted.fg);
        assert_eq!(Some(at("owner").fg), theme.column.fg);
        assert_eq!(Some(at("vc.billing").bg), theme.selected.bg);
        assert_eq!(Some(at("vc.carts").bg), theme.base.bg);
        assert_eq!(Some(at("Events").fg), theme.title.fg);
        assert_eq!(Some(at("Partitions").fg), theme.title_focused.fg);
        assert_eq!(Some(at("◆").fg), theme.notice.fg);
    }
}

#[test]
fn the_mono_theme_uses_no_colours() {
    let theme = theme(&ThemeChoice::MONO);
    for make in [running, paused, rebalancing, finished, failed, problem] {
        let frame = capture::frame(&make(120, 40), &theme);
        let plain = ratatui::style::Color::Reset;
        assert!(frame.content.iter().all(|cell| cell.fg == plain && cell.bg == plain));
    }
}

#[test]
fn a_capture_renders_the_same_frame_as_the_console() {
    let mut capture = capture::Capture::new(120, 40, Some(HINT.into()));
    for tenth in 0..=30 {
        let at_s = f64::from(tenth) / 10.0;
        let new = events(at_s, Ordering::Key).into_iter().filter(|event| event.seq >= capture.next_seq()).collect();
        capture.take(snapshot(Some(run(at_s, RunState::Running, Ordering::Key)), at_s).into(), new);
    }
    let theme = Theme::load(&ThemeChoice::DARK).unwrap();
    assert_eq!(capture::text(&capture.frame(&theme)), text(&running(120, 40)));
}

#[test]
fn a_terminal_shows_the_same_frame() {
    let state = running(80, 24);
    let frame = capture::frame(&state, &theme(&ThemeChoice::DARK));
    let mut terminal = ratatui::Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|target| target.buffer_mut().merge(&frame)).unwrap();
    terminal.backend().assert_buffer(&frame);
}

#[test]
fn an_ended_session_is_shown() {
    let mut state = running(80, 24);
    apply(&mut state, Event::FeedEnded);
    assert!(text(&state).contains("session ended"));
    give(&mut state, Snapshot::default());
    assert!(text(&state).contains("connecting…"));
}

/// An emoji with a variation selector, a joined family, combining accents, wide letters, right-to-left letters, and a
/// zero-width character. Each must take the cells that it is drawn with, and none may be split.
const WIDE: [&str; 6] = [
    "♻️-topic",
    "👨‍👩‍👧‍👦-familie",
    "cafe\u{301}-e\u{301}te\u{301}",
    "注文イベント.データ基盤",
    "طلبات-الشراء",
    "zero\u{200b}width",
];

/// Names whose width differs from their number of characters, in every place that shows names.
fn wide(width: u16, height: u16) -> State {
    let mut state = quarantined(width, height);
    change(&mut state, |snapshot| {
        let run = snapshot.run.as_mut().unwrap();
        for (at, partition) in run.partitions.iter_mut().enumerate() {
            partition.id =
                fixture::partition(&format!("{}-{}", WIDE[at % WIDE.len()].repeat(1 + at % 3), at), at as i32);
        }
        for (at, key) in run.quarantine.waiting.iter_mut().enumerate() {
            key.key = WIDE[at].repeat(9);
            key.partition = partition(WIDE[at + 2], 7);
            key.error = WIDE.join(" ").repeat(3);
        }
        run.plan.group = Some(WIDE[1].repeat(5));
    });
    let texts = WIDE.iter().map(|text| EventKind::Notice { text: text.repeat(12) });
    apply(&mut state, Event::Events((3..).zip(texts).map(|(seq, kind)| event(seq, 3.0, kind)).collect()));
    state
}

#[test]
fn names_with_wide_joined_and_invisible_characters() {
    for at in [SMALL, MIDDLE, (160, 50)] {
        assert_snapshot!(format!("wide_{}x{}", at.0, at.1), size(at, wide));
        let mut state = wide(at.0, at.1);
        act(&mut state, Action::Quarantine);
        assert_snapshot!(format!("wide_quarantine_{}x{}", at.0, at.1), text(&state));
    }
    let mut state = wide(80, 24);
    act(&mut state, Action::Details);
    assert_snapshot!("wide_details_80x24", text(&state));
}

/// The end of the input is visible, and a backspace removes one grapheme.
#[test]
fn a_filter_with_wide_characters() {
    for (typed, one_less) in [("♻️", "♻️"), ("👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"), ("e\u{301}", "e\u{301}"), ("名", "名"), ("م", "م")]
    {
        let mut state = running(60, 20);
        act(&mut state, Action::Filter);
        type_text(&mut state, &typed.repeat(40));
        type_text(&mut state, "END");
        assert!(text(&state).contains("END"), "{}", text(&state));
        for _ in 0..4 {
            press_code(&mut state, KeyCode::Backspace);
        }
        assert_eq!(state.user.table.filter.text(), one_less.repeat(39));
    }
    let mut state = running(60, 20);
    act(&mut state, Action::Filter);
    type_text(&mut state, &format!("{}END", "♻️".repeat(40)));
    assert_snapshot!("wide_filter_60x20", text(&state));
}
