//! The race: its screen, and how it goes on.

use std::{sync::Arc, time::Duration};

use crossterm::event::KeyCode;
use kreplay_console::{
    action::Action,
    state::{Asked, Dialog, Question, RacePhase, ScreenId, State, StatusKind},
    update::{Effect, Event, update},
};
use kreplay_model::{
    control::Command,
    domain::{Concurrency, Ordering},
    feed::{
        Bottleneck, Curve, CurvePoint, DryRunFindings, DryRunView, Forecast, Planning, PlanningView, RunState,
        RunSummary, RunView, Snapshot,
    },
};

use crate::fixture::*;

/// How the runs of the race go, by their number of workers: the time they take in seconds, and their digest.
type Times<'a> = &'a [(u32, f64, &'a str)];

/// A session whose last run has ended, with a plan of it.
fn before_the_race(width: u16, height: u16) -> State {
    let mut state = running(width, height);
    give(&mut state, session(run(3.4, RunState::Done, Ordering::Key), Vec::new()));
    state
}

fn session(run: RunView, finished: Vec<RunSummary>) -> Snapshot {
    let point = |workers, elapsed_s| CurvePoint { workers, elapsed_s, limit: Bottleneck::Workers };
    let points = vec![point(1, 9.5), point(3, 3.2), point(8, 1.2)];
    let forecast = Forecast {
        topics: run.plan.topics.clone(),
        curves: vec![Curve { ordering: Ordering::Key, most: 9, points }],
        ..Forecast::default()
    };
    let planning = PlanningView { forecast: Some(Arc::new(forecast)), ..PlanningView::default() };
    let mut snapshot = Snapshot { finished, planning, ..snapshot(Some(run), 4.0) };
    snapshot.next.ordering = Ordering::Key;
    snapshot
}

fn tick(state: &mut State) -> Vec<Effect> {
    let now = state.now + Duration::from_millis(250);
    update(state, Event::Tick(now))
}

fn commands(effects: Vec<Effect>) -> Vec<Command> {
    effects
        .into_iter()
        .map(|effect| match effect {
            Effect::Send(command) => command,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn workers(number: u32) -> Command {
    Command::SetConcurrency(Concurrency::new(number.into()).unwrap())
}

fn lane_run(number: u32, elapsed_s: f64, of_s: f64) -> RunView {
    let is_over = elapsed_s >= of_s;
    let mut view = run(elapsed_s.min(3.3), if is_over { RunState::Done } else { RunState::Running }, Ordering::Key);
    view.id = format!("race-{number}");
    view.concurrency = number;
    view.elapsed_s = elapsed_s;
    view.eta_s = (!is_over).then_some(of_s - elapsed_s);
    view.throughput.records_per_s = 10_000.0 / of_s;
    if let Some(ideal) = &mut view.ideal {
        ideal.elapsed_s = of_s * 0.97;
    }
    view
}

/// Types numbers of workers into the prompt, and accepts them.
fn start(state: &mut State, lanes: &str) -> Vec<Effect> {
    act(state, Action::Race);
    act(state, Action::DeleteAll);
    type_text(state, lanes);
    press_code(state, KeyCode::Enter)
}

/// Runs the race until `until_s` seconds of the last run that is named.
fn follow(state: &mut State, times: Times<'_>, until_s: f64) {
    let mut finished: Vec<RunSummary> = Vec::new();
    for (at, (number, of_s, digest)) in times.iter().enumerate() {
        let is_last = at + 1 == times.len();
        assert_eq!(commands(tick(state)), [Command::StopPlanning, workers(*number), Command::Start], "lane {at}");
        let until_s = if is_last { until_s.min(*of_s) } else { *of_s };
        for step in 1..=(until_s / 0.25) as u32 {
            let elapsed_s = (f64::from(step) * 0.25).min(of_s - 0.01);
            give(state, session(lane_run(*number, elapsed_s, *of_s), finished.clone()));
            assert_eq!(tick(state), [], "lane {at} runs");
        }
        if until_s >= *of_s {
            let ended =
                RunSummary { id: format!("race-{number}"), efficiency: Some(0.97), ..summary(*number, *of_s, digest) };
            finished.push(RunSummary { elapsed_s: *of_s, records_per_s: 10_000.0 / of_s, ..ended });
            give(state, session(lane_run(*number, *of_s, *of_s), finished.clone()));
        }
    }
}

const TIMES: [(u32, f64, &str); 3] =
    [(1, 10.0, "a1b2c3d4e5f60718"), (3, 3.5, "a1b2c3d4e5f60718"), (8, 1.5, "a1b2c3d4e5f60718")];

#[test]
fn the_runs_of_a_race_follow_each_other_and_are_compared() {
    for (width, height) in [(60, 15), (80, 24), (160, 50)] {
        let mut state = before_the_race(width, height);
        assert_eq!(start(&mut state, "1,3,8"), []);
        assert_eq!(front(&state), ScreenId::Race);
        follow(&mut state, &TIMES[..2], 2.0);
        insta::assert_snapshot!(format!("race_running_{width}x{height}"), text(&state));
        let mut state = before_the_race(width, height);
        start(&mut state, "1,3,8");
        follow(&mut state, &TIMES, 9.0);
        assert_eq!(commands(tick(&mut state)), [workers(6)], "the number of workers from before returns");
        assert_eq!(state.race.as_ref().unwrap().phase, RacePhase::Over);
        let shown = text(&state);
        assert!(shown.contains("✓ 3 runs: same records, in the same order per key"), "{shown}");
        assert!(shown.contains("★ 8 workers were the fastest with 1.5"), "{shown}");
        insta::assert_snapshot!(format!("race_over_{width}x{height}"), shown);
        assert_eq!(tick(&mut state), []);
    }
}

#[test]
fn a_different_digest_is_an_error() {
    let mut state = before_the_race(80, 24);
    start(&mut state, "1 3");
    follow(&mut state, &[(1, 4.0, "aaaa"), (3, 2.0, "bbbb")], 9.0);
    tick(&mut state);
    assert!(text(&state).contains("✗ differs"), "{}", text(&state));
    assert!(text(&state).contains("did not handle the same records in the same order"), "{}", text(&state));
}

#[test]
fn a_race_can_be_stopped_and_goes_on_while_an_earlier_moment_is_shown() {
    let mut state = before_the_race(80, 24);
    start(&mut state, "1,3");
    follow(&mut state, &TIMES[..1], 2.0);
    state.latest = Some(Box::new(state.feed.clone()));
    let lanes = state.race.clone();
    give(&mut state, session(lane_run(1, 6.0, 10.0), Vec::new()));
    assert_eq!(tick(&mut state), []);
    assert_ne!(state.race, lanes, "the latest snapshot counts");
    state.latest = None;
    act(&mut state, Action::Race);
    assert_eq!(front(&state), ScreenId::Dashboard);
    act(&mut state, Action::Race);
    assert_eq!((front(&state), dialog(&state)), (ScreenId::Race, None), "a race in progress is shown again");
    assert_eq!(commands(press(&mut state, 'x')), [Command::Stop, workers(6)]);
    assert!(text(&state).contains("the race has ended early: stopped"), "{}", text(&state));
    assert_eq!(tick(&mut state), []);
}

#[test]
fn wrong_numbers_are_refused_in_the_prompt() {
    let mut state = before_the_race(80, 24);
    act(&mut state, Action::Race);
    assert!(
        matches!(dialog(&state), Some(Dialog::Prompt { asked: Asked::RaceWorkers, text, .. }) if text.text() == "1,3,8")
    );
    insta::assert_snapshot!("race_prompt_80x24", text(&state));
    press_code(&mut state, KeyCode::Esc);
    assert!(text(&state).contains("no race yet; r starts one"), "{}", text(&state));
    press(&mut state, 'r');
    type_text(&mut state, ",8");
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert!(text(&state).contains("8 is listed twice"), "{}", text(&state));
    assert!(state.race.is_none());
}

#[test]
fn a_race_with_effects_asks_first() {
    let mut state = before_the_race(80, 24);
    change_run(&mut state, |run| run.plan.handler = "projection:orders.toml".into());
    assert_eq!(start(&mut state, "1,3"), []);
    assert_eq!(dialog(&state), Some(&Dialog::Ask(Question::Race)));
    let mut planning = state.clone();
    change(&mut planning, |snapshot| snapshot.planning.in_progress = Some(Planning { read: 1, wanted: 9 }));
    assert_eq!(dialog(&planning), dialog(&state), "it is asked while no run is active");
    assert!(text(&state).contains("All records are handled 2 times"), "{}", text(&state));
    press_code(&mut state, KeyCode::Esc);
    assert!(state.race.is_none());
    change_run(&mut state, |run| run.rehearsal = Some(DryRunFindings::DryRun(DryRunView::default())));
    press(&mut state, 'r');
    press_code(&mut state, KeyCode::Enter);
    assert!(state.race.is_some(), "a dry run has no effects");
    assert!(text(&state).contains("not applying them"), "{}", text(&state));
}

#[test]
fn a_race_is_refused_where_it_would_do_harm() {
    let refused = |change: fn(&mut RunView), why: &str| {
        let mut state = before_the_race(80, 24);
        change_run(&mut state, change);
        state.user.navigation.open(ScreenId::Race);
        assert_eq!(press(&mut state, 'r'), []);
        let status = state.user.status.clone().unwrap();
        assert_eq!((status.kind, status.text.contains(why)), (StatusKind::Refused, true), "{}", status.text);
        assert!(text(&state).contains("no race yet: "), "{}", text(&state));
    };
    refused(|run| run.plan.group = Some("billing".into()), "cannot use a consumer group");
    refused(|run| run.state = RunState::Running, "a run is active");
    refused(|run| run.plan.follow = true, "does not end");
    let mut state = State::new(80, 24, None);
    give(&mut state, snapshot(None, 0.0));
    act(&mut state, Action::Race);
    assert!(text(&state).contains("no race yet: there is no run yet"), "{}", text(&state));
}

#[test]
fn an_earlier_problem_does_not_end_the_race_and_a_new_one_stops_its_run() {
    let mut state = before_the_race(80, 24);
    change(&mut state, |snapshot| snapshot.problem = Some("no broker answers".into()));
    assert_eq!(start(&mut state, "1,3"), []);
    assert_eq!(commands(tick(&mut state)), [Command::StopPlanning, workers(1), Command::Start]);
    assert_eq!(tick(&mut state), [], "the problem is that of an earlier start");
    change(&mut state, |snapshot| snapshot.problem = None);
    assert_eq!(tick(&mut state), []);
    change(&mut state, |snapshot| snapshot.problem = Some("no broker answers".into()));
    assert_eq!(commands(tick(&mut state)), [Command::Stop, workers(6)]);
    assert_eq!(state.race.as_ref().unwrap().phase, RacePhase::Stopped("no broker answers".into()));
}

#[test]
fn without_a_plan_one_is_made_first() {
    let mut state = before_the_race(80, 24);
    change(&mut state, |snapshot| snapshot.planning = PlanningView::default());
    assert_eq!(commands(start(&mut state, "1,3")), [Command::Plan(Arc::from([]))]);
    assert_eq!(tick(&mut state), []);
    assert!(text(&state).contains("making a plan"), "{}", text(&state));
    change(&mut state, |snapshot| snapshot.planning.problem = Some("no records".into()));
    for _ in 0..2 {
        assert_eq!(tick(&mut state), [], "the problem may be that of another plan");
    }
    assert_eq!(commands(tick(&mut state)).len(), 3);
}
