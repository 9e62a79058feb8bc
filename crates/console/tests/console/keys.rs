//! Changed keys: what they do, which are refused, and where they are shown.

use std::collections::BTreeSet;

use crate::fixture::*;
use crossterm::event::KeyCode;
use kreplay_console::{
    action::{Action, CATALOGUE},
    key::{Key, Mode},
    keymap::{Keymap, KeymapError},
    state::{Dialog, Layer, Question, ScreenId, State},
    update::{Effect, Event, update},
};
use kreplay_model::{
    control::Command,
    feed::{EventKind, RunState},
};
use proptest::prelude::*;

fn keymap(changes: &[(Action, &[&str])]) -> Result<Keymap, Vec<KeymapError>> {
    let keys = |keys: &[&str]| keys.iter().map(|key| key.parse().unwrap()).collect();
    Keymap::with_changes(&changes.iter().map(|(action, list)| (*action, keys(list))).collect::<Vec<_>>())
}

fn with_keys(state: State, changes: &[(Action, &[&str])]) -> State {
    state.with_keymap(keymap(changes).unwrap())
}

fn problems(changes: &[(Action, &[&str])]) -> Vec<String> {
    keymap(changes).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn names_of_actions_are_unique_and_lead_back_to_the_action() {
    let names: BTreeSet<String> = CATALOGUE.iter().map(|entry| entry.action.name()).collect();
    assert_eq!(names.len(), CATALOGUE.len());
    for entry in CATALOGUE {
        let name = entry.action.name();
        assert_eq!(Action::named(&name), Some(entry.action));
        assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !name.ends_with('-'), "{name}");
    }
    assert_eq!(Action::TogglePause.name(), "toggle-pause");
    assert_eq!(Action::named("TogglePause"), None);
}

#[test]
fn keys_that_work_everywhere_work_on_every_screen_on_which_they_mean_nothing_else() {
    let keymap = Keymap::default();
    for screen in ScreenId::ALL {
        let mode = screen.mode();
        let does = |key, action| keymap.lookup(mode, Key::char(key)) == Some(action);
        let types = mode.takes_text();
        assert_eq!(does('?', Action::Help), !types, "{screen:?}");
        assert_eq!(does('N', Action::Launch), !types && mode != Mode::Inspecting, "{screen:?}");
        assert_eq!(does('X', Action::Export), !types && mode != Mode::Changing, "{screen:?}");
        assert_eq!(does('F', Action::Freeze), screen.layer() == Layer::Page, "{screen:?}");
    }
    assert_eq!(keymap.lookup(Mode::Listing, Key::code(KeyCode::Enter)), Some(Action::Inspect));
}

#[test]
fn a_changed_key_replaces_all_default_keys_of_its_action() {
    let mut state = with_keys(running(80, 24), &[(Action::TogglePause, &["ctrl-o", "f5"])]);
    assert_eq!(press(&mut state, 'p'), []);
    assert_eq!(press(&mut state, ' '), []);
    assert_eq!(update(&mut state, Event::Key(Key::ctrl('o'))), [Effect::Send(Command::Pause)]);
    assert_eq!(press_code(&mut state, KeyCode::F(5)), [Effect::Send(Command::Pause)]);
}

#[test]
fn titles_and_remarks_show_changed_keys_and_no_unbound_ones() {
    let shown = |keys: [&[&str]; 3]| {
        let actions = [Action::ToggleEmpty, Action::Bottom, Action::PlanAgain];
        let changes: Vec<_> = actions.into_iter().zip(keys).collect();
        let mut state = with_keys(running(80, 24), &changes);
        let warn = |seq: u64| event(seq, 3.0, EventKind::Warning { text: format!("warning {seq}") });
        apply(&mut state, Event::Events((3..40).map(warn).collect()));
        press_code(&mut state, KeyCode::Tab);
        act(&mut state, Action::Top);
        let dashboard = text(&state);
        act(&mut state, Action::Plan);
        (dashboard, text(&state))
    };
    let (dashboard, plan) = shown([&["f9"], &["f11"], &["f12"]]);
    assert!(dashboard.contains("empty hidden, F9 shows)"), "{dashboard}");
    assert!(dashboard.contains("newer below; F11 follows the log"), "{dashboard}");
    assert!(plan.contains("no plan yet; F12 makes one"), "{plan}");
    let (dashboard, plan) = shown([&[], &[], &[]]);
    assert!(dashboard.contains("empty hidden)") && dashboard.contains("newer below ─"), "{dashboard}");
    assert!(plan.contains("no plan yet "), "{plan}");
}

#[test]
fn keys_with_alt_can_be_bound_and_type_nothing() {
    let alt_s = Key { alt: true, ..Key::char('s') };
    let mut state = with_keys(running(80, 24), &[(Action::Stop, &["alt-s"])]);
    act(&mut state, Action::Filter);
    apply(&mut state, Event::Key(alt_s));
    assert_eq!(state.user.table.filter.text(), "");
    act(&mut state, Action::Close);
    apply(&mut state, Event::Key(alt_s));
    assert_eq!(state.user.navigation.dialog, Some(Dialog::Ask(Question::Stop)));
}

#[test]
fn an_action_applies_in_all_of_its_modes() {
    let keys: [(Action, &[&str]); 5] = [
        (Action::Close, &["f10", "x"]),
        (Action::Stop, &[]),
        (Action::StopRace, &[]),
        (Action::StopPlanning, &[]),
        (Action::StopAudit, &[]),
    ];
    let changed = keymap(&keys).unwrap();
    for binding in Action::Close.entry().bindings {
        for mode in binding.modes {
            assert_eq!(changed.lookup(*mode, Key::code(KeyCode::F(10))), Some(Action::Close), "{mode:?}");
            assert_ne!(changed.lookup(*mode, Key::code(KeyCode::Esc)), Some(Action::Close), "{mode:?}");
            let text = mode.takes_text();
            let closes = changed.lookup(*mode, Key::char('x')) == Some(Action::Close);
            assert_eq!(closes, !text, "characters are text during text input; {mode:?}");
        }
    }
    let groups = changed.by_mode(Action::Close);
    assert!(
        groups.iter().any(|group| group.modes.contains(&Mode::Typing) && group.keys == [Key::code(KeyCode::F(10))])
    );
}

#[test]
fn two_actions_on_one_key_are_refused() {
    assert_eq!(
        problems(&[(Action::Stop, &["p"])]),
        ["the key p is also bound to toggle-pause in dashboard"],
        "a default key"
    );
    assert_eq!(
        problems(&[(Action::Plan, &["f9"]), (Action::SetRate, &["f9"])]),
        ["the key f9 is also bound to plan in dashboard, topics"],
        "reported once, for the later change"
    );
    assert_eq!(problems(&[(Action::Run, &["t", "e"])]).len(), 2, "all conflicts are reported");
    assert!(keymap(&[(Action::Stop, &["p"]), (Action::TogglePause, &["x"])]).is_ok(), "exchanged keys");
    assert!(keymap(&[(Action::Mark, &["p"])]).is_ok(), "the other action is in another mode");
}

#[test]
fn ctrl_c_always_interrupts() {
    assert_eq!(
        problems(&[(Action::Interrupt, &["f9"])]),
        ["the key of interrupt cannot be changed: Ctrl-C always quits"]
    );
    let taken = problems(&[(Action::Redraw, &["ctrl-c"])]);
    assert!(taken[0].starts_with("the key ctrl-c is also bound to interrupt in dashboard, window"), "{taken:?}");
}

#[test]
fn windows_and_the_console_can_always_be_closed() {
    for action in [Action::Close, Action::Accept, Action::Quit] {
        let left = problems(&[(action, &[])]);
        assert!(left[0].starts_with(&format!("{} needs a key in ", action.name())), "{left:?}");
    }
    let text = problems(&[(Action::Accept, &["o"])]);
    assert!(text[0].starts_with("accept needs a key in input, palette, where characters are text"), "{text:?}");
    assert_eq!(
        problems(&[(Action::DeleteAll, &["x"])]),
        ["the key x types text wherever delete-all is available: in input, palette, launch"]
    );
}

#[test]
fn the_help_and_the_footer_show_the_keys_in_force() {
    let changes: &[(Action, &[&str])] =
        &[(Action::TogglePause, &["f5"]), (Action::MoreWorkers, &[]), (Action::Help, &["ctrl-o"])];
    let mut state = with_keys(running(160, 72), changes);
    let footer = |state: &State| text(state).lines().last().unwrap().to_owned();
    let before = footer(&running(160, 72));
    assert!(before.contains("? help") && before.contains("+ more workers") && before.contains("p pause"), "{before}");
    let after = footer(&state);
    assert!(after.contains("Ctrl-O help") && after.contains("F5 pause"), "{after}");
    assert!(!after.contains("more workers"), "unbound actions are left out: {after}");
    act(&mut state, Action::Help);
    let help = all_pages(&state);
    let line = |about: &str| help.lines().find(|line| line.contains(about)).unwrap().to_owned();
    assert!(line("Pause or resume").contains("F5 "), "{help}");
    assert!(line("Add one worker").contains("unbound "), "{help}");
}

#[test]
fn messages_name_the_keys_in_force() {
    let paused = |changes: &[(Action, &[&str])]| {
        let mut state = with_keys(running(120, 40), changes);
        change_run(&mut state, |run| {
            run.state = RunState::Paused;
            run.paused_by = Some("the target answered 503".into());
        });
        state
    };
    assert!(text(&paused(&[(Action::TogglePause, &["f5"])])).contains("Paused by a failure: press F5 to retry"));
    assert!(text(&paused(&[(Action::TogglePause, &[])])).contains("Paused by a failure ─"), "no key to name");
    let mut state = with_keys(running(120, 40), &[(Action::Close, &["f10"]), (Action::Accept, &["f2", "y"])]);
    act(&mut state, Action::Compare);
    assert!(text(&state).contains("↑ ↓ scroll   F10 closes"), "{}", text(&state));
    act(&mut state, Action::Close);
    act(&mut state, Action::Quit);
    assert!(text(&state).contains("F2 yes    F10 no"), "{}", text(&state));
}

proptest! {
    /// Every accepted keymap has one action per key and mode, and can be operated.
    #[test]
    fn an_accepted_keymap_is_unambiguous(
        changes in prop::collection::vec((
            prop::sample::select(CATALOGUE.iter().map(|entry| entry.action).collect::<Vec<_>>()),
            prop::collection::vec(prop::sample::select(vec!["p", "x", "f5", "f9", "ctrl-c", "alt-x", "enter", "esc"]), 0..3),
        ), 0..4),
    ) {
        let changes: Vec<(Action, Vec<Key>)> =
            changes.into_iter().map(|(action, keys)| (action, keys.iter().map(|key| key.parse().unwrap()).collect())).collect();
        match Keymap::with_changes(&changes) {
            Ok(keymap) => {
                for mode in Mode::ALL {
                    let mut seen = BTreeSet::new();
                    for entry in CATALOGUE {
                        let bound = keymap.by_mode(entry.action).into_iter().filter(|group| group.modes.contains(&mode));
                        for key in bound.flat_map(|group| group.keys) {
                            prop_assert!(seen.insert(key.notation()), "{} twice in {mode:?}", key.notation());
                            prop_assert_eq!(keymap.lookup(mode, key), Some(entry.action));
                        }
                    }
                    prop_assert_eq!(keymap.lookup(mode, Key::ctrl('c')), Some(Action::Interrupt));
                    let closes = Action::Close.entry().bindings.iter().any(|binding| binding.modes.contains(&mode));
                    prop_assert!(!closes || keymap.key(Action::Close, mode).is_some());
                }
                for (action, keys) in keymap.changes() {
                    let last = changes.iter().rfind(|(changed, _)| *changed == action).unwrap();
                    prop_assert!(keys.iter().all(|key| last.1.contains(key)) && last.1.iter().all(|key| keys.contains(key)));
                }
            }
            Err(problems) => prop_assert!(!problems.is_empty() && !changes.is_empty()),
        }
    }
}
