//! Silences: no actions on the alerts of a rule for a time.

use std::time::Duration;

use kreplay_model::watch::SilenceCommand;

use super::{Effect, ask, show_message};
use crate::state::{Question, State, StatusKind};

/// The length of a silence.
pub(crate) const LENGTH: Duration = Duration::from_secs(3600);

/// Asks before silencing the rule of the first alert that fires.
pub(super) fn choose(state: &mut State) -> Vec<Effect> {
    state.user.watch.silencing = state.rule_to_silence().map(Into::into);
    ask(state, Question::Silence)
}

/// Silences the rule that was asked about.
pub(super) fn send(state: &mut State) -> Vec<Effect> {
    let Some(rule) = state.user.watch.silencing.take() else { return Vec::new() };
    show_message(state, StatusKind::Info, format!("the rule {rule} is silenced for 1 hour"));
    vec![Effect::Silence(SilenceCommand::Silence { rule: rule.to_string(), length: LENGTH })]
}

/// Ends all silences.
pub(super) fn end_all(state: &mut State) -> Vec<Effect> {
    show_message(state, StatusKind::Info, "all silences are ended");
    vec![Effect::Silence(SilenceCommand::EndAll)]
}
