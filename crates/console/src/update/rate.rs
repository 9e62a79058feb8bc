//! Sets and removes the rate limit.

use kreplay_model::control::Command;
use kreplay_model::domain::RateLimit;

use super::{Effect, reject, show_message};
use crate::state::{Asked, Attachment, Dialog, State, StatusKind};

/// Opens the prompt.
pub(super) fn ask(state: &mut State) {
    state.user.navigation.dialog = Some(Dialog::prompt(Asked::Rate, ""));
}

/// Accepts the typed rate, or shows in the prompt why it is invalid. Empty input or `off` removes the limit.
pub(super) fn accept(state: &mut State, text: &str) -> Vec<Effect> {
    enter(state, text).unwrap_or_else(|reason| {
        reject(state, reason);
        Vec::new()
    })
}

/// Sets or removes the limit, and closes the dialog.
///
/// # Errors
/// Why the text is invalid. The dialog stays open.
pub(super) fn enter(state: &mut State, text: &str) -> Result<Vec<Effect>, String> {
    let rate = match text.trim() {
        "" | "off" => None,
        typed => Some(typed.parse::<RateLimit>()?),
    };
    state.user.navigation.dialog = None;
    let divided = state.attachment.as_ref().map_or("", Attachment::divided);
    let message = rate.map_or_else(|| "no rate limit".to_owned(), |rate| format!("at most {rate}{divided}"));
    show_message(state, StatusKind::Info, message);
    Ok(vec![Effect::Send(Command::SetRate(rate))])
}
