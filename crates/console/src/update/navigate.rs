//! Opens and closes screens.

use super::{focus, scroll, show_message, topics};
use crate::{
    layout::Panel,
    screen::{Filters, Screen},
    state::{Dialog, Layer, Question, ScreenId, State, StatusKind},
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

/// Opens the input of the filter of the page in front.
pub(super) fn filter(state: &mut State) {
    let filters = pages_from_front(state).find_map(|screen| Screen::of(screen).filters);
    match filters {
        Some(Filters::Topics) => {
            state.user.navigation.dialog = Some(Dialog::TopicFilter(state.user.topics.filter.clone()));
        }
        Some(Filters::Partitions) => {
            focus(state, Panel::Partitions);
            state.user.navigation.dialog = Some(Dialog::Filter(state.user.table.filter.clone()));
        }
        None => {}
    }
}

/// The pages, from the one in front to the home screen.
fn pages_from_front(state: &State) -> impl Iterator<Item = ScreenId> {
    let pages: Vec<ScreenId> = state.user.navigation.places().map(|place| place.screen).collect();
    pages.into_iter().rev().filter(|screen| screen.layer() == Layer::Page)
}

/// Closes the dialog or the window in front. On a page, dismisses the message, then clears the filter, then goes back.
/// Only the home screen waits for messages that are no errors.
pub(super) fn close(state: &mut State) {
    if let Some(dialog) = state.user.navigation.dialog.take() {
        withdraw(state, dialog);
        return;
    }
    let front = state.user.navigation.front().screen;
    if front.layer() == Layer::Window {
        state.user.navigation.back();
        return;
    }
    let is_home = front == state.user.navigation.home();
    if state.user.status.as_ref().is_some_and(|status| is_home || status.kind == StatusKind::Error) {
        state.user.status = None;
    } else if !clear_filter(state, Screen::of(front).filters) {
        state.user.navigation.back();
    }
}

/// Restores what a dialog has changed.
fn withdraw(state: &mut State, dialog: Dialog) {
    match dialog {
        Dialog::Filter(before) => {
            state.user.table.filter = before;
            scroll::follow(state);
        }
        Dialog::TopicFilter(before) => {
            state.user.topics.filter = before;
            topics::follow(state);
        }
        Dialog::Ask(_) | Dialog::Number { .. } | Dialog::Rate { .. } => {}
    }
}

/// Clears a filter. Returns whether there was one.
fn clear_filter(state: &mut State, filters: Option<Filters>) -> bool {
    let filter = match filters {
        Some(Filters::Partitions) => std::mem::take(&mut state.user.table.filter),
        Some(Filters::Topics) => std::mem::take(&mut state.user.topics.filter),
        None => return false,
    };
    match filters {
        Some(Filters::Topics) => topics::follow(state),
        Some(Filters::Partitions) | None => scroll::follow(state),
    }
    !filter.is_empty()
}

/// Closes the screens and questions that became obsolete with a snapshot, and says so if the user was looking at one.
pub(super) fn close_obsolete(state: &mut State) {
    let asks_about_record = matches!(state.user.navigation.dialog, Some(Dialog::Ask(Question::DecideRecord(_))));
    if asks_about_record && state.feed.paused_record().is_none() {
        state.user.navigation.dialog = None;
    }
    let asks = matches!(state.user.navigation.dialog, Some(Dialog::Ask(_)));
    let front = state.user.navigation.front().screen;
    let open = state.user.navigation.places().map(|place| place.screen);
    let obsolete: Vec<ScreenId> = open.filter(|screen| !(Screen::of(*screen).stays_open)(state)).collect();
    for screen in obsolete {
        state.user.navigation.close(screen);
    }
    let closed_quarantine = front == ScreenId::Quarantine && !state.user.navigation.is_open(front);
    if (asks || closed_quarantine) && !state.run_is_active() {
        // The run ended, so there is nothing left to stop or to decide.
        state.user.navigation.dialog = None;
        show_message(state, StatusKind::Info, "the run has ended");
    }
}
