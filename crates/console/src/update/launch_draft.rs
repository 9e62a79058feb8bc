//! Changes the draft of the launch form.

use kreplay_model::control::RunField;

use crate::state::{PlanWait, State};

/// The draft has changed: it waits to be planned.
pub(super) fn touch(state: &mut State) {
    state.user.launch.number += 1;
    state.user.launch.wait = PlanWait::Changed;
}

/// Sets the range.
pub(super) fn set_range(state: &mut State, from: &str, to: &str) {
    let draft = state.draft().with(RunField::From, from).with(RunField::To, to);
    if state.user.launch.draft.as_ref() != Some(&draft) {
        state.user.launch.draft = Some(draft);
        touch(state);
    }
}
