//! Requests a plan and shows it.

use std::sync::Arc;

use kreplay_model::control::Command;

use super::{Effect, show_message};
use crate::state::{ScreenId, State, StatusKind};

/// Opens or closes the plan. In the topic list, it always requests a new plan; otherwise it shows the existing one.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    if state.shows_plan() {
        state.user.navigation.back();
        return Vec::new();
    }
    if state.has_plan_to_show() {
        state.user.navigation.open(ScreenId::Plan);
        return Vec::new();
    }
    make(state)
}

/// Requests a plan and opens it.
pub(super) fn make(state: &mut State) -> Vec<Effect> {
    let names: Arc<[String]> = if state.chooses_topics() {
        state.chosen().into_iter().map(|topic| topic.name.clone()).collect()
    } else {
        Arc::default()
    };
    state.user.navigation.open(ScreenId::Plan);
    state.user.navigation.front_mut().scroll = 0;
    vec![Effect::Send(Command::Plan(names))]
}

/// Stops making the plan.
pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    show_message(state, StatusKind::Info, "planning stopped");
    vec![Effect::Send(Command::StopPlanning)]
}
