//! Answers to questions.

use kreplay_model::control::Command;

use super::{Effect, failed_record, launch_form, presets, quarantine, race, run, silence, topics};
use crate::state::{Question, State};

/// Performs the action of a confirmed question.
pub(super) fn confirm(state: &mut State, question: Question) -> Vec<Effect> {
    state.user.navigation.dialog = None;
    match question {
        Question::Restart => run::start(state, Command::Restart),
        Question::Stop => run::stop(state),
        Question::Quit => vec![Effect::Quit],
        Question::DecideAll(decision) => quarantine::send_all(state, decision),
        Question::DecideKey(decision, hash) => quarantine::send_key(state, decision, hash),
        Question::DecideRecord(decision, id) => failed_record::send(state, decision, id),
        Question::ReplayInstead(names) => topics::replay_these(state, names),
        Question::Race => race::begin(state),
        Question::LaunchInstead { dry_run } => launch_form::send(state, dry_run),
        Question::ReplacePreset => presets::replace(state),
        Question::DeletePreset => presets::delete(state),
        Question::Silence => silence::send(state),
    }
}
