//! Presets of the launch form.

use std::collections::BTreeMap;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    preset_store::PresetKept,
    state::{Asked, Dialog, FormField, Preset, Question, ScreenId, State, StatusKind},
    update::{Effect, Event, update},
};
use kreplay_model::{control::RunField, feed::Planning};

use crate::{
    fixture::*,
    launch_form::{clear, focus, opened},
};

fn preset(name: &str, values: &[(&str, &str)]) -> Preset {
    let values: BTreeMap<String, String> =
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Preset { name: name.to_owned(), values }
}

fn some() -> Vec<Preset> {
    vec![
        preset("all", &[]),
        preset("nightly orders", &[("topics", "orders,payments"), ("from", "-24h"), ("concurrency", "8")]),
        preset("\u{1b}[31m名前\u{202e}", &[("keys", "\u{7}x*"), ("colour", "blue")]),
    ]
}

/// The form of a console that keeps presets.
fn form() -> State {
    let mut state = opened(80, 24);
    apply(&mut state, Event::PresetAccess);
    state
}

fn message(state: &State) -> (StatusKind, &str) {
    let status = state.user.status.as_ref().unwrap();
    (status.kind, &status.text)
}

/// The list of presets, opened with its key.
fn listed(presets: Vec<Preset>) -> State {
    let mut state = form();
    assert_eq!(press_code(&mut state, KeyCode::F(3)), [Effect::ListPresets]);
    apply(&mut state, Event::Presets(Ok(presets)));
    state
}

/// What was to be kept, and whether it replaces another preset.
fn kept(effects: Vec<Effect>) -> (Preset, bool) {
    match effects.into_iter().next() {
        Some(Effect::KeepPreset { preset, replace }) => (*preset, replace),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_preset_is_kept_under_a_name() {
    let mut state = form();
    focus(&mut state, RunField::Keys);
    type_text(&mut state, "customer-*");
    press_code(&mut state, KeyCode::F(2));
    assert_snapshot!("preset_name_80x24", text(&state));
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert!(
        matches!(dialog(&state), Some(Dialog::Prompt { asked: Asked::PresetName, error: Some(_), .. })),
        "a name is needed"
    );
    type_text(&mut state, " nightly ");
    let (preset, replace) = kept(press_code(&mut state, KeyCode::Enter));
    assert_eq!((preset.name.as_str(), replace), ("nightly", false));
    assert_eq!((preset.values["keys"].as_str(), preset.values["group"].as_str()), ("customer-*", "rebuild"));
    assert!(dialog(&state).is_some(), "not before it is kept");
    apply(&mut state, Event::PresetKept(Box::new(preset), Ok(PresetKept::Kept)));
    assert_eq!((front(&state), dialog(&state)), (ScreenId::Launch, None));
    assert_eq!(message(&state), (StatusKind::Info, "preset nightly saved"));
    assert!(text(&state).contains("Launch  preset nightly"), "{}", text(&state));
    // The next time, the name is proposed, and the preset replaced without a question.
    press_code(&mut state, KeyCode::F(2));
    let (preset, replace) = kept(press_code(&mut state, KeyCode::Enter));
    assert_eq!((preset.name.as_str(), replace), ("nightly", true));
}

#[test]
fn another_preset_is_replaced_only_after_a_question() {
    let mut state = form();
    press_code(&mut state, KeyCode::F(2));
    type_text(&mut state, "all");
    let (preset, _) = kept(press_code(&mut state, KeyCode::Enter));
    apply(&mut state, Event::PresetKept(Box::new(preset.clone()), Ok(PresetKept::NameTaken)));
    assert_eq!(dialog(&state), Some(&Dialog::Ask(Question::ReplacePreset)));
    assert_snapshot!("preset_replace_80x24", text(&state));
    let mut declined = state.clone();
    assert_eq!(press(&mut declined, 'n'), []);
    assert_eq!((front(&declined), dialog(&declined)), (ScreenId::Launch, None));
    assert_eq!(kept(press(&mut state, 'y')), (preset, true));
}

#[test]
fn a_problem_of_the_file_is_shown_and_the_prompt_stays_open() {
    let mut state = form();
    press_code(&mut state, KeyCode::F(2));
    type_text(&mut state, "all");
    let (preset, _) = kept(press_code(&mut state, KeyCode::Enter));
    let reason = "repair or remove the preset file: /s/presets.toml, line 3: key with no value";
    apply(&mut state, Event::PresetKept(Box::new(preset), Err(reason.into())));
    assert!(text(&state).contains("repair or remove the preset file"), "{}", text(&state));
    press_code(&mut state, KeyCode::Esc);
    press_code(&mut state, KeyCode::F(3));
    apply(&mut state, Event::Presets(Err(reason.into())));
    assert_eq!((message(&state), dialog(&state)), ((StatusKind::Error, reason), None));
}

#[test]
fn a_problem_that_is_cut_ends_with_an_ellipsis() {
    let mut state = form();
    press_code(&mut state, KeyCode::F(2));
    type_text(&mut state, "all");
    let (preset, _) = kept(press_code(&mut state, KeyCode::Enter));
    apply(&mut state, Event::PresetKept(Box::new(preset), Err("word ".repeat(120))));
    assert!(text(&state).contains("word …"), "{}", text(&state));
}

#[test]
fn a_preset_is_loaded_and_what_is_unknown_is_named() {
    let mut state = listed(some());
    assert_snapshot!("presets_80x24", text(&state));
    press_code(&mut state, KeyCode::Down);
    press_code(&mut state, KeyCode::Enter);
    let draft = state.draft();
    assert_eq!((front(&state), dialog(&state)), (ScreenId::Launch, None));
    assert_eq!((draft.value(RunField::Topics), draft.value(RunField::From)), ("orders,payments", "-24h"));
    assert_eq!((draft.value(RunField::Workers), draft.value(RunField::Group)), ("8", ""));
    assert_eq!(message(&state), (StatusKind::Info, "preset nightly orders loaded"));
    assert_eq!(state.user.launch.input.text(), "orders,payments", "the focused field has the new text");
    press_code(&mut state, KeyCode::F(3));
    apply(&mut state, Event::Presets(Ok(some())));
    assert!(matches!(dialog(&state), Some(Dialog::Presets(choice)) if choice.row == 1), "{:?}", dialog(&state));
    press_code(&mut state, KeyCode::Down);
    press_code(&mut state, KeyCode::Enter);
    let (kind, text) = message(&state);
    assert_eq!(kind, StatusKind::Error);
    assert!(text.ends_with("loaded without colour (no setting of this form)"), "{text}");
    assert!(!text.chars().any(char::is_control), "{text}");
    assert_eq!(state.draft().value(RunField::Keys), "\u{7}x*");
}

#[test]
fn a_preset_is_deleted_only_after_a_question() {
    let mut state = listed(some());
    assert_eq!(press(&mut state, 'd'), []);
    assert_eq!(dialog(&state), Some(&Dialog::Ask(Question::DeletePreset)));
    assert_snapshot!("preset_delete_80x24", text(&state));
    let mut declined = state.clone();
    assert_eq!(press(&mut declined, 'n'), [Effect::ListPresets], "back to the list");
    assert_eq!(press(&mut state, 'y'), [Effect::DeletePreset("all".into())]);
    let effects = update(&mut state, Event::PresetDeleted("all".into(), Ok(())));
    assert_eq!(effects, []);
    assert_eq!(message(&state), (StatusKind::Info, "preset all deleted"));
}

#[test]
fn a_question_about_a_preset_stays_open_while_a_plan_is_made() {
    let mut state = listed(some());
    press(&mut state, 'd');
    change(&mut state, |snapshot| snapshot.planning.in_progress = Some(Planning { read: 1, wanted: 9 }));
    assert_eq!(dialog(&state), Some(&Dialog::Ask(Question::DeletePreset)));
    assert_eq!(press(&mut state, 'y'), [Effect::DeletePreset("all".into())]);
}

#[test]
fn presets_are_chosen_with_the_mouse() {
    let mut state = listed(some());
    let (column, row) = find(&state, "nightly orders").unwrap();
    click(&mut state, column, row);
    assert!(matches!(dialog(&state), Some(Dialog::Presets(choice)) if choice.row == 1), "{:?}", dialog(&state));
}

#[test]
fn many_presets_scroll() {
    let many = (0..100).map(|at| preset(&format!("preset {at:02}"), &[("keys", &"k*,".repeat(99))])).collect();
    let mut state = listed(many);
    for _ in 0..60 {
        press_code(&mut state, KeyCode::Down);
    }
    let shown = text(&state);
    assert!(shown.contains("preset 60 ") && !shown.contains("preset 00"), "{shown}");
}

#[test]
fn a_field_with_a_secret_keeps_it_and_the_secret_is_not_stored() {
    let mut state = form();
    focus(&mut state, RunField::Handler);
    press(&mut state, 'h');
    press_code(&mut state, KeyCode::Down);
    type_text(&mut state, "https://ada:hunter2@h/x");
    press_code(&mut state, KeyCode::F(2));
    type_text(&mut state, "web");
    let (preset, _) = kept(press_code(&mut state, KeyCode::Enter));
    assert!(!format!("{preset:?}").contains("hunter2"), "{preset:?}");
    apply(&mut state, Event::PresetKept(Box::new(preset.clone()), Ok(PresetKept::Kept)));
    assert_eq!(message(&state), (StatusKind::Refused, "preset web saved without the secret of handler"));
    focus_first(&mut state);
    clear(&mut state);
    press_code(&mut state, KeyCode::F(3));
    apply(&mut state, Event::Presets(Ok(vec![preset])));
    press_code(&mut state, KeyCode::Enter);
    assert_eq!(state.draft().value(RunField::Handler), "http:https://ada:hunter2@h/x");
    let text = message(&state).1;
    assert!(text.ends_with("without handler (secrets are not stored)"), "{text}");
}

fn focus_first(state: &mut State) {
    while state.user.launch.focus != FormField::default() {
        press_code(state, KeyCode::Up);
    }
}

#[test]
fn presets_need_the_form_and_a_place_where_they_are_kept() {
    let mut state = opened(80, 24);
    assert_eq!(press_code(&mut state, KeyCode::F(2)), []);
    let reason = "no directory for presets; set run.state_dir";
    assert_eq!((message(&state), dialog(&state)), ((StatusKind::Refused, reason), None));
    apply(&mut state, Event::PresetAccess);
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(act(&mut state, Action::Presets), []);
    assert!(message(&state).1.contains("only in the launch form"), "{:?}", message(&state));
    // An answer that comes after the form was closed opens nothing.
    apply(&mut state, Event::Presets(Ok(some())));
    assert_eq!(dialog(&state), None);
    assert_eq!(act(&mut state, Action::LoadPreset), []);
    assert_eq!(act(&mut state, Action::DeletePreset), []);
}
