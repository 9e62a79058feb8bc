//! Chooses the columns of the table in front.

use super::show_message;
use crate::state::{ColumnChoice, Dialog, State, StatusKind};

/// Opens the choice.
pub(super) fn open(state: &mut State) {
    let Some(table) = state.table_in_front() else { return };
    state.user.navigation.dialog = Some(Dialog::Columns(ColumnChoice { table, row: 0 }));
}

fn choice(state: &mut State) -> Option<&mut ColumnChoice> {
    match &mut state.user.navigation.dialog {
        Some(Dialog::Columns(choice)) => Some(choice),
        _ => None,
    }
}

/// Moves the cursor to a column, or to the last one.
fn select(state: &mut State, row: usize) {
    let Some(table) = choice(state).map(|choice| choice.table) else { return };
    let last = state.columns_to_choose(table).len().saturating_sub(1);
    if let Some(choice) = choice(state) {
        choice.row = row.min(last);
    }
}

/// Moves the cursor up (negative) or down.
pub(super) fn scroll(state: &mut State, by: isize) {
    let Some(row) = choice(state).map(|choice| choice.row) else { return };
    select(state, row.saturating_add_signed(by));
}

/// Shows or hides a column, and moves the cursor to it.
pub(super) fn click(state: &mut State, row: usize) {
    select(state, row);
    toggle(state);
}

/// Shows or hides the column under the cursor. The last one that is shown cannot be hidden.
pub(super) fn toggle(state: &mut State) {
    let Some(ColumnChoice { table, row }) = choice(state).copied() else { return };
    let columns = state.columns_to_choose(table);
    let Some(column) = columns.get(row) else { return };
    let shown = columns.iter().filter(|one| !state.hidden_columns(table).contains(one.id)).count();
    let hidden = state.hidden_columns_mut(table);
    if hidden.remove(column.id) {
        return;
    }
    if shown > 1 {
        hidden.insert(column.id);
    } else {
        show_message(state, StatusKind::Refused, "one column must be shown");
    }
}
