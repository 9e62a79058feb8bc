//! Sets and removes the rate limit.

use kreplay_model::control::Command;
use kreplay_model::domain::RateLimit;

use super::{Effect, show_message};
use crate::state::{Dialog, State, StatusKind};

/// Opens the prompt.
pub(super) fn ask(state: &mut State) {
    state.user.navigation.dialog = Some(Dialog::Rate { text: String::new(), error: None });
}

/// Accepts the typed rate, or shows in the prompt why it is invalid. Empty input or `off` removes the limit.
pub(super) fn accept(state: &mut State, text: &str) -> Vec<Effect> {
    let rate = match text.trim() {
        "" | "off" => Ok(None),
        typed => typed.parse::<RateLimit>().map(Some),
    };
    match rate {
        Ok(rate) => {
            state.user.navigation.dialog = None;
            let message = rate.map_or_else(|| "no rate limit".to_owned(), |rate| format!("at most {rate}"));
            show_message(state, StatusKind::Info, message);
            vec![Effect::Send(Command::SetRate(rate))]
        }
        Err(error) => {
            state.user.navigation.dialog = Some(Dialog::Rate { text: text.to_owned(), error: Some(error) });
            Vec::new()
        }
    }
}
