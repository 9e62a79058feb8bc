//! The whole event log.

use crate::state::State;

/// Moves the cursor up (negative) or down. On the newest event, the log is followed again.
pub(super) fn scroll(state: &mut State, by: isize) {
    let rows = state.event_rows();
    let shown = state.shown_events(&rows).shown;
    let last = shown.len().saturating_sub(1);
    let Some(row) = state.user.event_log.selected_row(&shown, &rows) else { return };
    let row = row.saturating_add_signed(by).min(last);
    let seq = shown.get(row).and_then(|at| rows.get(*at)).map(|row| row.event.seq);
    state.user.event_log.table.selected = seq.filter(|_| row < last);
}

/// Wraps long texts, or cuts them.
pub(super) fn toggle_wrap(state: &mut State) {
    state.user.event_log.wraps = !state.user.event_log.wraps;
}
