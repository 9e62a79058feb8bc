//! Asking for a plan, and looking at it.

use std::sync::Arc;

use super::{Effect, run::cannot_command, say};
use crate::{
    console::state::{Overlay, State, StatusKind},
    replay::Command,
};

/// Opens the window, or closes it. Topics that are being chosen are planned anew; otherwise a plan that is there is shown.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    if matches!(state.overlay, Some(Overlay::Plan(_))) {
        state.overlay = None;
        return Vec::new();
    }
    let planning = &state.snapshot.planning;
    // A plan of other topics than those of the run would be read as the run's.
    let fits =
        planning.forecast.as_ref().is_some_and(|plan| state.run().is_none_or(|run| run.plan.topics == plan.topics));
    if (fits || planning.going.is_some()) && !state.topics.open {
        state.overlay = Some(Overlay::Plan(0));
        return Vec::new();
    }
    make(state)
}

/// Asks for a plan, and opens the window.
pub(super) fn make(state: &mut State) -> Vec<Effect> {
    let names: Arc<[String]> = if state.topics.open {
        state.chosen().into_iter().map(|topic| topic.name.clone()).collect()
    } else {
        Arc::default()
    };
    let refusal = if let Some(refusal) = cannot_command(state) {
        Some(refusal)
    } else if names.is_empty() && (state.topics.open || state.run().is_none()) {
        Some("there is no topic to plan; choose one with t")
    } else {
        None
    };
    if let Some(refusal) = refusal {
        say(state, StatusKind::Refused, refusal);
        return Vec::new();
    }
    state.overlay = Some(Overlay::Plan(0));
    vec![Effect::Send(Command::Plan(names))]
}

/// Gives up the plan that is being made.
pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    if state.snapshot.planning.going.is_none() {
        say(state, StatusKind::Refused, "no plan is being made");
        return Vec::new();
    }
    say(state, StatusKind::Info, "the plan is given up");
    vec![Effect::Send(Command::StopPlanning)]
}
