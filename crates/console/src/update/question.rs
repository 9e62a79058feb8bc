//! Answers to questions.

use kreplay_model::control::Command;

use super::{Effect, failed_record, quarantine, run, topics};
use crate::state::{Overlay, Question, State};

/// Performs the action of a confirmed question.
pub(super) fn confirm(state: &mut State, question: Question) -> Vec<Effect> {
    state.user.overlay = None;
    match question {
        Question::Restart => run::start(state, Command::Restart),
        Question::Stop => run::stop(state),
        Question::Quit => vec![Effect::Quit],
        Question::DecideAll(decision) => quarantine::send(state, decision, None),
        Question::DecideKey(decision, hash) => quarantine::send_key(state, decision, hash),
        Question::DecideRecord(decision) => failed_record::send(state, decision),
        Question::ReplayInstead => topics::replay_chosen(state),
    }
}

/// Closes a question without an answer and returns to the window that it came from.
pub(super) fn withdraw(state: &mut State, question: Question) {
    match question {
        Question::DecideAll(_) => quarantine::open(state),
        Question::DecideKey(_, hash) => state.user.overlay = Some(Overlay::Quarantine(Some(hash))),
        Question::DecideRecord(_) => {
            state.user.overlay = None;
            failed_record::open(state);
        }
        Question::Restart | Question::Stop | Question::Quit | Question::ReplayInstead => state.user.overlay = None,
    }
}
