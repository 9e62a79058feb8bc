//! Starts, pauses, and stops runs, and quits.

use kreplay_model::control::Command;
use kreplay_model::feed::RunState;

use super::{Effect, ask, show_message};
use crate::state::{Dialog, Question, State, StatusKind};

pub(super) fn start(state: &mut State, command: Command) -> Vec<Effect> {
    state.user.pending = None;
    show_message(state, StatusKind::Info, STARTING);
    vec![Effect::Send(command)]
}

pub(super) fn toggle_pause(state: &mut State) -> Vec<Effect> {
    if state.run().is_some_and(|run| run.state == RunState::Paused) {
        show_message(state, StatusKind::Info, "resuming");
        return vec![Effect::Send(Command::Resume)];
    }
    show_message(state, StatusKind::Info, "pausing: records in flight are finished");
    vec![Effect::Send(Command::Pause)]
}

pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    let grouped = state.run().is_some_and(|run| run.plan.group.is_some());
    let committed = if grouped { " and committed" } else { "" };
    show_message(state, StatusKind::Info, format!("stopping once the records in flight are finished{committed}"));
    vec![Effect::Send(Command::Stop)]
}

pub(super) fn quit(state: &mut State) -> Vec<Effect> {
    if state.ends_run_on_quit() {
        return ask(state, Question::Quit);
    }
    vec![Effect::Quit]
}

pub(super) fn interrupt(state: &mut State) -> Vec<Effect> {
    if state.user.navigation.dialog == Some(Dialog::Ask(Question::Quit)) {
        return vec![Effect::Quit];
    }
    quit(state)
}

/// Prefixes of messages that are obsolete once the run has ended.
const TRANSIENT_PREFIXES: [&str; 4] = [STARTING, "pausing", "resuming", "stopping"];
const STARTING: &str = "starting";

/// Handles the end of a run: removes obsolete messages, and shows how to resume a stopped run.
pub(super) fn announce_end(state: &mut State, was_active: bool, ended: bool) {
    let over = state.run().is_some_and(|run| run.state.is_over());
    let is_transient = |text: &str| TRANSIENT_PREFIXES.iter().any(|begin| text.starts_with(begin));
    if over
        && ended
        && state.user.status.as_ref().is_some_and(|one| one.kind == StatusKind::Info && is_transient(&one.text))
    {
        state.user.status = None;
    }
    let stopped = state.run().filter(|run| was_active && run.state == RunState::Cancelled && run.plan.resumable);
    if let Some(id) = stopped.map(|run| run.id.clone()) {
        show_message(state, StatusKind::Info, format!("stopped; resume with: kreplay resume {id}"));
    }
}
