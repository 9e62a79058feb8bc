//! The hot keys.

use crate::state::State;

/// Selects the key that is `by` rows below the selected one, or above if negative.
pub(super) fn scroll(state: &mut State, by: isize) {
    let rows = state.hot_key_rows();
    let shown = state.shown_hot_keys(&rows).shown;
    let key = state.user.hot_keys.key_at_distance(&shown, &rows, by);
    if let Some(key) = key {
        state.user.hot_keys.selected = Some(key);
    }
}
