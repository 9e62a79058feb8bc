//! The help: the keys of the screen behind it first, and the filter.

use crossterm::event::KeyCode;
use kreplay_console::{
    action::{Action, CATALOGUE, Group},
    state::{ScreenId, State},
};

use crate::{fixture::*, situations::Situation};

fn with_help(screen: ScreenId) -> State {
    let mut state = Situation::Normal.console(80, 60);
    state.user.navigation.open(screen);
    act(&mut state, Action::Help);
    state
}

/// The lines of the first section.
fn first_section(state: &State) -> Vec<String> {
    let help = text(state);
    let lines = help.lines().skip_while(|line| !line.contains("On this screen")).skip(1);
    lines.take_while(|line| line.chars().any(char::is_alphanumeric)).map(str::to_owned).collect()
}

#[test]
fn the_keys_of_the_screen_behind_come_first() {
    for screen in ScreenId::ALL.iter().filter(|screen| **screen != ScreenId::Help) {
        let state = with_help(*screen);
        let shown = first_section(&state);
        for entry in CATALOGUE.iter().filter(|entry| entry.group != Group::Move) {
            let is_bound = entry.bindings.iter().any(|binding| binding.modes.contains(&screen.mode()));
            let is_shown = shown.iter().any(|line| line.trim_end_matches(['│', ' ']).ends_with(entry.about));
            assert!(is_bound == is_shown, "{screen:?}, {:?}: {shown:#?}", entry.action);
        }
    }
}

#[test]
fn the_filter_finds_texts_titles_and_keys() {
    let mut state = with_help(ScreenId::Dashboard);
    press(&mut state, '/');
    type_text(&mut state, "worker double");
    let found = text(&state);
    assert!(found.contains("Double the number of workers") && !found.contains("Add one worker"), "{found}");
    assert!(found.contains("Keys  /worker double▏"), "{found}");
    press_code(&mut state, KeyCode::Enter);
    assert!(text(&state).contains("Keys  /worker double ─"), "{}", text(&state));
    act(&mut state, Action::Filter);
    act(&mut state, Action::DeleteAll);
    type_text(&mut state, "P");
    let found = text(&state);
    assert!(found.contains("Predict how long") && !found.contains("Pause or resume"), "a key is exact: {found}");
    act(&mut state, Action::DeleteAll);
    type_text(&mut state, "quarantine release");
    assert!(text(&state).contains("Release all keys; asks first"), "by its title: {}", text(&state));
    type_text(&mut state, "zzz");
    assert!(text(&state).contains("no key matches the filter"), "{}", text(&state));
}

#[test]
fn a_declined_filter_is_undone_and_reopening_shows_all_keys() {
    let mut state = with_help(ScreenId::Dashboard);
    act(&mut state, Action::Filter);
    type_text(&mut state, "double");
    press_code(&mut state, KeyCode::Esc);
    assert_eq!((state.user.help_filter.as_str(), front(&state)), ("", ScreenId::Help));
    act(&mut state, Action::Filter);
    type_text(&mut state, "double");
    press_code(&mut state, KeyCode::Enter);
    act(&mut state, Action::Help);
    act(&mut state, Action::Help);
    assert_eq!((state.user.help_filter.as_str(), front(&state)), ("", ScreenId::Help));
}

#[test]
fn other_windows_have_no_filter() {
    let mut state = running(80, 24);
    act(&mut state, Action::RunDetails);
    press(&mut state, '/');
    assert_eq!(dialog(&state), None);
    assert_eq!(state.user.status.as_ref().map(|status| status.text.as_str()), Some("this window has no filter"));
}
