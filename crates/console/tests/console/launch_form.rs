//! The launch form.

use std::{sync::Arc, time::Duration};

use crossterm::event::{KeyCode, MouseButton, MouseEventKind};
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    state::{FormField, LaunchAccess, LaunchOptions, LaunchView, ScreenId, State, StatusKind},
    update::{Effect, Event},
};
use kreplay_model::{
    attach::{AttachAccess, AttachView},
    control::{Command, FieldProblem, NumberedRequest, RunField, RunRequest},
    feed::{Planning, RunState},
};

use crate::{fixture::*, plan::plan, situations::Situation};

/// A form in which everything can be chosen.
pub(crate) fn access() -> LaunchAccess {
    let floor = RunRequest::default();
    LaunchAccess::Available(Arc::new(LaunchOptions {
        fields: RunField::ALL.to_vec(),
        defaults: floor.clone().with(RunField::Group, "rebuild"),
        floor,
        command: ["kreplay", "run", "--bootstrap-server", "broker1:9092"].map(str::to_owned).to_vec(),
        ..LaunchOptions::default()
    }))
}

/// What was chosen in a situation.
pub(crate) fn view(situation: Situation) -> LaunchView {
    let draft = RunRequest::default();
    let draft = match situation {
        Situation::Huge => draft.with(RunField::Keys, "customer-*,".repeat(500)).with(RunField::Group, "g".repeat(255)),
        Situation::Hostile => draft.with(RunField::Group, "\u{1b}[31m主題♻️\u{202e}x").with(RunField::Keys, "a\u{7}*"),
        _ => draft,
    };
    LaunchView { draft: Some(draft), ..LaunchView::default() }
}

/// The form, opened in the topic list with two marked topics.
pub(crate) fn opened(width: u16, height: u16) -> State {
    let mut state = choosing(width, height, topics());
    apply(&mut state, Event::LaunchAccess(access()));
    press(&mut state, ' ');
    press_code(&mut state, KeyCode::Down);
    press(&mut state, ' ');
    assert_eq!(press(&mut state, 'N'), []);
    assert_eq!(front(&state), ScreenId::Launch);
    state
}

/// Lets time pass until the draft is planned.
fn wait(state: &mut State) -> Vec<Effect> {
    let mut effects = Vec::new();
    for _ in 0..3 {
        let now = state.now + Duration::from_millis(250);
        effects.extend(kreplay_console::update::update(state, Event::Tick(now)));
    }
    effects
}

fn planned(effects: &[Effect]) -> &NumberedRequest {
    match effects {
        [Effect::Send(Command::PlanRequest(numbered))] => numbered,
        other => panic!("{other:?}"),
    }
}

/// Answers the last request with a plan.
fn answer(state: &mut State, number: u64) {
    change(state, |snapshot| {
        snapshot.planning.forecast = Some(Arc::new(plan(6)));
        snapshot.planning.forecast_of = number;
        snapshot.planning.read = number;
    });
}

fn refuse(state: &mut State, number: u64, problems: &[(Option<RunField>, &str)]) {
    let problems = problems.iter().map(|(field, text)| FieldProblem { field: *field, text: (*text).to_owned() });
    change(state, |snapshot| {
        snapshot.planning.read = number;
        snapshot.planning.refused = problems.collect();
    });
}

pub(crate) fn focus(state: &mut State, field: RunField) {
    while state.user.launch.focus != FormField::Setting(field) {
        let before = state.user.launch.focus;
        press_code(state, KeyCode::Down);
        assert_ne!(state.user.launch.focus, before, "{field:?} is not in the form");
    }
}

pub(crate) fn clear(state: &mut State) {
    act(state, Action::DeleteAll);
}

#[test]
fn a_form_with_its_plan() {
    for (width, height) in [(60, 15), (80, 24), (160, 50)] {
        let mut state = opened(width, height);
        let number = planned(&wait(&mut state)).number;
        answer(&mut state, number);
        assert_snapshot!(format!("launch_{width}x{height}"), text(&state));
    }
}

#[test]
fn marked_topics_and_the_settings_of_the_process_are_in_the_form() {
    let mut state = opened(80, 24);
    let effects = wait(&mut state);
    let request = &planned(&effects).request;
    assert_eq!(request.value(RunField::Topics).split(',').count(), 2, "{request:?}");
    assert_eq!((request.value(RunField::Group), request.value(RunField::From)), ("rebuild", "earliest"));
    assert_eq!(wait(&mut state), [], "nothing has changed since");
}

#[test]
fn a_plan_is_asked_for_once_typing_pauses_and_an_old_one_is_dim() {
    let mut state = opened(80, 24);
    let first = planned(&wait(&mut state)).number;
    answer(&mut state, first);
    assert!(state.plan_is_of_draft());
    focus(&mut state, RunField::Keys);
    for letter in "abc*".chars() {
        press(&mut state, letter);
        let now = state.now + Duration::from_millis(240);
        assert_eq!(kreplay_console::update::update(&mut state, Event::Tick(now)), [], "{letter}");
    }
    assert!(!state.plan_is_of_draft() && text(&state).contains("What an earlier choice would do"));
    let effects = wait(&mut state);
    let second = planned(&effects);
    assert_eq!((second.request.value(RunField::Keys), second.number > first), ("abc*", true));
    let second = second.number;
    // A late answer to the earlier draft.
    answer(&mut state, first);
    assert!(!state.plan_is_of_draft());
    answer(&mut state, second);
    assert!(state.plan_is_of_draft());
}

#[test]
fn problems_are_below_their_fields() {
    let mut state = opened(80, 24);
    focus(&mut state, RunField::Rate);
    clear(&mut state);
    type_text(&mut state, "fast");
    let number = planned(&wait(&mut state)).number;
    let rate = "`fast` is not a rate; allowed: a rate in records or bytes, such as 5000/s, or off";
    refuse(&mut state, number, &[(Some(RunField::Rate), rate), (None, "quarantine needs ordering key")]);
    assert_snapshot!("launch_problems_80x24", text(&state));
    assert_eq!(state.problem_of(FormField::Setting(RunField::Rate)), Some(rate));
    type_text(&mut state, "x");
    let number = planned(&wait(&mut state)).number;
    answer(&mut state, number);
    change(&mut state, |snapshot| snapshot.planning.refused = Arc::default());
    assert_eq!(state.launch_problems(), []);
}

#[test]
fn topics_groups_and_words_are_completed() {
    let mut state = opened(80, 24);
    clear(&mut state);
    type_text(&mut state, "vc.");
    assert_snapshot!("launch_candidates_80x24", text(&state));
    press_code(&mut state, KeyCode::Tab);
    let first = state.user.launch.input.text().to_owned();
    assert!(state.catalog().iter().any(|topic| topic.name == first), "{first}");
    press_code(&mut state, KeyCode::Tab);
    let second = state.user.launch.input.text().to_owned();
    assert!(second != first && state.catalog().iter().any(|topic| topic.name == second), "{second}");
    assert_eq!(state.draft().value(RunField::Topics), second);
    type_text(&mut state, " ");
    assert!(state.launch_candidates().iter().all(|one| one.text != second), "it is in the list already");
    focus(&mut state, RunField::To);
    clear(&mut state);
    type_text(&mut state, "ne");
    press_code(&mut state, KeyCode::Tab);
    assert_eq!(state.draft().value(RunField::To), "never");
    press_code(&mut state, KeyCode::Tab);
    assert_ne!(state.user.launch.focus, FormField::Setting(RunField::To), "there is nothing to complete");
}

#[test]
fn words_are_chosen_and_a_handler_has_a_field_for_its_file() {
    let mut state = opened(80, 24);
    focus(&mut state, RunField::Ordering);
    press_code(&mut state, KeyCode::Right);
    assert_eq!(state.draft().value(RunField::Ordering), "partition");
    press(&mut state, 'n');
    assert_eq!(state.draft().value(RunField::Ordering), "none");
    press(&mut state, ' ');
    assert_eq!(state.draft().value(RunField::Ordering), "key");
    focus(&mut state, RunField::Handler);
    press(&mut state, 'c');
    press_code(&mut state, KeyCode::Down);
    assert_eq!(state.user.launch.focus, FormField::HandlerArgument);
    type_text(&mut state, "out/orders");
    assert_eq!(state.draft().value(RunField::Handler), "csv:out/orders");
}

#[test]
fn a_run_is_started_and_the_form_closes_once_it_is_accepted() {
    let mut state = opened(80, 24);
    let effects = press_code(&mut state, KeyCode::F(5));
    let [Effect::Send(Command::Launch(sent))] = effects.as_slice() else { panic!("{effects:?}") };
    let number = sent.number;
    assert!(!sent.request.dry_run);
    assert_eq!(front(&state), ScreenId::Launch, "not before the answer");
    refuse(&mut state, number, &[(Some(RunField::Topics), "no topics given")]);
    assert_eq!(front(&state), ScreenId::Launch);
    let status = state.user.status.clone().unwrap();
    assert_eq!((status.kind, status.text.as_str()), (StatusKind::Refused, "not started: no topics given"));
    let effects = press_code(&mut state, KeyCode::F(6));
    let [Effect::Send(Command::Launch(sent))] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(sent.request.dry_run && sent.number > number);
    let number = sent.number;
    change(&mut state, |snapshot| {
        (snapshot.planning.read, snapshot.planning.launched) = (number, number);
        snapshot.planning.refused = Arc::default();
    });
    assert_eq!(front(&state), ScreenId::Dashboard);
    press(&mut state, 'N');
    assert!(!state.draft().dry_run, "a dry run is not a part of the draft");
}

#[test]
fn a_run_that_is_active_is_stopped_only_after_a_question() {
    let mut state = running(80, 24);
    apply(&mut state, Event::LaunchAccess(access()));
    press(&mut state, 'N');
    assert_eq!(press_code(&mut state, KeyCode::F(5)), []);
    assert_snapshot!("launch_question_80x24", text(&state));
    let effects = press(&mut state, 'y');
    assert!(matches!(effects.as_slice(), [Effect::Send(Command::Launch(_))]), "{effects:?}");
    assert_eq!(dialog(&state), None);
}

#[test]
fn the_time_between_marker_and_cursor_becomes_the_range() {
    let mut state = followed(80, 24, 10.0, kreplay_model::domain::Ordering::Key);
    apply(&mut state, Event::LaunchAccess(access()));
    press(&mut state, 'T');
    press(&mut state, 'm');
    for _ in 0..3 {
        press_code(&mut state, KeyCode::Left);
    }
    let (marker, cursor) = (state.user.timeline.marker.unwrap(), state.timeline_cursor().unwrap());
    press(&mut state, 'N');
    let draft = state.draft();
    let ms = |field| chrono::DateTime::parse_from_rfc3339(draft.value(field)).unwrap().timestamp_millis();
    assert_eq!((ms(RunField::From), ms(RunField::To)), (cursor.ms(), marker.ms()));
    assert!(cursor < marker);
}

#[test]
fn without_a_form_the_reason_is_shown_before_anything_is_chosen() {
    let refusal = |state: &mut State| {
        press(state, 'N');
        assert_eq!(front(state), ScreenId::Dashboard);
        state.user.status.clone().unwrap().text
    };
    let mut state = running(80, 24);
    assert_eq!(refusal(&mut state), "this process cannot start runs");
    let reason = "this configuration is read-only (kafka.read_only); runs cannot be started from the form";
    apply(&mut state, Event::LaunchAccess(LaunchAccess::Unavailable(reason.into())));
    assert_eq!(refusal(&mut state), reason);
    let mut attached = running(80, 24);
    apply(&mut attached, Event::LaunchAccess(access()));
    let view = AttachView { processes: Vec::new(), access: AttachAccess::Control };
    apply(&mut attached, Event::Attached(Arc::new(view)));
    assert_eq!(refusal(&mut attached), "the launch form is available only in the console of the process itself");
}

#[test]
fn the_command_line_is_copied_and_passwords_are_not() {
    let mut state = opened(80, 24);
    focus(&mut state, RunField::Keys);
    type_text(&mut state, "o'clock *");
    let effects = press_code(&mut state, KeyCode::F(4));
    let [Effect::Copy(line)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(line.ends_with(r"--keys 'o'\''clock *' --group rebuild"), "{line}");
    focus(&mut state, RunField::Handler);
    press(&mut state, 'h');
    press_code(&mut state, KeyCode::Down);
    type_text(&mut state, "https://ada:hunter2@h/x");
    let shown = text(&state);
    assert!(!shown.contains("hunter2") && shown.contains("not in the command line: handler"), "{shown}");
    let effects = press_code(&mut state, KeyCode::F(4));
    let [Effect::Copy(line)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn a_field_is_focused_with_the_mouse() {
    let mut state = opened(80, 24);
    let (column, row) = find(&state, "rate").unwrap();
    let hits = draw(&mut state);
    mouse_on(&hits, &mut state, MouseEventKind::Down(MouseButton::Left), column, row);
    assert_eq!(state.user.launch.focus, FormField::Setting(RunField::Rate));
}

#[test]
fn reading_and_failed_plans_are_shown() {
    let mut state = opened(80, 24);
    let number = planned(&wait(&mut state)).number;
    change(&mut state, |snapshot| {
        snapshot.planning.read = number;
        snapshot.planning.in_progress = Some(Planning { read: 5_000, wanted: 20_000 });
    });
    assert!(text(&state).contains("reading 5,000 of 20,000 offsets"), "{}", text(&state));
    change(&mut state, |snapshot| {
        snapshot.planning.in_progress = None;
        snapshot.planning.problem = Some("no topic `x`".into());
    });
    assert!(text(&state).contains("planning failed: no topic `x`"), "{}", text(&state));
    assert!(!state.run().is_some_and(|run| run.state == RunState::Running));
}
