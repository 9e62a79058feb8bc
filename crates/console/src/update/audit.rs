//! Audits topics, and shows what was found.

use kreplay_model::audit::{AuditCommand, AuditProgress};

use super::{Effect, reject, show_message};
use crate::state::{Asked, Dialog, ScreenId, State, StatusKind};

/// The most partitions that can be rehearsed.
const MAX_PARTITIONS: i32 = 10_000;

/// Notes that topics can be audited.
pub(super) fn allow(state: &mut State) -> Vec<Effect> {
    state.user.audit.is_available = true;
    state.stale = true;
    Vec::new()
}

/// Takes an answer.
pub(super) fn learn(state: &mut State, answer: &AuditProgress) -> Vec<Effect> {
    state.user.audit.learn(answer);
    state.stale = true;
    Vec::new()
}

/// Opens the audit of the chosen topics, or of those of the run. It begins if there is none of these topics yet.
pub(super) fn open(state: &mut State) -> Vec<Effect> {
    let Ok(topics) = state.topics_to_audit() else { return Vec::new() };
    let is_new = !state.user.audit.is_about(&topics);
    state.user.navigation.open(ScreenId::Audit);
    if !is_new {
        return Vec::new();
    }
    state.user.navigation.front_mut().scroll = 0;
    vec![Effect::Audit(AuditCommand::Start(state.user.audit.ask(topics, false, None)))]
}

/// Audits the same topics again: a sample, or with `full` every record.
pub(super) fn again(state: &mut State, full: bool) -> Vec<Effect> {
    let Some(task) = state.user.audit.task.clone() else { return Vec::new() };
    let task = state.user.audit.ask(task.topics, full, task.rehearse_partitions);
    vec![Effect::Audit(AuditCommand::Start(task))]
}

/// Stops reading. The report then has what was found so far.
pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    show_message(state, StatusKind::Info, "audit stopped");
    vec![Effect::Audit(AuditCommand::Stop)]
}

/// Opens the prompt for the number of partitions to rehearse.
pub(super) fn ask_for_partitions(state: &mut State) {
    state.user.navigation.dialog = Some(Dialog::prompt(Asked::RehearsedPartitions, ""));
}

/// Audits again with the typed number of partitions, or shows in the prompt why it is invalid.
pub(super) fn accept_partitions(state: &mut State, text: &str) -> Vec<Effect> {
    let wanted = match text.trim() {
        off if off.eq_ignore_ascii_case("off") => None,
        number => match number.parse::<i32>() {
            Ok(count) if (1..=MAX_PARTITIONS).contains(&count) => Some(count),
            _ => {
                reject(state, format!("type a number from 1 to {MAX_PARTITIONS}, or off"));
                return Vec::new();
            }
        },
    };
    state.user.navigation.dialog = None;
    let Some(task) = state.user.audit.task.clone() else { return Vec::new() };
    let task = state.user.audit.ask(task.topics, task.full, wanted);
    vec![Effect::Audit(AuditCommand::Start(task))]
}
