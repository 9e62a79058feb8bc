//! Requests a plan and shows it.

use std::sync::Arc;

use kreplay_model::control::Command;

use super::{Effect, run::cannot_command, show_message};
use crate::state::{Overlay, State, StatusKind};

/// Opens or closes the window. In the topic list, it always requests a new plan; otherwise it shows the existing one.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    if matches!(state.user.overlay, Some(Overlay::Plan(_))) {
        state.user.overlay = None;
        return Vec::new();
    }
    let planning = &state.feed.snapshot.planning;
    // A plan of other topics would be mistaken for the plan of the run.
    let fits =
        planning.forecast.as_ref().is_some_and(|plan| state.run().is_none_or(|run| run.plan.topics == plan.topics));
    if (fits || planning.in_progress.is_some()) && !state.user.topics.open {
        state.user.overlay = Some(Overlay::Plan(0));
        return Vec::new();
    }
    make(state)
}

/// Requests a plan and opens the window.
pub(super) fn make(state: &mut State) -> Vec<Effect> {
    let names: Arc<[String]> = if state.user.topics.open {
        state.chosen().into_iter().map(|topic| topic.name.clone()).collect()
    } else {
        Arc::default()
    };
    let refusal = if let Some(refusal) = cannot_command(state) {
        Some(refusal)
    } else if names.is_empty() && (state.user.topics.open || state.run().is_none()) {
        Some("there is no topic to plan; choose one with t")
    } else {
        None
    };
    if let Some(refusal) = refusal {
        show_message(state, StatusKind::Refused, refusal);
        return Vec::new();
    }
    state.user.overlay = Some(Overlay::Plan(0));
    vec![Effect::Send(Command::Plan(names))]
}

/// Stops making the plan.
pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    if state.feed.snapshot.planning.in_progress.is_none() {
        show_message(state, StatusKind::Refused, "no plan is being made");
        return Vec::new();
    }
    show_message(state, StatusKind::Info, "planning stopped");
    vec![Effect::Send(Command::StopPlanning)]
}
