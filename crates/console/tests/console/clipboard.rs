//! The clipboard, and the mouse that is released for the terminal's own selection.

use crossterm::event::KeyCode;
use kreplay_console::{
    action::Action,
    state::{GroupPanel, ScreenId, State, StatusKind},
    update::Effect,
};
use kreplay_model::feed::{EventKind, RunState};

use crate::{fixture::*, situations::Situation, watch_fixture};

/// What is copied on the screen in front, and the message.
fn copied(state: &mut State) -> (String, String) {
    let effects = press(state, 'y');
    let [Effect::Copy(text)] = &effects[..] else { panic!("{effects:?}: {:?}", state.user.status) };
    (text.clone(), state.user.status.as_ref().unwrap().text.clone())
}

#[test]
fn what_is_under_the_cursor_is_copied() {
    let mut state = Situation::Normal.console(120, 40);
    assert_eq!(
        copied(&mut state),
        ("vc.billing.events-2".into(), "partition copied: vc.billing.events-2".into()),
        "the selected partition"
    );
    act(&mut state, Action::FocusNext);
    let (text, message) = copied(&mut state);
    assert!(text.starts_with("vc.stock.events-3 at 9000 skipped"), "the newest event: {text}");
    assert!(message.starts_with("event copied: vc.stock.events-3"), "{message}");
    act(&mut state, Action::FocusNext);
    assert_eq!(copied(&mut state).0, "demo-1");
    for (screen, expected) in [
        (ScreenId::Topics, "vc.billing.events"),
        (ScreenId::Quarantine, "customer-17"),
        (ScreenId::FailedRecord, "vc.orders.events-3 offset 700"),
        (ScreenId::Run, "demo-1"),
        (ScreenId::Partition, "vc.billing.events-2"),
    ] {
        state.user.navigation.open(screen);
        assert_eq!(copied(&mut state).0, expected, "{screen:?}");
    }
}

#[test]
fn the_command_that_resumes_a_stopped_run_is_copied() {
    let mut state = running(80, 24);
    change_run(&mut state, |run| {
        run.state = RunState::Cancelled;
        run.plan.resumable = true;
    });
    act(&mut state, Action::RunDetails);
    assert_eq!(copied(&mut state), ("kreplay resume demo-1".into(), "command copied: kreplay resume demo-1".into()));
}

#[test]
fn groups_their_partitions_and_members_are_copied() {
    let mut state = watch_fixture::opened(watch_fixture::watching(120, 40, watch_fixture::cluster()), ScreenId::Groups);
    let name = state.selected_group().unwrap().group.clone();
    assert_eq!(copied(&mut state).0, name);
    state.user.watch.opened = Some("billing".into());
    state.user.navigation.open(ScreenId::Group);
    let row = state.selected_group_partition().unwrap();
    let partition = format!("{}-{}", row.topic, row.partition);
    assert!(partition.starts_with("orders-"), "{partition}");
    assert_eq!(copied(&mut state), (partition.clone(), format!("partition copied: {partition}")));
    state.user.watch.panel = GroupPanel::Members;
    let members: Vec<String> =
        state.opened_group().unwrap().members.iter().map(|member| member.member_id.clone()).collect();
    assert!(members.contains(&copied(&mut state).0));
    state.user.watch.panel = GroupPanel::Rebalances;
    assert_eq!(copied(&mut state).0, "billing");
}

#[test]
fn nothing_is_copied_where_nothing_is_selected() {
    let mut state = running(80, 24);
    act(&mut state, Action::Help);
    assert_eq!(press(&mut state, 'y'), []);
    let status = state.user.status.as_ref().map(|status| (status.kind, status.text.as_str()));
    assert_eq!(status, Some((StatusKind::Refused, "there is nothing to copy here")));
}

#[test]
fn a_text_with_control_characters_is_copied_as_it_is_shown() {
    let mut state = running(80, 24);
    let kind = EventKind::Notice { text: "rm -rf /tmp/x\r\n\u{1b}[2J".into() };
    let seq = state.feed.events.next_seq();
    let _ = kreplay_console::update::update(
        &mut state,
        kreplay_console::update::Event::Events(vec![event(seq, 4.0, kind)]),
    );
    act(&mut state, Action::FocusNext);
    let (text, _) = copied(&mut state);
    assert!(!text.chars().any(char::is_control) && text.contains("\\r\\n\\u{1b}[2J"), "{text}");
}

#[test]
fn a_text_that_is_too_long_for_a_terminal_is_refused() {
    let mut state = running(80, 24);
    let kind = EventKind::Notice { text: "x".repeat(60_000) };
    let seq = state.feed.events.next_seq();
    let _ = kreplay_console::update::update(
        &mut state,
        kreplay_console::update::Event::Events(vec![event(seq, 4.0, kind)]),
    );
    act(&mut state, Action::FocusNext);
    assert_eq!(press(&mut state, 'y'), []);
    assert!(state.user.status.as_ref().unwrap().text.contains("too long"));
}

#[test]
fn the_mouse_is_released_and_captured_again() {
    let mut state = running(80, 24);
    assert_eq!(press(&mut state, 'M'), [Effect::CaptureMouse(false)]);
    let message = |state: &State| state.user.status.as_ref().unwrap().text.clone();
    assert_eq!(message(&state), "the mouse is released: it selects text; M captures it again");
    act(&mut state, Action::Help);
    assert_eq!(press(&mut state, 'M'), [Effect::CaptureMouse(true)], "from a window");
    press_code(&mut state, KeyCode::Esc);
    assert!(message(&state).contains("captured"));
}
