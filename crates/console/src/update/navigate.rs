//! Opens screens, and closes those that became obsolete.

use super::show_message;
use crate::{
    layout::Panel,
    names,
    screen::Screen,
    state::{Dialog, Question, ScreenId, State, StatusKind},
};

/// Opens a screen in front, or returns to it if it is open. Shows why if it cannot be opened.
pub(super) fn open(state: &mut State, screen: ScreenId) {
    match (Screen::of(screen).refusal)(state) {
        None => state.user.navigation.open(screen),
        Some(reason) => show_message(state, StatusKind::Refused, reason),
    }
}

/// Opens a screen, or closes it if it is in front.
pub(super) fn toggle(state: &mut State, screen: ScreenId) {
    let navigation = &mut state.user.navigation;
    if navigation.dialog.is_none() && navigation.front().screen == screen {
        navigation.back();
    } else {
        open(state, screen);
    }
}

/// Opens the details of the selection in the focused panel. Panels without a selection open the details of the run.
pub(super) fn details(state: &mut State) {
    match state.user.focus {
        Panel::Partitions => {
            // Sorted rows can move, so the selection is fixed to the partition.
            state.user.table.selected = state.selected().map(|partition| partition.id.clone());
            open(state, ScreenId::Partition);
        }
        Panel::Events => {
            state.user.log.fix_cursor(&state.feed.events);
            open(state, ScreenId::Event);
        }
        Panel::Throughput | Panel::Workers => open(state, ScreenId::Run),
    }
}

/// Closes the screens and questions that became obsolete with a snapshot, and says so if the user was looking at one.
pub(super) fn close_obsolete(state: &mut State) {
    let asks_about_run = match &state.user.navigation.dialog {
        Some(Dialog::Ask(question)) => Some(question.needs_active_run()),
        _ => None,
    };
    let front = state.user.navigation.front().screen;
    close_those_with_nothing_to_show(state);
    let closed_quarantine = front == ScreenId::Quarantine && !state.user.navigation.is_open(front);
    if (asks_about_run == Some(true) || closed_quarantine) && !state.run_is_active() {
        // The run ended, so there is nothing left to stop or to decide.
        if asks_about_run != Some(false) {
            state.user.navigation.dialog = None;
        }
        show_message(state, StatusKind::Info, "the run has ended");
    }
    close_question_about_decided_record(state);
}

/// Closes the question about a record that no longer pauses the run. The next record may pause it so soon that the
/// answer would be about that one.
fn close_question_about_decided_record(state: &mut State) {
    let Some(Dialog::Ask(Question::DecideRecord(_, id))) = &state.user.navigation.dialog else { return };
    if state.paused_record_with(id).is_none() {
        let text = format!("{} no longer pauses the run", names::record_id(id));
        state.user.navigation.dialog = None;
        show_message(state, StatusKind::Info, text);
    }
}

/// Closes the screens that have nothing to show.
pub(super) fn close_those_with_nothing_to_show(state: &mut State) {
    let open = state.user.navigation.places().map(|place| place.screen);
    let obsolete: Vec<ScreenId> = open.filter(|screen| !(Screen::of(*screen).stays_open)(state)).collect();
    for screen in obsolete {
        state.user.navigation.close(screen);
    }
}
