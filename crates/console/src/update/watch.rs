//! Watched groups: snapshots, what is visible, and what the user looks at.

use std::{sync::Arc, time::Duration};

use kreplay_model::watch::{AlertsSnapshot, WatchCommand, WatchEvent, WatchSnapshot};

use super::{Effect, navigate, reopen, show_message};
use crate::state::{
    Extent, GroupMemberRow, GroupPanel, GroupPartitionRow, GroupRow, ScreenId, Scrollable, State, StatusKind,
    TroubleItem, TroubleKey, Watched,
};
use crate::table::arrange;
use kreplay_model::domain::TopicPartition;

/// The groups are watched from now on.
pub(super) fn begin(state: &mut State) -> Vec<Effect> {
    if !state.feed.watched.is_on() {
        state.feed.watched = Watched::Listing(state.now);
        state.stale = true;
    }
    Vec::new()
}

/// Shows a new snapshot.
pub(super) fn learn(state: &mut State, snapshot: Arc<WatchSnapshot>) -> Vec<Effect> {
    if state.feed.watched.snapshot() != Some(&*snapshot) {
        state.feed.timeline.add_watch(&snapshot);
        state.feed.watched = Watched::known(snapshot);
        state.stale = true;
    }
    reopen::page(state);
    Vec::new()
}

/// Shows the alerts of a new look.
pub(super) fn learn_alerts(state: &mut State, snapshot: Arc<AlertsSnapshot>) -> Vec<Effect> {
    state.stale |= state.feed.alerts.as_ref() != Some(&snapshot);
    state.feed.alerts = Some(snapshot);
    Vec::new()
}

/// Adds events.
pub(super) fn add_events(state: &mut State, events: &[WatchEvent]) -> Vec<Effect> {
    for event in events {
        state.feed.timeline.add_watch_event(event);
    }
    state.stale |= !events.is_empty();
    Vec::new()
}

/// While the groups are being listed, the screen shows for how many seconds.
pub(super) fn tick(state: &mut State, before: Duration) {
    let is_listing = matches!(state.feed.watched, Watched::Listing(_));
    state.stale |= is_listing && before.as_secs() != state.now.as_secs();
}

/// Tells the watcher which groups are visible, if others are than before.
pub(super) fn look(state: &mut State) -> Vec<Effect> {
    let visible = state.extents.groups();
    if *state.user.watch.visible == *visible {
        return Vec::new();
    }
    let visible: Arc<[String]> = visible.into();
    state.user.watch.visible = Arc::clone(&visible);
    vec![Effect::Watch(WatchCommand::LookAt(visible))]
}

/// Asks for a look at the visible groups.
pub(super) fn refresh(state: &mut State) -> Vec<Effect> {
    show_message(state, StatusKind::Info, "refreshing the visible groups");
    vec![Effect::Watch(WatchCommand::Refresh)]
}

/// Pauses or resumes the watch. Its next snapshot shows the effect.
pub(super) fn toggle_pause(state: &State) -> Vec<Effect> {
    vec![Effect::Watch(WatchCommand::Pause(!state.feed.watched.is_paused()))]
}

/// Opens the selected group, or shows and hides the groups without trouble.
pub(super) fn open_selected(state: &mut State) {
    let name = match state.user.navigation.front().screen {
        ScreenId::Trouble => {
            let items = state.trouble();
            match state.selected_trouble(&items).and_then(|at| items.get(at)).map(TroubleItem::key) {
                Some(TroubleKey::Group(name)) => Some(name),
                Some(TroubleKey::Others) => {
                    state.user.watch.trouble.unfolded = !state.user.watch.trouble.unfolded;
                    // The count stays under the cursor when groups above it come and go.
                    select_trouble(state, TroubleKey::Others);
                    None
                }
                None => None,
            }
        }
        _ => state.selected_group().map(|group| group.group.clone()),
    };
    if let Some(name) = name {
        state.user.watch.open(name);
        navigate::open(state, ScreenId::Group);
    }
}

/// Moves up (negative) or down on the screen in front.
pub(super) fn scroll(state: &mut State, by: isize) {
    match state.user.navigation.front().screen {
        ScreenId::Trouble => scroll_trouble(state, by),
        ScreenId::Groups => {
            let (rows, shown) = (state.group_rows(), state.shown_groups().shown);
            if let Some(name) = state.user.watch.groups.key_at_distance(&shown, &rows, by) {
                select_group(state, name);
            }
        }
        ScreenId::Group => scroll_panel(state, state.user.watch.panel, by),
        _ => {}
    }
}

fn scroll_trouble(state: &mut State, by: isize) {
    let items = state.trouble();
    let Some(selected) = state.selected_trouble(&items) else { return };
    let to = selected.saturating_add_signed(by).min(items.len().saturating_sub(1));
    if let Some(key) = items.get(to).map(TroubleItem::key) {
        select_trouble(state, key);
    }
}

/// Moves the cursor to a group on the screen in front.
pub(super) fn select(state: &mut State, name: String) {
    match state.user.navigation.front().screen {
        ScreenId::Trouble => select_trouble(state, TroubleKey::Group(name)),
        _ => select_group(state, name),
    }
}

/// Moves the cursor to an item of the screen of trouble. Drawing keeps it visible.
pub(super) fn select_trouble(state: &mut State, key: TroubleKey) {
    state.user.watch.trouble.selected = Some(key);
}

fn select_group(state: &mut State, name: String) {
    state.user.watch.groups.selected = Some(name);
    follow_groups(state);
}

/// Sorts the table of groups by a column, or reverses the order if it is the sort column already.
pub(super) fn sort_groups_by(state: &mut State, column: &'static str) {
    state.user.watch.groups.sort_by::<GroupRow<'_>>(column);
    follow_groups(state);
}

/// Scrolls so that the cursor is visible. Before the first frame of the table, drawing alone does so.
fn follow_groups(state: &mut State) {
    let Some(height) = state.extents.page(Scrollable::Screen(ScreenId::Groups)) else { return };
    let (rows, shown) = (state.group_rows(), state.shown_groups().shown);
    state.user.watch.groups.offset = state.user.watch.groups.first_row(&shown, &rows, height);
}

/// Sorts the table in front by its next column.
pub(super) fn sort_next(state: &mut State) {
    let panel = state.user.watch.panel;
    match state.user.navigation.front().screen {
        ScreenId::Groups => {
            state.user.watch.groups.sort_next::<GroupRow<'_>>();
            follow_groups(state);
        }
        ScreenId::Group if panel == GroupPanel::Partitions => {
            state.user.watch.partitions.sort_next::<GroupPartitionRow<'_>>();
        }
        ScreenId::Group if panel == GroupPanel::Members => {
            state.user.watch.members.sort_next::<GroupMemberRow<'_>>();
        }
        _ => {}
    }
}

/// Reverses the order of the table in front.
pub(super) fn reverse(state: &mut State) {
    let panel = state.user.watch.panel;
    match state.user.navigation.front().screen {
        ScreenId::Groups => {
            state.user.watch.groups.reverse();
            follow_groups(state);
        }
        ScreenId::Group if panel == GroupPanel::Partitions => state.user.watch.partitions.reverse(),
        ScreenId::Group if panel == GroupPanel::Members => state.user.watch.members.reverse(),
        _ => {}
    }
}

/// Gives the focus to the next panel of the opened group, or to the previous one.
pub(super) fn step_panel(state: &mut State, forward: bool) {
    focus_panel(state, state.user.watch.panel.step(forward));
}

/// Gives the focus to a panel of the opened group.
pub(super) fn focus_panel(state: &mut State, panel: GroupPanel) {
    state.user.watch.panel = panel;
}

/// Moves up (negative) or down in a panel of the opened group.
pub(super) fn scroll_panel(state: &mut State, panel: GroupPanel, by: isize) {
    let Some(group) = state.opened_group() else { return };
    match panel {
        GroupPanel::Partitions => {
            let rows = state.group_partition_rows(group);
            let shown = arrange(&state.user.watch.partitions, &rows).shown;
            if let Some(id) = state.user.watch.partitions.key_at_distance(&shown, &rows, by) {
                select_partition(state, id);
            }
        }
        GroupPanel::Members => {
            let rows = state.member_rows(group);
            let shown = arrange(&state.user.watch.members, &rows).shown;
            if let Some(id) = state.user.watch.members.key_at_distance(&shown, &rows, by) {
                select_member(state, id);
            }
        }
        GroupPanel::Rebalances => {
            let extent = state.extents.of(Scrollable::GroupPanel(panel));
            let max = extent.map_or(0, Extent::max_scroll);
            let from = &mut state.user.watch.rebalances_from;
            *from = (*from).min(max).saturating_add_signed(by).min(max);
        }
    }
}

/// Moves the cursor to a partition of the opened group. Drawing keeps it visible.
pub(super) fn select_partition(state: &mut State, id: TopicPartition) {
    state.user.watch.panel = GroupPanel::Partitions;
    state.user.watch.partitions.selected = Some(id);
    follow_panel(state, GroupPanel::Partitions);
}

/// Moves the cursor to a member of the opened group.
pub(super) fn select_member(state: &mut State, id: String) {
    state.user.watch.panel = GroupPanel::Members;
    state.user.watch.members.selected = Some(id);
    follow_panel(state, GroupPanel::Members);
}

/// Sorts a panel of the opened group by a column, or reverses the order if it is the sort column already.
pub(super) fn sort_panel_by(state: &mut State, panel: GroupPanel, column: &'static str) {
    state.user.watch.panel = panel;
    match panel {
        GroupPanel::Partitions => state.user.watch.partitions.sort_by::<GroupPartitionRow<'_>>(column),
        GroupPanel::Members => state.user.watch.members.sort_by::<GroupMemberRow<'_>>(column),
        GroupPanel::Rebalances => {}
    }
    follow_panel(state, panel);
}

/// Scrolls a panel so that its cursor is visible. Before its first frame, drawing alone does so.
fn follow_panel(state: &mut State, panel: GroupPanel) {
    let Some(height) = state.extents.page(Scrollable::GroupPanel(panel)) else { return };
    let Some(group) = state.opened_group() else { return };
    match panel {
        GroupPanel::Partitions => {
            let rows = state.group_partition_rows(group);
            let shown = arrange(&state.user.watch.partitions, &rows).shown;
            let first = state.user.watch.partitions.first_row(&shown, &rows, height);
            state.user.watch.partitions.offset = first;
        }
        GroupPanel::Members => {
            let rows = state.member_rows(group);
            let shown = arrange(&state.user.watch.members, &rows).shown;
            let first = state.user.watch.members.first_row(&shown, &rows, height);
            state.user.watch.members.offset = first;
        }
        GroupPanel::Rebalances => {}
    }
}
