//! Exports the table or the chart in front, or the screen as a picture, to a file.

use std::path::Path;

use super::{Effect, reject, show_message};
use crate::{
    state::{Asked, Dialog, ExportSubject, State, StatusKind},
    table::export::ExportFormat,
};

/// Asks for the name of the file.
pub(super) fn ask(state: &mut State) {
    let subject = state.export_subject();
    state.user.navigation.dialog = Some(Dialog::prompt(Asked::ExportFile(subject), &subject.file_name()));
}

/// Writes to a file. Its ending says the format.
pub(super) fn accept(state: &mut State, subject: ExportSubject, name: &str) -> Vec<Effect> {
    let name = name.trim();
    if is_picture(name) {
        return vec![Effect::ExportPicture(name.into())];
    }
    let Some(format) = ExportFormat::of_file(name).filter(|_| subject.has_values()) else {
        reject(state, format!("the name must end with {}, which is the format", subject.endings()));
        return Vec::new();
    };
    match state.exported(subject, format) {
        Ok(content) => vec![Effect::Export { path: name.into(), content }],
        Err(error) => {
            reject(state, format!("the values cannot be written: {error}"));
            Vec::new()
        }
    }
}

/// Whether the ending of a file's name says that it is a picture.
fn is_picture(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("svg"))
}

/// Closes the prompt if the file was written. Otherwise the prompt shows why not, so that another name can be typed.
pub(super) fn learn(state: &mut State, outcome: Result<(), String>) -> Vec<Effect> {
    state.stale = true;
    let Some(Dialog::Prompt { asked: Asked::ExportFile(subject), text, .. }) = &state.user.navigation.dialog else {
        return Vec::new();
    };
    match outcome {
        Ok(()) => {
            let what = if is_picture(text.text().trim()) { "screen" } else { subject.name() };
            let message = format!("{what} exported to {}", text.text().trim());
            state.user.navigation.dialog = None;
            show_message(state, StatusKind::Info, message);
        }
        Err(reason) => reject(state, reason),
    }
    Vec::new()
}
