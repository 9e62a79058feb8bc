//! Moves and scrolls, in the focused panel or in the window in front.

use super::{quarantine, topics};
use crate::{
    layout::Panel,
    screen::{self, Moves, Screen},
    state::State,
};

/// A step of moving.
#[derive(Clone, Copy, Debug)]
pub(super) enum Motion {
    Up,
    Down,
    HalfPageUp,
    HalfPageDown,
    PageUp,
    PageDown,
    Top,
    Bottom,
}

/// Moves in the focused panel or in the window in front.
pub(super) fn by_motion(state: &mut State, motion: Motion) {
    if state.user.navigation.dialog.is_some() {
        return;
    }
    let moves = Screen::of(state.user.navigation.front().screen).moves;
    let page = if moves == Moves::TopicCursor { topics::page(state) } else { page(state, state.user.focus) };
    let full = isize::try_from(page.max(1)).unwrap_or(isize::MAX);
    let by = match motion {
        Motion::Up => -1,
        Motion::Down => 1,
        Motion::HalfPageUp => -(full / 2).max(1),
        Motion::HalfPageDown => (full / 2).max(1),
        Motion::PageUp => -full,
        Motion::PageDown => full,
        Motion::Top => isize::MIN,
        Motion::Bottom => isize::MAX,
    };
    match moves {
        Moves::FocusedPanel => panel(state, state.user.focus, by),
        Moves::TopicCursor => topics::scroll(state, by),
        Moves::SelectedPartition => select(state, by),
        Moves::SelectedKey => quarantine::scroll(state, by),
        Moves::Lines => text(state, by),
        Moves::Nothing => {}
    }
}

/// Scrolls the text of the screen in front. A dialog in front has none.
pub(super) fn text(state: &mut State, by: isize) {
    if state.user.navigation.dialog.is_some() {
        return;
    }
    let max_scroll = screen::max_scroll(state);
    let place = state.user.navigation.front_mut();
    place.scroll = place.scroll.min(max_scroll).saturating_add_signed(by).min(max_scroll);
}

/// Moves within a panel.
pub(super) fn panel(state: &mut State, panel: Panel, by: isize) {
    let page = page(state, panel);
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
    let rows = state.rows();
    let Some(now) = state.user.table.selected_row(&rows, state.partitions()) else { return };
    let row = now.saturating_add_signed(by).min(rows.shown.len() - 1);
    select_row(state, row);
}

/// Selects a row of the table. Ignored if the row does not exist.
fn select_row(state: &mut State, row: usize) {
    let rows = state.rows();
    let partition = rows.shown.get(row).and_then(|index| state.partitions().get(*index));
    let Some(id) = partition.map(|partition| partition.id.clone()) else { return };
    state.user.table.selected = Some(id);
    follow(state);
}

/// Scrolls so that the selected row is visible.
pub(super) fn follow(state: &mut State) {
    let page = page(state, Panel::Partitions);
    state.user.table.offset = state.user.table.first_row(&state.rows(), state.partitions(), page);
}

/// The number of visible rows of a panel.
pub(super) fn page(state: &State, panel: Panel) -> usize {
    let area = state.areas().and_then(|areas| areas.panel(panel));
    let lines = area.map_or(1, |area| usize::from(area.height.saturating_sub(2)));
    match panel {
        // Their first line is the column headings.
        Panel::Partitions | Panel::Workers => lines.saturating_sub(1),
        Panel::Events | Panel::Throughput => lines,
    }
}
