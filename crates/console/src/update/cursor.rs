//! The cursor of the timeline.

use kreplay_model::timeline::Moment;

use crate::state::State;

/// Puts the cursor at a moment, and moves the columns if it would be outside.
pub(super) fn place(state: &mut State, at: Moment) {
    if let Some(columns) = state.drawn_timeline_columns() {
        state.user.timeline.cursor = Some(at);
        state.user.timeline.end = Some(columns.showing(at).range().to());
    }
}

/// Follows the latest moment.
pub(super) fn follow_latest(state: &mut State) {
    state.user.timeline.cursor = None;
    state.user.timeline.end = None;
}
