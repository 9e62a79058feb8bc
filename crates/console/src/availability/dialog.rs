//! Whether the text of a prompt, or the answer to a question, can be accepted.

use std::collections::HashSet;

use kreplay_model::control::{Decision, RecordDecision};

use super::{
    Refusal,
    audit::not_auditable,
    groups::{unexecutable_change, unplannable_change},
    no_session, not_in_list,
    quarantine::undecidable,
    refuse_unless,
    workers::{fixed_concurrency, no_race_possible},
};
use crate::{
    action::Action,
    state::{Asked, Dialog, Question, State},
};

/// Why the input or the answer cannot be accepted: the situation may have changed since the question.
pub(super) fn not_acceptable(state: &State) -> Refusal {
    match &state.user.navigation.dialog {
        Some(Dialog::Ask(Question::DecideKey(decision, hash))) => {
            let waits = state.feed.quarantined().iter().any(|key| key.hash == *hash);
            refuse_unless(waits, "that key is no longer in quarantine").or_else(|| undecidable(state, *decision))
        }
        Some(Dialog::Ask(question @ Question::DecideRecord(_, id))) => {
            let waits = state.paused_record_with(id).is_some();
            refuse_unless(waits, "that record no longer pauses the run")
                .or_else(|| asked_action(question)?.refusal(state))
        }
        Some(Dialog::Ask(question @ Question::ReplayInstead(names))) => {
            gone_topic(state, names).map(not_in_list).or_else(|| asked_action(question)?.refusal(state))
        }
        Some(Dialog::Ask(question)) => asked_action(question)?.refusal(state),
        Some(Dialog::Prompt { asked, .. }) => match asked {
            Asked::Workers => fixed_concurrency(state),
            Asked::Rate => no_session(state),
            Asked::RehearsedPartitions => not_auditable(state),
            Asked::RaceWorkers => no_race_possible(state),
            Asked::ChangeValue(_) => unplannable_change(state),
            Asked::GroupName => unexecutable_change(state),
            Asked::RecordText | Asked::ExportFile(_) | Asked::PresetName => None,
        },
        _ => None,
    }
}

/// The first of some topics that is no longer in the list: the active run would be stopped for nothing.
fn gone_topic<'a>(state: &State, names: &'a [String]) -> Option<&'a str> {
    let listed: HashSet<&str> = state.catalog().iter().map(|topic| topic.name.as_str()).collect();
    names.iter().map(String::as_str).find(|name| !listed.contains(name))
}

/// The action that a question asks about; `None` if it concerns a single key.
fn asked_action(question: &Question) -> Option<Action> {
    match question {
        Question::Restart => Some(Action::Restart),
        Question::Race => Some(Action::StartRace),
        Question::Stop => Some(Action::Stop),
        Question::Quit => Some(Action::Quit),
        Question::DecideAll(Decision::Release) => Some(Action::ReleaseAll),
        Question::DecideAll(Decision::DeadLetter) => Some(Action::DeadLetterAll),
        Question::DecideRecord(RecordDecision::Skip, _) => Some(Action::SkipRecord),
        Question::DecideRecord(RecordDecision::DeadLetter, _) => Some(Action::DeadLetterRecord),
        Question::ReplayInstead(_) => Some(Action::Replay),
        Question::LaunchInstead { .. } => Some(Action::StartRequest),
        // The alert may be resolved by now; its rule can still be silenced.
        Question::DecideKey(..) | Question::Silence | Question::ReplacePreset | Question::DeletePreset => None,
    }
}
