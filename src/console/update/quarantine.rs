//! Deciding what becomes of keys in quarantine.

use super::{Effect, ask, run, say};
use crate::{
    console::{
        screen,
        state::{Overlay, Question, State, StatusKind},
    },
    replay::{Command, Decision},
};

pub(super) fn open(state: &mut State) {
    if state.quarantined().is_empty() {
        say(state, StatusKind::Refused, "no key is in quarantine");
        return;
    }
    let first = state.quarantined().first().map(|key| key.hash);
    state.overlay = Some(Overlay::Quarantine(first));
}

/// Moves the selection.
pub(super) fn scroll(state: &mut State, by: isize) {
    let keys = state.quarantined();
    let last = keys.len().saturating_sub(1);
    let row = state.quarantined_row().min(last).saturating_add_signed(by).min(last);
    let selected = keys.get(row).map(|key| key.hash);
    state.overlay = Some(Overlay::Quarantine(selected));
}

/// A click selects the key under it.
pub(super) fn click(state: &mut State, x: u16, y: u16) {
    let (rows, from) = screen::quarantine_rows(state);
    if rows.contains((x, y).into())
        && let Some(key) = state.quarantined().get(from + usize::from(y - rows.y))
    {
        state.overlay = Some(Overlay::Quarantine(Some(key.hash)));
    }
}

/// Decides about the selected key; the next one is selected.
pub(super) fn decide(state: &mut State, decision: Decision) -> Vec<Effect> {
    let row = state.quarantined_row();
    let Some(hash) = state.quarantined().get(row).map(|key| key.hash) else { return Vec::new() };
    if matches!(state.overlay, Some(Overlay::Quarantine(Some(selected))) if selected != hash) {
        // Never decide about another key than the one that was under the cursor.
        state.overlay = Some(Overlay::Quarantine(Some(hash)));
        say(state, StatusKind::Refused, "that key is no longer in quarantine");
        return Vec::new();
    }
    let next = state.quarantined().get(row + 1).or_else(|| state.quarantined().get(row.checked_sub(1)?));
    state.overlay = next.map(|key| Overlay::Quarantine(Some(key.hash)));
    send(state, decision, Some(hash))
}

pub(super) fn decide_all(state: &mut State, decision: Decision) -> Vec<Effect> {
    ask(state, Question::DecideAll(decision))
}

/// Tells the session.
pub(super) fn send(state: &mut State, decision: Decision, key: Option<u64>) -> Vec<Effect> {
    if let Some(refusal) = run::cannot_command(state) {
        say(state, StatusKind::Refused, refusal);
        return Vec::new();
    }
    let text = match (decision, key) {
        (Decision::Release, Some(_)) => "releasing the key: its records are tried again, in their order",
        (Decision::Release, None) => "releasing all keys",
        (Decision::DeadLetter, Some(_)) => "sending the key's records to the dead letters",
        (Decision::DeadLetter, None) => "sending all that waits to the dead letters",
    };
    say(state, StatusKind::Info, text);
    vec![Effect::Send(Command::Decide(decision, key))]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        console::{
            action::Action,
            keymap::Mode,
            update::{Event, perform, update},
        },
        domain::{Offset, TopicPartition},
        feed::{QuarantineView, QuarantinedKey, RunState, RunView, Snapshot},
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
        let quarantine = QuarantineView { keys: hashes.len(), records: 9, waiting, ..QuarantineView::default() };
        let run = RunView { id: "r".into(), state: RunState::Running, quarantine, ..RunView::default() };
        let snapshot = Snapshot { at: Some(chrono::Utc::now()), run: Some(run), ..Snapshot::default() };
        let mut state = State::new(100, 30, None);
        update(&mut state, Event::Snapshot(Arc::new(snapshot)));
        state
    }

    #[test]
    fn a_decision_goes_to_the_selected_key_and_the_next_is_selected() {
        let mut state = state(&[10, 20, 30]);
        perform(&mut state, Action::Quarantine);
        assert_eq!(state.mode(), Mode::Deciding);
        perform(&mut state, Action::Down);
        let effects = perform(&mut state, Action::Release);
        assert_eq!(effects, [Effect::Send(Command::Decide(Decision::Release, Some(20)))]);
        let effects = perform(&mut state, Action::DeadLetter);
        assert_eq!(effects, [Effect::Send(Command::Decide(Decision::DeadLetter, Some(30)))]);
    }

    #[test]
    fn a_key_that_has_gone_is_not_mistaken_for_another() {
        let mut console = state(&[10, 20]);
        perform(&mut console, Action::Quarantine);
        perform(&mut console, Action::Down);
        let left = state(&[10]).snapshot;
        update(&mut console, Event::Snapshot(left));
        assert_eq!(perform(&mut console, Action::DeadLetter), []);
        let effects = perform(&mut console, Action::DeadLetter);
        assert_eq!(effects, [Effect::Send(Command::Decide(Decision::DeadLetter, Some(10)))]);
    }

    #[test]
    fn saying_no_leads_back_to_the_keys() {
        let mut state = state(&[10]);
        perform(&mut state, Action::Quarantine);
        perform(&mut state, Action::ReleaseAll);
        perform(&mut state, Action::Close);
        assert_eq!(state.mode(), Mode::Deciding);
    }

    #[test]
    fn a_run_that_is_over_leaves_nothing_to_decide() {
        let mut state = state(&[10]);
        perform(&mut state, Action::Quarantine);
        let mut snapshot = (*state.snapshot).clone();
        if let Some(run) = &mut snapshot.run {
            run.state = RunState::Cancelled;
            run.quarantine.awaits_decision = true;
        }
        update(&mut state, Event::Snapshot(Arc::new(snapshot)));
        assert_eq!((state.mode(), state.alert()), (Mode::Dashboard, None));
        perform(&mut state, Action::Quarantine);
        assert_eq!(state.mode(), Mode::Dashboard);
    }

    #[test]
    fn the_mouse_selects_and_scrolls_and_closes_nothing() {
        use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
        let mut state = state(&[10, 20, 30, 40, 50]);
        perform(&mut state, Action::Quarantine);
        let (rows, _) = screen::quarantine_rows(&state);
        let mouse =
            |kind, row| Event::Mouse(MouseEvent { kind, column: rows.x + 2, row, modifiers: KeyModifiers::NONE });
        update(&mut state, mouse(MouseEventKind::Down(MouseButton::Left), rows.y + 1));
        assert_eq!(state.overlay, Some(Overlay::Quarantine(Some(20))));
        update(&mut state, mouse(MouseEventKind::ScrollDown, rows.y));
        assert_eq!(state.overlay, Some(Overlay::Quarantine(Some(50))));
        update(&mut state, mouse(MouseEventKind::Down(MouseButton::Left), 0));
        assert_eq!(state.overlay, Some(Overlay::Quarantine(Some(50))));
    }

    #[test]
    fn all_at_once_is_asked_first() {
        let mut state = state(&[10]);
        perform(&mut state, Action::Quarantine);
        assert_eq!(perform(&mut state, Action::DeadLetterAll), []);
        assert_eq!(state.mode(), Mode::Asking);
        assert_eq!(perform(&mut state, Action::Accept), [Effect::Send(Command::Decide(Decision::DeadLetter, None))]);
    }

    #[test]
    fn an_empty_quarantine_is_not_opened() {
        let mut state = state(&[]);
        perform(&mut state, Action::Quarantine);
        assert_eq!((state.mode(), perform(&mut state, Action::Release)), (Mode::Dashboard, vec![]));
    }
}
