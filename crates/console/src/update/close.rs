//! Closes what is in front.

use super::{Effect, filter, group_change, inspect, presets};
use crate::{
    screen::Screen,
    state::{Dialog, Layer, Question, ScreenId, State, StatusKind},
};

/// Closes the dialog or the window in front. On a page, dismisses the message, then clears the filter, then goes back.
/// Only the home screen waits for messages that are no errors.
pub(super) fn close(state: &mut State) -> Vec<Effect> {
    let asks_to_delete = state.user.navigation.dialog == Some(Dialog::Ask(Question::DeletePreset));
    let mut effects = inspect::stop_before_close(state);
    close_front(state);
    if asks_to_delete {
        // Back to the list that the question came from.
        effects.extend(presets::list());
    }
    effects
}

fn close_front(state: &mut State) {
    if let Some(dialog) = state.user.navigation.dialog.take() {
        filter::withdraw(state, dialog);
        return;
    }
    let front = state.user.navigation.front().screen;
    if front == ScreenId::Change && group_change::leave_plan(state) {
        return;
    }
    if front.layer() == Layer::Window {
        state.user.navigation.back();
        return;
    }
    let is_home = front == state.user.navigation.home();
    if state.user.status.as_ref().is_some_and(|status| is_home || status.kind == StatusKind::Error) {
        state.user.status = None;
    } else if !filter::clear(state, Screen::of(front).filters) {
        state.user.navigation.back();
    }
}
