//! Exports the table in front to a file.

use super::{Effect, reject, show_message};
use crate::{
    state::{Dialog, ExportedTable, LineInput, State, StatusKind, TableId},
    table::export::ExportFormat,
};

/// Asks for the name of the file.
pub(super) fn ask(state: &mut State) {
    let Some(table) = state.table_in_front() else { return };
    let text = LineInput::new(format!("{}.csv", table.name()));
    state.user.navigation.dialog = Some(Dialog::Export { table, text, error: None });
}

/// Writes the table to a file. Its ending says the format.
pub(super) fn accept(state: &mut State, table: TableId, name: &str) -> Vec<Effect> {
    let name = name.trim();
    let Some(format) = ExportFormat::of_file(name) else {
        reject(state, "the name must end with .csv or .json, which is the format");
        return Vec::new();
    };
    match state.exported_table(table, format) {
        Ok(ExportedTable { content, .. }) => vec![Effect::Export { path: name.into(), content }],
        Err(error) => {
            reject(state, format!("the table cannot be written: {error}"));
            Vec::new()
        }
    }
}

/// Closes the prompt if the file was written. Otherwise the prompt shows why not, so that another name can be typed.
pub(super) fn learn(state: &mut State, outcome: Result<(), String>) -> Vec<Effect> {
    state.stale = true;
    let Some(Dialog::Export { table, text, .. }) = &state.user.navigation.dialog else { return Vec::new() };
    match outcome {
        Ok(()) => {
            let message = format!("{} exported to {}", table.name(), text.text().trim());
            state.user.navigation.dialog = None;
            show_message(state, StatusKind::Info, message);
        }
        Err(reason) => reject(state, reason),
    }
    Vec::new()
}
