//! Requests a plan and shows it.

use std::sync::Arc;

use kreplay_model::control::Command;

use super::{Effect, show_message};
use crate::state::{Overlay, State, StatusKind};

/// Opens or closes the window. In the topic list, it always requests a new plan; otherwise it shows the existing one.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    if state.shows_plan() {
        state.user.overlay = None;
        return Vec::new();
    }
    if state.has_plan_to_show() {
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
    state.user.overlay = Some(Overlay::Plan(0));
    vec![Effect::Send(Command::Plan(names))]
}

/// Stops making the plan.
pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    show_message(state, StatusKind::Info, "planning stopped");
    vec![Effect::Send(Command::StopPlanning)]
}
