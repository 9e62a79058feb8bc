//! Recording the feed at the request of the user, and the layout that is kept.

use kreplay_console::{
    action::Action,
    key::Key,
    state::{GroupRow, RecordingState, SavedLayout, ScreenId, State, StatusKind, TableId},
    update::{Effect, Event, update},
};

use crate::{fixture::*, watch_fixture};

fn can_record() -> State {
    let mut state = running(80, 24);
    apply(&mut state, Event::RecordingAccess(RecordingState::Off));
    state
}

fn message(state: &State) -> (StatusKind, &str) {
    let status = state.user.status.as_ref().unwrap();
    (status.kind, &status.text)
}

#[test]
fn one_key_starts_and_ends_a_recording() {
    let mut state = can_record();
    assert!(!text(&state).contains("REC"));
    assert_eq!(update(&mut state, Event::Key(Key::ctrl('r'))), [Effect::StartRecording]);
    apply(&mut state, Event::RecordingBegan(Ok("demo-1.krec".into())));
    assert!(text(&state).contains("● REC"), "{}", text(&state));
    assert!(message(&state).1.starts_with("recording to demo-1.krec"));
    insta::assert_snapshot!("recording_80x24", text(&state));
    assert_eq!(act(&mut state, Action::Record), [Effect::StopRecording]);
    assert_eq!(act(&mut state, Action::Record), []);
    assert_eq!(message(&state), (StatusKind::Refused, "the recording is being completed"));
    apply(&mut state, Event::RecordingEnded(Ok("31 frames".into())));
    assert_eq!(message(&state), (StatusKind::Info, "31 frames in demo-1.krec; kreplay open demo-1.krec"));
    assert_eq!(state.recording, RecordingState::Off);
    assert!(!text(&state).contains("REC"));
}

#[test]
fn a_recording_that_cannot_begin_says_why() {
    let mut state = can_record();
    assert_eq!(act(&mut state, Action::Record), [Effect::StartRecording]);
    apply(&mut state, Event::RecordingBegan(Err("cannot create a.krec: read-only file system".into())));
    assert_eq!(message(&state).0, StatusKind::Error);
    assert!(message(&state).1.contains("recording failed: cannot create a.krec"));
    assert_eq!(state.recording, RecordingState::Off);
}

#[test]
fn a_recording_that_ends_by_itself_is_completed() {
    let mut state = can_record();
    act(&mut state, Action::Record);
    apply(&mut state, Event::RecordingBegan(Ok("a.krec".into())));
    assert_eq!(update(&mut state, Event::RecordingStopped), [Effect::StopRecording]);
    assert_eq!(update(&mut state, Event::RecordingStopped), []);
    apply(&mut state, Event::RecordingEnded(Err("the recording has reached its limit of 10 bytes".into())));
    assert_eq!(message(&state), (StatusKind::Error, "a.krec: the recording has reached its limit of 10 bytes"));
}

#[test]
fn recording_is_refused_with_a_reason() {
    let mut state = running(80, 24);
    assert_eq!(act(&mut state, Action::Record), []);
    assert_eq!(message(&state), (StatusKind::Refused, "this console cannot record"));
    apply(&mut state, Event::RecordingAccess(RecordingState::ByCommand("run\u{1b}.krec".into())));
    assert_eq!(act(&mut state, Action::Record), []);
    assert_eq!(message(&state).1, "already recording everything to run\\u{1b}.krec");
    assert!(text(&state).contains("● REC"));
}

#[test]
fn recording_goes_on_while_an_earlier_moment_is_shown() {
    let mut state = can_record();
    state.feed.moment = Some(time(1.0).into());
    state.latest = Some(Box::new(state.feed.clone()));
    assert_eq!(act(&mut state, Action::Record), [Effect::StartRecording]);
}

#[test]
fn the_page_of_the_last_console_is_opened_once_it_has_something_to_show() {
    let mut before = State::with_home(ScreenId::Topics, 80, 24, None);
    before.user.navigation.open(ScreenId::Groups);
    let layout = Box::new(SavedLayout::of(&before, &SavedLayout::default()));
    let again = || {
        let mut state = State::with_home(ScreenId::Topics, 80, 24, None);
        apply(&mut state, Event::Layout(layout.clone()));
        state
    };
    let mut state = again();
    assert_eq!(front(&state), ScreenId::Topics);
    apply(&mut state, Event::WatchBegan);
    watch_fixture::give_groups(&mut state, watch_fixture::cluster());
    assert_eq!(front(&state), ScreenId::Groups);
    let mut typed = again();
    press(&mut typed, '?');
    apply(&mut typed, Event::WatchBegan);
    watch_fixture::give_groups(&mut typed, watch_fixture::cluster());
    assert_eq!(front(&typed), ScreenId::Help, "nothing opens under the hands of the user");
}

#[test]
fn what_was_left_open_hides_neither_trouble_nor_a_run() {
    for home in [ScreenId::Trouble, ScreenId::Dashboard] {
        let mut before = State::with_home(home, 80, 24, None);
        before.user.navigation.open(ScreenId::Groups);
        before.user.watch.groups.set_filter::<GroupRow<'_>>("billing".into());
        let layout = Box::new(SavedLayout::of(&before, &SavedLayout::default()));
        let mut state = State::with_home(home, 80, 24, None);
        apply(&mut state, Event::Layout(layout));
        apply(&mut state, Event::WatchBegan);
        watch_fixture::give_groups(&mut state, watch_fixture::cluster());
        assert_eq!(front(&state), home);
        assert_eq!(state.user.watch.groups.filter.text(), "");
    }
    let mut before = running(80, 24);
    before.user.navigation.open(ScreenId::EventLog);
    let layout = Box::new(SavedLayout::of(&before, &SavedLayout::default()));
    let mut state = State::new(80, 24, None);
    change(&mut state, |snapshot| snapshot.problem = Some("no broker answered".into()));
    apply(&mut state, Event::Layout(layout));
    assert_at_home(&state);
}

#[test]
fn columns_of_a_watch_are_shown_only_with_one_and_only_if_they_are_not_hidden() {
    let heading = |state: &State| text(state).lines().find(|line| line.contains("  records ")).unwrap().to_owned();
    let again = |before: &State| {
        let mut state = choosing(80, 24, topics());
        apply(&mut state, Event::Layout(Box::new(SavedLayout::of(before, &SavedLayout::default()))));
        state
    };
    let mut before = choosing(80, 24, topics());
    apply(&mut before, Event::WatchBegan);
    assert!(heading(&before).contains(" groups ") && heading(&before).contains(" lag "), "{}", heading(&before));
    let mut state = again(&before);
    assert!(!heading(&state).contains("groups") && !heading(&state).contains("lag"), "{}", heading(&state));
    assert!(state.columns_to_choose(TableId::Topics).iter().all(|column| !["groups", "lag"].contains(&column.id)));
    apply(&mut state, Event::WatchBegan);
    assert_eq!(heading(&state), heading(&before));
    before.user.topics.table.hidden.insert("lag");
    let mut state = again(&before);
    apply(&mut state, Event::WatchBegan);
    assert!(heading(&state).contains(" groups ") && !heading(&state).contains("lag"), "{}", heading(&state));
}

#[test]
fn one_column_remains_without_the_columns_of_a_watch() {
    let mut state = choosing(80, 24, topics());
    state.user.topics.table.hidden = ["marked", "topic", "partitions", "records"].into();
    assert!(text(&state).contains("vc.orders.events"), "{}", text(&state));
}
