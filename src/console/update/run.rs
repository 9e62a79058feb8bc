//! Starting, pausing, stopping, leaving.

use super::{Effect, ask, failed_record, quarantine, say, topics};
use crate::{
    console::state::{Overlay, Question, State, StatusKind},
    feed::RunState,
    replay::Command,
};

pub(super) fn run(state: &mut State) -> Vec<Effect> {
    if state.going() {
        return ask(state, Question::Restart);
    }
    if topics::must_choose(state) {
        return topics::open(state);
    }
    start(state, Command::Start)
}

pub(super) fn restart(state: &mut State) -> Vec<Effect> {
    if state.going() {
        return ask(state, Question::Restart);
    }
    if topics::must_choose(state) {
        return topics::open(state);
    }
    start(state, Command::Restart)
}

pub(super) fn start(state: &mut State, command: Command) -> Vec<Effect> {
    if let Some(refusal) = cannot_command(state) {
        say(state, StatusKind::Refused, refusal);
        return Vec::new();
    }
    state.pending = None;
    say(state, StatusKind::Info, STARTING);
    vec![Effect::Send(command)]
}

/// Why no command would reach a session, if so.
pub(super) fn cannot_command(state: &State) -> Option<&'static str> {
    if state.ended {
        Some("the session has ended; quit with q")
    } else if state.snapshot.at.is_none() {
        Some("not connected yet")
    } else {
        None
    }
}

pub(super) fn toggle_pause(state: &mut State) -> Vec<Effect> {
    let (kind, text, effects) = match state.run().map(|run| run.state).filter(|_| state.going()) {
        Some(RunState::Running) => (StatusKind::Info, "pausing: what is in hand is finished", Some(Command::Pause)),
        Some(RunState::Paused) => (StatusKind::Info, "going on", Some(Command::Resume)),
        Some(RunState::Draining) => (StatusKind::Refused, "the run is already coming to its end", None),
        _ => (StatusKind::Refused, "no run is going", None),
    };
    say(state, kind, text);
    effects.map(Effect::Send).into_iter().collect()
}

pub(super) fn cancel(state: &mut State) -> Vec<Effect> {
    if state.going() {
        return ask(state, Question::Cancel);
    }
    say(state, StatusKind::Refused, "no run is going");
    Vec::new()
}

pub(super) fn quit(state: &mut State) -> Vec<Effect> {
    if state.going() {
        return ask(state, Question::Quit);
    }
    vec![Effect::Quit]
}

pub(super) fn interrupt(state: &mut State) -> Vec<Effect> {
    if state.overlay == Some(Overlay::Ask(Question::Quit)) {
        return vec![Effect::Quit];
    }
    quit(state)
}

/// The user said yes.
pub(super) fn answer(state: &mut State, question: Question) -> Vec<Effect> {
    match question {
        Question::Restart => start(state, Command::Restart),
        Question::Cancel => {
            let grouped = state.run().is_some_and(|run| run.plan.group.is_some());
            let committed = if grouped { " and committed" } else { "" };
            say(state, StatusKind::Info, format!("cancelling: what is in hand is finished{committed}"));
            vec![Effect::Send(Command::Cancel)]
        }
        Question::Quit => vec![Effect::Quit],
        Question::DecideAll(decision) => quarantine::send(state, decision, None),
        Question::DecideKey(decision, hash) => quarantine::send_key(state, decision, hash),
        Question::DecideRecord(decision) => failed_record::send(state, decision),
        Question::ReplayInstead => topics::replay_chosen(state),
    }
}

/// What was said when a run was started, paused or stopped is past as soon as the run is.
const PASSING: [&str; 4] = [STARTING, "pausing", "going on", "cancelling"];
const STARTING: &str = "starting";

/// A run that has just come to its end: what was said of it before goes, and one that was stopped says how it goes on.
pub(super) fn note_end(state: &mut State, was_going: bool, ended: bool) {
    let over = state.run().is_some_and(|run| run.state.is_over());
    let passing = |text: &str| PASSING.iter().any(|begin| text.starts_with(begin));
    if over && ended && state.status.as_ref().is_some_and(|one| one.kind == StatusKind::Info && passing(&one.text)) {
        state.status = None;
    }
    let stopped = state.run().filter(|run| was_going && run.state == RunState::Cancelled && run.plan.resumable);
    if let Some(id) = stopped.map(|run| run.id.clone()) {
        say(state, StatusKind::Info, format!("stopped; go on later with: kreplay resume {id}"));
    }
}
