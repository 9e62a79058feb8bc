//! Changes of a watched group: choosing one, its plan, and its execution.

use std::{sync::Arc, time::Duration};

use kreplay_model::watch::{GroupChange, GroupChangeCommand, GroupChangeProgress, GroupChangeRequest, GroupChangeStep};

use super::{Effect, navigate, reject, show_message};
use crate::{
    state::{
        Asked, AskedChange, ChangeAccess, ChangeChoice, ChangePhase, Dialog, ScreenId, Scrollable, State, StatusKind,
        change_result,
    },
    table::{TableState, arrange},
};

/// Whether groups can be changed from now on.
pub(super) fn allow(state: &mut State, access: ChangeAccess) -> Vec<Effect> {
    state.stale |= state.feed.changes.access != access;
    state.feed.changes.access = access;
    Vec::new()
}

/// Shows an answer. A result is a message, too, because its window may have been closed.
pub(super) fn learn(state: &mut State, progress: &Arc<GroupChangeProgress>) -> Vec<Effect> {
    let is_new = state.feed.changes.progress.as_ref() != Some(progress);
    state.feed.changes.progress = Some(Arc::clone(progress));
    state.stale = true;
    match &progress.step {
        GroupChangeStep::Executed(plan) if is_new => {
            let kind = if plan.failed() > 0 { StatusKind::Error } else { StatusKind::Info };
            show_message(state, kind, change_result(plan));
        }
        GroupChangeStep::Failed { reason, .. } if is_new => {
            show_message(state, StatusKind::Error, format!("the group was not changed: {reason}"));
        }
        _ => {}
    }
    Vec::new()
}

/// While a plan is being made, the window shows for how many seconds.
pub(super) fn tick(state: &mut State, before: Duration) {
    let is_planning = matches!(state.change_phase(), ChangePhase::Planning(_));
    let is_open = state.user.navigation.is_open(ScreenId::Change);
    state.stale |= is_planning && is_open && before.as_secs() != state.now.as_secs();
}

/// Opens the window for the group under the cursor.
pub(super) fn open(state: &mut State) {
    let name = match state.user.navigation.front().screen {
        ScreenId::Trouble => state.selected_trouble_group().map(|group| group.group.clone()),
        ScreenId::Groups => state.selected_group().map(|group| group.group.clone()),
        _ => state.opened_group().map(|group| group.group.clone()).or_else(|| state.user.watch.opened.clone()),
    };
    let Some(name) = name else { return };
    if !state.change_phase().is_executing() {
        state.user.watch.change.asked = None;
    }
    state.user.watch.open(name);
    navigate::open(state, ScreenId::Change);
}

/// Moves among the changes, or in the table of the plan.
pub(super) fn scroll(state: &mut State, by: isize) {
    let phase = state.change_phase();
    if phase == ChangePhase::Choosing {
        state.user.watch.change.choice = state.user.watch.change.choice.step(by);
        return;
    }
    let Some(plan) = phase.plan() else { return };
    let rows = state.planned_rows(plan);
    let table = &state.user.watch.change.table;
    let shown = arrange(table, &rows).shown;
    let Some(selected) = table.key_at_distance(&shown, &rows, by) else { return };
    let mut next = TableState { selected: Some(selected), ..table.clone() };
    if let Some(height) = state.extents.page(Scrollable::Screen(ScreenId::Change)) {
        next.offset = next.first_row(&shown, &rows, height);
    }
    state.user.watch.change.table = next;
}

/// Moves the cursor to a change.
pub(super) fn choose(state: &mut State, choice: ChangeChoice) {
    if state.change_phase() == ChangePhase::Choosing {
        state.user.watch.change.choice = choice;
    }
}

/// Chooses other partitions for a reset.
pub(super) fn next_scope(state: &mut State) {
    state.user.watch.change.scope = state.user.watch.change.scope.next();
}

/// Asks for the plan of the chosen change, or first for what it needs.
pub(super) fn plan(state: &mut State) -> Vec<Effect> {
    let choice = state.user.watch.change.choice;
    if choice.asks_for().is_some() {
        state.user.navigation.dialog = Some(Dialog::prompt(Asked::ChangeValue(choice), ""));
        return Vec::new();
    }
    match state.chosen_change(choice, "") {
        Ok(change) => ask_for_plan(state, change),
        Err(problem) => {
            show_message(state, StatusKind::Refused, problem);
            Vec::new()
        }
    }
}

/// Accepts what was typed for a change, or shows why it is not valid.
pub(super) fn accept_value(state: &mut State, choice: ChangeChoice, text: &str) -> Vec<Effect> {
    match state.chosen_change(choice, text) {
        Ok(change) => {
            state.user.navigation.dialog = None;
            ask_for_plan(state, change)
        }
        Err(problem) => {
            reject(state, problem);
            Vec::new()
        }
    }
}

fn ask_for_plan(state: &mut State, change: GroupChange) -> Vec<Effect> {
    let Some(group) = state.group_to_change().map(str::to_owned) else { return Vec::new() };
    let request = GroupChangeRequest { group, change };
    let since = state.now;
    let view = &mut state.user.watch.change;
    view.last_number += 1;
    view.table = TableState::default();
    let number = view.last_number;
    view.asked = Some(AskedChange { number, request: request.clone(), since });
    vec![Effect::ChangeGroup(GroupChangeCommand::Plan { number, request })]
}

/// Asks for the name of the group, which must be typed before its plan is executed.
pub(super) fn ask_for_name(state: &mut State) {
    state.user.navigation.dialog = Some(Dialog::prompt(Asked::GroupName, ""));
}

/// Executes the plan if the name of its group was typed.
pub(super) fn accept_name(state: &mut State, text: &str) -> Vec<Effect> {
    let ChangePhase::Answered(asked, GroupChangeStep::Planned(plan)) = state.change_phase() else {
        state.user.navigation.dialog = None;
        return Vec::new();
    };
    let (number, is_confirmed) = (asked.number, text == plan.group);
    if is_confirmed {
        state.user.navigation.dialog = None;
        return vec![Effect::ChangeGroup(GroupChangeCommand::Execute { number })];
    }
    reject(state, "that is not the name of the group; nothing was changed");
    Vec::new()
}

/// Goes back from a plan, or its result, to the choice of a change. Returns whether there was one to leave: one that is
/// being executed cannot be left this way, so that its result is not missed.
pub(super) fn leave_plan(state: &mut State) -> bool {
    match state.change_phase() {
        ChangePhase::Choosing => false,
        phase if phase.is_executing() => false,
        _ => {
            state.user.watch.change.asked = None;
            true
        }
    }
}
