//! What cannot be done in a console that is attached to other processes.

use kreplay_model::attach::{AttachAccess, AttachView};

use super::Refusal;
use crate::{
    action::{Action, Reach},
    state::State,
};

/// Why an action is not available in an attached console; `None` in one that is not attached.
pub(super) fn refusal_if_attached(action: Action, state: &State) -> Refusal {
    let attachment = state.attachment.as_ref()?;
    if action == Action::Compare && state.shows_several_processes() {
        return Some("the runs of several processes cannot be compared; attach to one of them for this".into());
    }
    if !sends_command(action, state) {
        return None;
    }
    if matches!(action, Action::Launch | Action::StartRequest | Action::TryRequest) {
        return Some("the launch form is available only in the console of the process itself".into());
    }
    if let AttachAccess::ReadOnly { why } = &attachment.view.access {
        return Some(why.clone().into());
    }
    if attachment.is_lost() {
        return Some("not connected; kreplay is reconnecting".into());
    }
    refusal_if_several(action, &attachment.view)
}

/// Whether an action sends a command to the process. Prompts and questions belong to actions that were available.
fn sends_command(action: Action, state: &State) -> bool {
    match action {
        Action::Accept | Action::Quit | Action::Interrupt | Action::Suspend => false,
        Action::Plan => !state.shows_plan() && !state.has_plan_to_show(),
        Action::Topics => !state.feed.lists_topics(),
        action => action.reach() != Reach::View && !is_independent(action),
    }
}

/// Whether an action does not depend on what the process accepts. The page of runs with a journal says itself why it
/// lists none, and an attached console has nothing that audits topics.
fn is_independent(action: Action) -> bool {
    matches!(
        action,
        Action::Journals
            | Action::ListJournals
            | Action::Audit
            | Action::AuditAgain
            | Action::AuditAll
            | Action::Rehearse
            | Action::StopAudit
    )
}

/// Why a command cannot be sent to several processes. Each would apply it to itself. Settings are divided among them,
/// and a record is read by one of them.
fn refusal_if_several(action: Action, view: &AttachView) -> Refusal {
    let is_meant_for_all = matches!(
        action,
        Action::TogglePause
            | Action::Stop
            | Action::MoreWorkers
            | Action::FewerWorkers
            | Action::DoubleWorkers
            | Action::HalveWorkers
            | Action::SetConcurrency
            | Action::ToggleAuto
            | Action::SetRate
            | Action::RefreshGroups
            | Action::PauseWatch
            | Action::SilenceRule
            | Action::EndSilences
            | Action::Inspect
    );
    let is_refused = view.is_merged() && !is_meant_for_all;
    is_refused.then_some("several processes are shown; attach to one of them for this".into())
}
