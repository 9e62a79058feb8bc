//! Starts, pauses, and stops runs, and quits.

use kreplay_model::control::Command;
use kreplay_model::feed::RunState;

use super::{Effect, ask, failed_record, quarantine, show_message, topics};
use crate::state::{Overlay, Question, State, StatusKind};

pub(super) fn run(state: &mut State) -> Vec<Effect> {
    if state.run_is_active() {
        return ask(state, Question::Restart);
    }
    if topics::must_choose(state) {
        return topics::open(state);
    }
    start(state, Command::Start)
}

pub(super) fn restart(state: &mut State) -> Vec<Effect> {
    if state.run_is_active() {
        return ask(state, Question::Restart);
    }
    if topics::must_choose(state) {
        return topics::open(state);
    }
    start(state, Command::Restart)
}

pub(super) fn start(state: &mut State, command: Command) -> Vec<Effect> {
    if let Some(refusal) = cannot_command(state) {
        show_message(state, StatusKind::Refused, refusal);
        return Vec::new();
    }
    state.user.pending = None;
    show_message(state, StatusKind::Info, STARTING);
    vec![Effect::Send(command)]
}

/// Why no command can be sent to the session; `None` if one can.
pub(super) fn cannot_command(state: &State) -> Option<&'static str> {
    if state.feed.ended {
        Some("the session has ended; quit with q")
    } else if state.feed.snapshot.at.is_none() {
        Some("not connected yet")
    } else {
        None
    }
}

pub(super) fn toggle_pause(state: &mut State) -> Vec<Effect> {
    let (kind, text, effects) = match state.run().map(|run| run.state).filter(|_| state.run_is_active()) {
        Some(RunState::Running) => (StatusKind::Info, "pausing: records in flight are finished", Some(Command::Pause)),
        Some(RunState::Paused) => (StatusKind::Info, "resuming", Some(Command::Resume)),
        Some(RunState::Draining) => (StatusKind::Refused, "the run is already ending", None),
        _ => (StatusKind::Refused, "no run is active", None),
    };
    show_message(state, kind, text);
    effects.map(Effect::Send).into_iter().collect()
}

pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    if state.run_is_active() {
        return ask(state, Question::Stop);
    }
    show_message(state, StatusKind::Refused, "no run is active");
    Vec::new()
}

pub(super) fn quit(state: &mut State) -> Vec<Effect> {
    if state.run_is_active() {
        return ask(state, Question::Quit);
    }
    vec![Effect::Quit]
}

pub(super) fn interrupt(state: &mut State) -> Vec<Effect> {
    if state.user.overlay == Some(Overlay::Ask(Question::Quit)) {
        return vec![Effect::Quit];
    }
    quit(state)
}

/// Performs the action of a confirmed question.
pub(super) fn answer(state: &mut State, question: Question) -> Vec<Effect> {
    match question {
        Question::Restart => start(state, Command::Restart),
        Question::Stop => {
            let grouped = state.run().is_some_and(|run| run.plan.group.is_some());
            let committed = if grouped { " and committed" } else { "" };
            show_message(state, StatusKind::Info, format!("stopping: records in flight are finished{committed}"));
            vec![Effect::Send(Command::Cancel)]
        }
        Question::Quit => vec![Effect::Quit],
        Question::DecideAll(decision) => quarantine::send(state, decision, None),
        Question::DecideKey(decision, hash) => quarantine::send_key(state, decision, hash),
        Question::DecideRecord(decision) => failed_record::send(state, decision),
        Question::ReplayInstead => topics::replay_chosen(state),
    }
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
