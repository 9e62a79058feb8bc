//! Moves and scrolls, in the focused panel or in the window in front.

use super::{
    errors, event_log, group_change, hot_keys, inspect, journals, launch_form, motion::Motion, quarantine, run_pages,
    topics, watch,
};
use crate::{
    layout::Panel,
    screen::{Moves, Screen},
    state::{Extent, ScreenId, Scrollable, State},
};

/// Moves in the focused panel or in the window in front.
pub(super) fn by_motion(state: &mut State, motion: Motion) {
    let front = state.user.navigation.front().screen;
    let moves = Screen::of(front).moves;
    let scrollable = match moves {
        Moves::FocusedPanel => Scrollable::Panel(state.user.focus),
        Moves::SelectedPartition => Scrollable::Panel(Panel::Partitions),
        Moves::Watched if front == ScreenId::Group => Scrollable::GroupPanel(state.user.watch.panel),
        Moves::TopicCursor
        | Moves::Watched
        | Moves::Change
        | Moves::SelectedKey
        | Moves::SelectedLane
        | Moves::HeatRow
        | Moves::LoggedEvent
        | Moves::SelectedHotKey
        | Moves::SelectedJournal
        | Moves::SelectedError
        | Moves::RecordLines
        | Moves::FormField
        | Moves::Lines
        | Moves::Nothing => Scrollable::Screen(front),
    };
    let page = state.extents.page(scrollable).unwrap_or(1);
    let by = motion.rows(page);
    match moves {
        Moves::FocusedPanel => panel(state, state.user.focus, by),
        Moves::TopicCursor => topics::scroll(state, by),
        Moves::SelectedPartition => select(state, by),
        Moves::Watched => watch::scroll(state, by),
        Moves::Change => group_change::scroll(state, by),
        Moves::SelectedKey => quarantine::scroll(state, by),
        Moves::SelectedLane | Moves::HeatRow | Moves::LoggedEvent | Moves::SelectedHotKey | Moves::SelectedJournal => {
            on_run_page(state, by);
        }
        Moves::SelectedError => errors::scroll(state, by),
        Moves::RecordLines => inspect::scroll(state, by),
        Moves::FormField => launch_form::move_focus(state, by),
        Moves::Lines => text(state, by),
        Moves::Nothing => {}
    }
}

/// Scrolls the text of the screen in front. A dialog in front has none.
pub(super) fn text(state: &mut State, by: isize) {
    if state.user.navigation.dialog.is_some() {
        return;
    }
    let place = state.user.navigation.front_mut();
    let extent = state.extents.of(Scrollable::Screen(place.screen));
    // The text was not drawn yet if the screen has just been opened. The next frame then limits the offset.
    let max_scroll = extent.map_or(usize::MAX, Extent::max_scroll);
    place.scroll = place.scroll.min(max_scroll).saturating_add_signed(by).min(max_scroll);
}

/// Moves on the page of a run in front.
pub(super) fn on_run_page(state: &mut State, by: isize) {
    match state.user.navigation.front().screen {
        ScreenId::Workers => run_pages::move_lane(state, by),
        ScreenId::HeatMap => run_pages::move_heat_row(state, by),
        ScreenId::EventLog => event_log::scroll(state, by),
        ScreenId::HotKeys => hot_keys::scroll(state, by),
        ScreenId::Journals => journals::scroll(state, by),
        _ => {}
    }
}

/// Moves within a panel.
pub(super) fn panel(state: &mut State, panel: Panel, by: isize) {
    let page = state.extents.page(Scrollable::Panel(panel)).unwrap_or(1);
    match panel {
        Panel::Partitions => select(state, by),
        Panel::Events => state.user.log.scroll(&state.feed.events, by, page),
        Panel::Workers => {
            let max_from = state.run().map_or(0, |run| run.workers.len()).saturating_sub(page);
            state.user.workers_from = state.user.workers_from.min(max_from).saturating_add_signed(by).min(max_from);
        }
        Panel::Throughput => {}
    }
}

fn select(state: &mut State, by: isize) {
    let Some(id) = state.partition_at_distance(by) else { return };
    state.user.table.selected = Some(id);
    follow(state);
}

/// Scrolls so that the selected row is visible. Before the first frame, drawing alone does so.
pub(super) fn follow(state: &mut State) {
    let Some(page) = state.extents.page(Scrollable::Panel(Panel::Partitions)) else { return };
    state.user.table.offset = state.first_row(&state.rows(), page);
}
