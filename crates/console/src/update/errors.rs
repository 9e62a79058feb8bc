//! The selection among the kinds of failed records.

use crate::state::State;

/// Moves the selection.
pub(super) fn scroll(state: &mut State, by: isize) {
    let (rows, shown) = (state.error_rows(), state.shown_errors().shown);
    let selected = state.user.errors.key_at_distance(&shown, &rows, by);
    drop(rows);
    if selected.is_some() {
        state.user.errors.selected = selected;
    }
}

/// Selects a kind, if it still exists.
pub(super) fn select(state: &mut State, pattern: String) {
    if state.feed.errors.kinds().iter().any(|kind| kind.pattern == pattern) {
        state.user.errors.selected = Some(pattern);
    }
}
