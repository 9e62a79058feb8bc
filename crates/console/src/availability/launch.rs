//! Whether runs can be chosen in the launch form.

use super::{Refusal, no_session, refuse_unless};
use crate::state::{Dialog, LaunchAccess, MAX_COPIED_BYTES, ScreenId, State};

/// Why the launch form cannot be opened.
pub(crate) fn no_form(state: &State) -> Refusal {
    match &state.launch_access {
        LaunchAccess::Unavailable(reason) => Some(reason.clone()),
        LaunchAccess::Available(_) => no_session(state),
    }
}

/// Why what the form describes cannot be started.
pub(super) fn not_startable(state: &State) -> Refusal {
    no_form(state).or_else(|| refuse_unless(state.user.launch.starting.is_none(), "the run is being started"))
}

/// Why the command line cannot be copied.
pub(super) fn no_command(state: &State) -> Refusal {
    let Some(line) = state.launch_command() else { return no_form(state) };
    let is_plain = !line.has_control_characters();
    refuse_unless(is_plain, "a value contains control characters, which could act on a terminal")
        .or_else(|| refuse_unless(line.text().len() <= MAX_COPIED_BYTES, "the line is too long for the clipboard"))
}

/// Why presets can neither be kept nor listed.
pub(super) fn no_presets(state: &State) -> Refusal {
    let is_open = state.user.navigation.front().screen == ScreenId::Launch;
    no_form(state)
        .or_else(|| refuse_unless(is_open, "presets are available only in the launch form"))
        .or_else(|| refuse_unless(state.keeps_presets, "no directory for presets; set run.state_dir"))
}

/// Why no preset can be loaded or deleted.
pub(super) fn no_preset(state: &State) -> Refusal {
    let is_selected = match &state.user.navigation.dialog {
        Some(Dialog::Presets(choice)) => choice.selected().is_some(),
        _ => false,
    };
    refuse_unless(is_selected, "no preset is selected").or_else(|| no_presets(state))
}
