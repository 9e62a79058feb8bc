//! Starts a run, after a question or the choice of topics if one is needed.

use kreplay_model::control::Command;

use super::{Effect, ask, run, topics};
use crate::state::{Question, State};

/// Starts a run with the command. Asks first if one is active, and opens the topic list if topics must be chosen.
pub(super) fn launch(state: &mut State, command: Command) -> Vec<Effect> {
    if state.run_is_active() {
        return ask(state, Question::Restart);
    }
    if topics::must_choose(state) {
        return topics::open(state);
    }
    run::start(state, command)
}
