//! Decisions about quarantined keys.

use kreplay_model::control::{Command, Decision};

use super::{Effect, ask, navigate, show_message};
use crate::{
    names,
    state::{Question, ScreenId, State, StatusKind},
};

/// Opens the window with the oldest key selected.
pub(super) fn open(state: &mut State) {
    navigate::open(state, ScreenId::Quarantine);
    select_oldest(state);
}

/// Selects the oldest key. Closes the window if no key is in quarantine.
pub(super) fn select_oldest(state: &mut State) {
    let oldest = state.feed.quarantined().first().map(|key| key.hash);
    move_to(state, oldest);
}

/// Selects a key. Closes the window if there is none.
fn move_to(state: &mut State, hash: Option<u64>) {
    let navigation = &mut state.user.navigation;
    if hash.is_none() {
        navigation.close(ScreenId::Quarantine);
    } else if let Some(place) = navigation.place_mut(ScreenId::Quarantine) {
        place.selected_key = hash;
    }
}

/// Moves the selection.
pub(super) fn scroll(state: &mut State, by: isize) {
    let keys = state.feed.quarantined();
    let last = keys.len().saturating_sub(1);
    let row = state.quarantined_row().map_or(0, |row| row.min(last).saturating_add_signed(by).min(last));
    let selected = keys.get(row).map(|key| key.hash);
    if let Some(place) = state.user.navigation.place_mut(ScreenId::Quarantine) {
        place.selected_key = selected;
    }
}

/// Selects a key, if it is still in quarantine.
pub(super) fn select(state: &mut State, hash: u64) {
    if state.feed.quarantined().iter().any(|key| key.hash == hash) {
        move_to(state, Some(hash));
    }
}

/// Decides about the selected key. Dead-lettering asks first, because it cannot be undone. The cursor stays on a
/// released key.
pub(super) fn decide(state: &mut State, decision: Decision) -> Vec<Effect> {
    let key = state.quarantined_row().and_then(|row| state.feed.quarantined().get(row));
    let Some(hash) = key.map(|key| key.hash) else { return Vec::new() };
    match decision {
        Decision::Release => send_key(state, decision, hash),
        Decision::DeadLetter => ask(state, Question::DecideKey(decision, hash)),
    }
}

/// Asks before deciding about all keys.
pub(super) fn decide_all(state: &mut State, decision: Decision) -> Vec<Effect> {
    ask(state, Question::DecideAll(decision))
}

/// Sends the decision about one key. After dead-lettering, the next key is selected.
pub(super) fn send_key(state: &mut State, decision: Decision, hash: u64) -> Vec<Effect> {
    let keys = state.feed.quarantined();
    let Some(row) = keys.iter().position(|key| key.hash == hash) else { return Vec::new() };
    let next = keys.get(row + 1).or_else(|| keys.get(row.checked_sub(1)?)).map(|key| key.hash);
    let selected = match decision {
        Decision::Release => Some(hash),
        Decision::DeadLetter => next,
    };
    let effects = send(state, decision, Some(hash));
    move_to(state, selected);
    effects
}

/// Sends the decision about all keys and closes the window.
pub(super) fn send_all(state: &mut State, decision: Decision) -> Vec<Effect> {
    state.user.navigation.close(ScreenId::Quarantine);
    send(state, decision, None)
}

/// Sends the decision about one key, or about all keys.
fn send(state: &mut State, decision: Decision, key: Option<u64>) -> Vec<Effect> {
    let key_of = |hash| state.feed.quarantined().iter().find(|one| one.hash == hash).map(names::quarantined_key);
    let text = match (decision, key) {
        (Decision::Release, Some(hash)) => format!("releasing {}", key_of(hash).unwrap_or_default()),
        (Decision::Release, None) => "releasing all keys".into(),
        (Decision::DeadLetter, Some(hash)) => {
            format!("dead-lettering {}", key_of(hash).unwrap_or_default())
        }
        (Decision::DeadLetter, None) => "dead-lettering all quarantined keys".into(),
    };
    show_message(state, StatusKind::Asked, text);
    vec![Effect::Send(Command::Decide(decision, key))]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kreplay_model::{
        domain::{Offset, TopicPartition},
        feed::{QuarantineView, QuarantinedKey, RunState, RunView, Snapshot},
    };

    use super::*;
    use crate::{
        action::Action,
        hit_map::Target,
        key::Mode,
        state::Dialog,
        update::{Event, perform, update},
    };

    fn state(hashes: &[u64]) -> State {
        let waiting: Vec<QuarantinedKey> = hashes
            .iter()
            .map(|hash| QuarantinedKey {
                hash: *hash,
                key: format!("key\u{1b}[2J-{hash}"),
                partition: TopicPartition::new("orders", 1),
                offset: Offset::ZERO,
                records: 3,
                bytes: 300,
                error: "boom\nboom".into(),
                attempts: 4,
                for_s: 7.0,
            })
            .collect();
        let quarantine =
            QuarantineView { keys: hashes.len(), records: 9, dead_letters: true, waiting, ..QuarantineView::default() };
        let run = RunView { id: "r".into(), state: RunState::Running, quarantine, ..RunView::default() };
        let snapshot = Snapshot { at: Some(chrono::Utc::now()), run: Some(run), ..Snapshot::default() };
        let mut state = State::new(100, 30, None);
        let _ = update(&mut state, Event::Snapshot(Arc::new(snapshot)));
        state
    }

    #[test]
    fn a_released_key_keeps_the_cursor_and_blocks_decisions_until_it_returns() {
        let mut console = state(&[10, 20, 30]);
        perform(&mut console, Action::Quarantine);
        assert_eq!(console.mode(), Mode::Deciding);
        perform(&mut console, Action::Down);
        let effects = perform(&mut console, Action::Release);
        assert_eq!(effects, [Effect::Send(Command::Decide(Decision::Release, Some(20)))]);
        assert!(console.user.status.as_ref().unwrap().text.contains("(3 records)"));
        // While the key is being retried, no key can be decided about.
        let _ = update(&mut console, Event::Snapshot(state(&[10, 30]).feed.snapshot));
        assert_eq!(console.quarantined_row(), None);
        assert_eq!(perform(&mut console, Action::DeadLetter), []);
        assert_eq!(console.user.status.as_ref().unwrap().kind, StatusKind::Refused);
        // The key failed again: the cursor is back on it.
        let _ = update(&mut console, Event::Snapshot(state(&[10, 20, 30]).feed.snapshot));
        assert_eq!(console.quarantined_row(), Some(1));
    }

    #[test]
    fn dead_lettering_a_key_needs_confirmation() {
        let mut state = state(&[10, 20, 30]);
        perform(&mut state, Action::Quarantine);
        perform(&mut state, Action::Down);
        assert_eq!(perform(&mut state, Action::DeadLetter), []);
        assert_eq!(state.user.navigation.dialog, Some(Dialog::Ask(Question::DecideKey(Decision::DeadLetter, 20))));
        perform(&mut state, Action::Close);
        assert_eq!((state.mode(), state.quarantined_row()), (Mode::Deciding, Some(1)));
        perform(&mut state, Action::DeadLetter);
        let effects = perform(&mut state, Action::Accept);
        assert_eq!(effects, [Effect::Send(Command::Decide(Decision::DeadLetter, Some(20)))]);
        assert_eq!(state.user.navigation.front().selected_key, Some(30));
    }

    #[test]
    fn without_a_dead_letter_topic_dead_lettering_is_refused() {
        let mut console = state(&[10]);
        let mut snapshot = (*console.feed.snapshot).clone();
        snapshot.run.as_mut().unwrap().quarantine.dead_letters = false;
        let _ = update(&mut console, Event::Snapshot(Arc::new(snapshot)));
        perform(&mut console, Action::Quarantine);
        for action in [Action::DeadLetter, Action::DeadLetterAll] {
            assert_eq!(perform(&mut console, action), []);
            assert_eq!(console.mode(), Mode::Deciding);
            assert_eq!(console.user.status.as_ref().unwrap().kind, StatusKind::Refused);
        }
    }

    #[test]
    fn no_decision_is_made_about_a_key_that_has_left() {
        let mut console = state(&[10, 20]);
        perform(&mut console, Action::Quarantine);
        perform(&mut console, Action::Down);
        let left = state(&[10]).feed.snapshot;
        let _ = update(&mut console, Event::Snapshot(left));
        assert_eq!(perform(&mut console, Action::Release), []);
        assert_eq!(console.user.status.as_ref().unwrap().kind, StatusKind::Refused);
        perform(&mut console, Action::Up);
        let effects = perform(&mut console, Action::Release);
        assert_eq!(effects, [Effect::Send(Command::Decide(Decision::Release, Some(10)))]);
    }

    #[test]
    fn answering_no_returns_to_the_keys() {
        let mut state = state(&[10]);
        perform(&mut state, Action::Quarantine);
        perform(&mut state, Action::ReleaseAll);
        perform(&mut state, Action::Close);
        assert_eq!(state.mode(), Mode::Deciding);
    }

    #[test]
    fn the_window_closes_when_the_run_ends() {
        let mut state = state(&[10]);
        perform(&mut state, Action::Quarantine);
        let mut snapshot = (*state.feed.snapshot).clone();
        if let Some(run) = &mut snapshot.run {
            run.state = RunState::Cancelled;
            run.quarantine.awaits_decision = true;
        }
        let _ = update(&mut state, Event::Snapshot(Arc::new(snapshot)));
        assert_eq!((state.mode(), state.alert()), (Mode::Dashboard, None));
        perform(&mut state, Action::Quarantine);
        assert_eq!(state.mode(), Mode::Dashboard);
    }

    #[test]
    fn the_mouse_selects_and_scrolls_without_closing_the_window() {
        let mut state = state(&[10, 20, 30, 40, 50]);
        perform(&mut state, Action::Quarantine);
        for (event, selected) in [
            (Event::Click(Target::QuarantinedKey(20)), 20),
            (Event::Wheel(Target::QuarantinedKey(10), 3), 50),
            (Event::Click(Target::Quarantine), 50),
            (Event::Click(Target::QuarantinedKey(60)), 50),
        ] {
            assert_eq!(update(&mut state, event), []);
            let front = state.user.navigation.front();
            assert_eq!((front.screen, front.selected_key), (ScreenId::Quarantine, Some(selected)));
        }
    }

    #[test]
    fn deciding_about_all_keys_needs_confirmation() {
        let mut state = state(&[10]);
        perform(&mut state, Action::Quarantine);
        assert_eq!(perform(&mut state, Action::DeadLetterAll), []);
        assert_eq!(state.mode(), Mode::Asking);
        assert_eq!(perform(&mut state, Action::Accept), [Effect::Send(Command::Decide(Decision::DeadLetter, None))]);
    }

    #[test]
    fn an_empty_quarantine_does_not_open() {
        let mut state = state(&[]);
        perform(&mut state, Action::Quarantine);
        assert_eq!((state.mode(), perform(&mut state, Action::Release)), (Mode::Dashboard, vec![]));
    }
}
