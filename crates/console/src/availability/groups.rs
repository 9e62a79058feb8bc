//! Whether watched groups can be shown and changed.

use kreplay_model::watch::GroupChangeStep;

use super::{Refusal, refuse_unless};
use crate::state::{ChangeAccess, ChangePhase, ScreenId, State};

/// Why no groups are shown.
pub(crate) fn no_watch(state: &State) -> Refusal {
    refuse_unless(state.feed.watched.is_on(), "no consumer groups are watched; `kreplay watch` watches them")
}

/// Why the screen of a group has nothing to show. A group that vanished is still named there.
pub(crate) fn no_group(state: &State) -> Refusal {
    let has_group = state.user.watch.opened.is_some() || state.opened_group().is_some();
    no_watch(state).or_else(|| refuse_unless(has_group, "there is no group to show"))
}

pub(super) fn no_group_to_open(state: &State) -> Refusal {
    let has_one = match state.user.navigation.front().screen {
        ScreenId::Trouble => !state.trouble().is_empty(),
        ScreenId::Groups => state.selected_group().is_some(),
        ScreenId::Group => return refuse_unless(false, "the group is open"),
        _ => false,
    };
    refuse_unless(has_one, "there is no group to open")
}

/// Why the group under the cursor cannot be named.
pub(super) fn unselected_group(state: &State) -> Refusal {
    let has_one = match state.user.navigation.front().screen {
        ScreenId::Trouble => state.selected_trouble_group().is_some(),
        ScreenId::Groups => state.selected_group().is_some(),
        _ => state.group_to_change().is_some(),
    };
    no_watch(state).or_else(|| refuse_unless(has_one, "there is no group to change"))
}

/// Why no change can even be planned.
pub(super) fn unchangeable(state: &State) -> Refusal {
    match &state.feed.changes.access {
        ChangeAccess::Unavailable(reason) => Some(reason.clone()),
        ChangeAccess::PlanOnly(_) | ChangeAccess::Full => refuse_unless(!state.feed.ended, "the session has ended"),
    }
}

/// Why the window that changes a group has nothing to show.
pub(crate) fn no_group_to_change(state: &State) -> Refusal {
    let has_group = state.group_to_change().is_some();
    no_watch(state).or_else(|| refuse_unless(has_group, "there is no group to change")).or_else(|| unchangeable(state))
}

pub(super) fn unplannable_change(state: &State) -> Refusal {
    no_group_to_change(state).or_else(|| {
        let is_choosing = state.change_phase() == ChangePhase::Choosing;
        refuse_unless(is_choosing, "close this plan before choosing another change")
    })
}

pub(super) fn no_choice_of_partitions(state: &State) -> Refusal {
    unplannable_change(state).or_else(|| {
        let why = "partitions can be chosen only for resets and shifts";
        refuse_unless(state.user.watch.change.choice.is_reset(), why)
    })
}

/// Why the plan of a change cannot be executed.
pub(crate) fn unexecutable_change(state: &State) -> Refusal {
    let phase = state.change_phase();
    let plan = match phase {
        ChangePhase::Answered(_, GroupChangeStep::Planned(plan)) => plan,
        ChangePhase::Answered(_, GroupChangeStep::Executing(_)) => return Some("the plan is being executed".into()),
        _ => return Some("there is no plan to execute".into()),
    };
    if let ChangeAccess::PlanOnly(reason) = &state.feed.changes.access {
        return Some(reason.clone());
    }
    let is_typed = !plan.group.chars().any(char::is_control);
    unchangeable(state).or_else(|| refuse_unless(plan.has_changes, "this plan changes nothing")).or_else(|| {
        refuse_unless(is_typed, "the group's name cannot be typed here; `kreplay groups` can change the group")
    })
}
