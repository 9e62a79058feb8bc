//! Moves and scrolls, in the focused panel or in the window in front.

use super::{quarantine, topics};
use crate::{
    layout::Panel,
    screen,
    state::{Overlay, State},
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
    let choosing = state.user.topics.open && state.user.overlay.is_none();
    let page = if choosing { topics::page(state) } else { page(state, state.user.focus) };
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
    match state.user.overlay {
        None if choosing => topics::scroll(state, by),
        None => panel(state, state.user.focus, by),
        Some(Overlay::Details) => select(state, by),
        Some(Overlay::Quarantine(_)) => quarantine::scroll(state, by),
        Some(_) => overlay(state, by),
    }
}

/// Scrolls the window in front.
pub(super) fn overlay(state: &mut State, by: isize) {
    let max_from = screen::max_scroll(state);
    if let Some(
        Overlay::Help(from) | Overlay::Compare(from) | Overlay::Plan(from) | Overlay::Event(from) | Overlay::Run(from),
    ) = &mut state.user.overlay
    {
        *from = (*from).min(max_from).saturating_add_signed(by).min(max_from);
    }
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
