//! The pages that show a run over time: workers and heat map.

use kreplay_model::timeline::{MarkClass, Moment, TimeRange};

use super::show_message;
use crate::state::{RunTime, ScreenId, Scrollable, State, StatusKind, TimeWindow};

/// The time window of the page in front, if it has one.
fn window(state: &mut State) -> Option<&mut TimeWindow> {
    match state.user.navigation.front().screen {
        ScreenId::Workers => Some(&mut state.user.workers.window),
        ScreenId::HeatMap => Some(&mut state.user.heat.window),
        _ => None,
    }
}

/// Changes the time window of the page in front.
fn change(state: &mut State, change: impl FnOnce(&mut TimeWindow, RunTime, u16)) {
    let columns = state.time_columns(state.user.navigation.front().screen).unwrap_or(1);
    let run = state.feed.run_time();
    if let (Some(window), Some(run)) = (window(state), run) {
        change(window, run, columns);
    }
}

/// Moves the cursor in time by cells.
pub(super) fn move_cursor(state: &mut State, by: isize) {
    change(state, |window, run, columns| window.move_by(run, columns, by));
}

/// Shows half of the time, or twice as much.
pub(super) fn zoom(state: &mut State, closer: bool) {
    change(state, |window, run, _| window.zoom(run, closer));
}

/// Shows the whole run.
pub(super) fn show_whole(state: &mut State) {
    change(state, |window, _, _| window.show_whole());
}

/// Follows the latest moment.
pub(super) fn follow(state: &mut State) {
    change(state, |window, _, _| window.follow());
}

/// Moves the cursor of the heat map to a row and a moment. No time is marked any more.
pub(super) fn point_at(state: &mut State, row: usize, at: Moment) {
    state.user.heat.row = row;
    state.user.heat.marker = None;
    change(state, |window, run, columns| window.go_to(run, columns, at));
}

/// Marks the time between two moments of the heat map. The cursor is at the second one.
pub(super) fn mark_to(state: &mut State, from: Moment, at: Moment) {
    state.user.heat.marker = Some(from);
    change(state, |window, run, columns| window.go_to(run, columns, at));
}

/// Moves the cursor to the next mark of the run, or to the previous one.
pub(super) fn go_to_mark(state: &mut State, forward: bool) {
    let screen = state.user.navigation.front().screen;
    let columns = state.time_columns(screen).unwrap_or(1);
    let Some(run) = state.feed.run_time() else { return };
    let Some(window) = window(state).cloned() else { return };
    let grid = window.grid(run, columns);
    let cell = grid.cell(window.cursor_cell(run, grid));
    let within = if forward {
        TimeRange::new(cell.to(), run.range.to().max(cell.to()))
    } else {
        TimeRange::new(run.range.from(), cell.from().max(run.range.from()))
    };
    let marks = state.feed.timeline.marks(within);
    let mut marks = marks.iter().filter(|mark| mark.kind.class() != MarkClass::Retry).map(|mark| mark.at);
    let found = if forward { marks.next() } else { marks.next_back() };
    match found {
        Some(at) => change(state, |window, run, columns| window.go_to(run, columns, at)),
        None if forward => follow(state),
        None => show_message(state, StatusKind::Refused, "nothing has happened before"),
    }
}

/// Selects the lane that is `by` lanes below the selected one, or above if negative.
pub(super) fn move_lane(state: &mut State, by: isize) {
    let (Some(run), Some(columns)) = (state.feed.run_time(), state.time_columns(ScreenId::Workers)) else { return };
    let lanes = state.lanes(run, state.user.workers.window.grid(run, columns));
    let last = lanes.len().saturating_sub(1);
    let row = state.user.workers.selected_row(&lanes).saturating_add_signed(by).min(last);
    if let Some(lane) = lanes.get(row) {
        state.user.workers.selected = Some(lane.key.clone());
    }
    if let Some(height) = state.extents.page(Scrollable::Screen(ScreenId::Workers)) {
        state.user.workers.from = state.user.workers.first_row(&lanes, height);
    }
}

/// Moves the cursor among the rows of the heat map.
pub(super) fn move_heat_row(state: &mut State, by: isize) {
    let rows = state.extents.of(Scrollable::Screen(ScreenId::HeatMap)).map_or(0, |extent| extent.len);
    let last = rows.saturating_sub(1);
    state.user.heat.row = state.user.heat.row.min(last).saturating_add_signed(by).min(last);
}

/// Orders the rows of the page in front in another way.
pub(super) fn next_order(state: &mut State) {
    match state.user.navigation.front().screen {
        ScreenId::Workers => state.user.workers.next_order(),
        ScreenId::HeatMap => state.user.heat.next_order(),
        _ => {}
    }
}
