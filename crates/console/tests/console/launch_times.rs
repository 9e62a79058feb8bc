//! The range of times that is picked on a chart of the records in the launch form.

use std::{sync::Arc, time::Duration};

use crossterm::event::{KeyCode, MouseButton, MouseEventKind};
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    state::{FormField, State},
    update::{Effect, Event, update},
};
use kreplay_model::{
    control::RunField,
    time_counts::{TimeCountCommand, TimeCountProgress, TimeCountStep, TimeCounts},
};

use crate::{
    fixture::*,
    launch_form::{clear, focus, opened},
};

/// 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;

fn tick(state: &mut State) -> Vec<Effect> {
    let now = state.now + Duration::from_millis(250);
    let effects = update(state, Event::Tick(now));
    effects.into_iter().filter(|effect| matches!(effect, Effect::CountTimes(_))).collect()
}

/// The number of the task that is asked for, and its topics.
fn asked(state: &mut State) -> (u64, Arc<[String]>) {
    let effects = tick(state);
    match effects.as_slice() {
        [Effect::CountTimes(TimeCountCommand::Start(task))] => (task.number, Arc::clone(&task.topics)),
        other => panic!("{other:?}"),
    }
}

fn answer(state: &mut State, number: u64, step: TimeCountStep) {
    apply(state, Event::TimesCounted(Arc::new(TimeCountProgress { number, step })));
}

/// Buckets of ten minutes.
fn counts(counts: Vec<u64>) -> TimeCountStep {
    let borders_ms = (0..=counts.len() as i64).map(|at| START_MS + at * 600_000).collect();
    TimeCountStep::Done(Arc::new(TimeCounts { borders_ms, counts }))
}

fn some() -> TimeCountStep {
    counts((0..40_u64).map(|at| if at % 13 == 7 { 0 } else { (at * at * 37) % 1_000 + at * 20 }).collect())
}

/// The form with the start of the range focused, and the number of the task that was asked for.
fn form(width: u16, height: u16) -> (State, u64) {
    let mut state = opened(width, height);
    apply(&mut state, Event::TimeCounterBegan);
    assert_eq!(tick(&mut state), [], "the range is not filled in");
    focus(&mut state, RunField::From);
    let (number, topics) = asked(&mut state);
    assert_eq!(topics.join(","), state.draft().value(RunField::Topics));
    assert_eq!(tick(&mut state), [], "it is asked for once");
    (state, number)
}

/// The form with the chart focused.
fn on_chart() -> State {
    let (mut state, number) = form(80, 24);
    answer(&mut state, number, some());
    press_code(&mut state, KeyCode::Down);
    press_code(&mut state, KeyCode::Down);
    assert_eq!(state.user.launch.focus, FormField::Times);
    state
}

fn range(state: &State) -> (String, String) {
    let draft = state.draft();
    (draft.value(RunField::From).to_owned(), draft.value(RunField::To).to_owned())
}

fn times(from: &str, to: &str) -> (String, String) {
    (format!("2026-01-01T{from}:00Z"), format!("2026-01-01T{to}:00Z"))
}

#[test]
fn a_chart_in_every_situation() {
    for (width, height) in [(80, 24), (160, 50)] {
        let shot = |name: &str, state: &State| assert_snapshot!(format!("times_{name}_{width}x{height}"), text(state));
        let (mut state, number) = form(width, height);
        shot("waiting", &state);
        answer(&mut state, number, TimeCountStep::LookingUp(17));
        shot("loading", &state);
        for (name, step) in [
            ("empty", counts(Vec::new())),
            ("error", TimeCountStep::Failed("not authorized to read topic `vc.orders`; READ is required".into())),
            ("normal", some()),
            ("huge", counts(vec![u64::MAX / 64; 40])),
            ("single", counts(vec![1])),
        ] {
            let mut shown = state.clone();
            answer(&mut shown, number, step);
            press_code(&mut shown, KeyCode::Down);
            press_code(&mut shown, KeyCode::Down);
            shot(name, &shown);
        }
    }
}

#[test]
fn a_chart_fits_on_the_smallest_screen_and_without_topics() {
    let (mut state, number) = form(60, 15);
    answer(&mut state, number, some());
    press_code(&mut state, KeyCode::Down);
    press_code(&mut state, KeyCode::Down);
    assert_snapshot!("times_60x15", text(&state));
    let mut state = opened(80, 24);
    apply(&mut state, Event::TimeCounterBegan);
    clear(&mut state);
    focus(&mut state, RunField::To);
    assert_eq!(tick(&mut state), []);
    assert!(text(&state).contains("choose topics to see when"), "{}", text(&state));
}

#[test]
fn arrows_and_space_pick_a_range() {
    let mut state = on_chart();
    press_code(&mut state, KeyCode::Home);
    for _ in 0..3 {
        press_code(&mut state, KeyCode::Right);
    }
    assert_eq!(range(&state), ("earliest".into(), "latest".into()), "the cursor alone picks nothing");
    press(&mut state, ' ');
    assert_eq!(range(&state), times("00:30", "00:40"));
    press_code(&mut state, KeyCode::Right);
    press_code(&mut state, KeyCode::Right);
    assert_eq!(range(&state), times("00:30", "01:00"));
    act(&mut state, Action::WordLeft);
    assert_eq!(range(&state), times("00:00", "00:40"));
    press(&mut state, ' ');
    press_code(&mut state, KeyCode::End);
    assert_eq!(range(&state), times("00:00", "00:40"), "the range has both its ends");
    assert_snapshot!("times_picked_80x24", text(&state));
    press_code(&mut state, KeyCode::Backspace);
    assert_eq!(range(&state), ("earliest".into(), "latest".into()));
    press(&mut state, 'x');
    assert_eq!(range(&state), ("earliest".into(), "latest".into()), "letters are no text here");
    let plan = update(&mut state, Event::Tick(Duration::from_secs(9)));
    let plan = [plan, update(&mut state, Event::Tick(Duration::from_secs(10)))].concat();
    assert!(plan.iter().any(|effect| matches!(effect, Effect::Send(_))), "the range is planned: {plan:?}");
}

#[test]
fn dragging_picks_a_range() {
    let mut state = on_chart();
    let hits = draw(&mut state);
    let (column, row) = find(&state, "━━━").unwrap();
    mouse_on(&hits, &mut state, MouseEventKind::Down(MouseButton::Left), column + 4, row);
    assert_eq!(range(&state), times("00:40", "00:50"));
    mouse_on(&hits, &mut state, MouseEventKind::Drag(MouseButton::Left), column + 9, row);
    assert_eq!(range(&state), times("00:40", "01:40"));
    mouse_on(&hits, &mut state, MouseEventKind::Drag(MouseButton::Left), column + 1, row - 1);
    assert_eq!(range(&state), times("00:10", "00:50"));
}

#[test]
fn counting_follows_the_topics_and_ends_with_the_form() {
    let (mut state, first) = form(80, 24);
    answer(&mut state, first, TimeCountStep::LookingUp(3));
    while state.user.launch.focus != FormField::default() {
        press_code(&mut state, KeyCode::Up);
    }
    assert_eq!(tick(&mut state), [Effect::CountTimes(TimeCountCommand::Stop)], "the chart is not shown");
    clear(&mut state);
    type_text(&mut state, "other");
    focus(&mut state, RunField::To);
    let (second, topics) = asked(&mut state);
    assert_eq!((second > first, topics.as_ref()), (true, &["other".to_owned()][..]));
    answer(&mut state, first, some());
    assert_eq!(state.user.launch.time_counts.buckets(), 0, "the answer is about other topics");
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(tick(&mut state), [Effect::CountTimes(TimeCountCommand::Stop)]);
    assert_eq!(tick(&mut state), []);
}

#[test]
fn the_records_of_a_topic_that_is_typed_twice_are_counted_once() {
    let mut state = opened(80, 24);
    apply(&mut state, Event::TimeCounterBegan);
    clear(&mut state);
    type_text(&mut state, "other,more,other");
    focus(&mut state, RunField::To);
    let (_, topics) = asked(&mut state);
    assert_eq!(topics.join(","), "other,more");
}

#[test]
fn counts_are_made_again_when_the_form_is_opened_again() {
    let mut state = on_chart();
    assert_eq!(tick(&mut state), []);
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(tick(&mut state), []);
    press(&mut state, 'N');
    assert_eq!(state.user.launch.focus, FormField::Times);
    asked(&mut state);
}

#[test]
fn without_a_counter_there_is_no_chart() {
    let mut state = opened(80, 24);
    focus(&mut state, RunField::To);
    press_code(&mut state, KeyCode::Down);
    assert_eq!(state.user.launch.focus, FormField::Setting(RunField::Keys));
    assert!(!text(&state).contains("by time"));
}
