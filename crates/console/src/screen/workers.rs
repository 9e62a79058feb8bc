//! The workers over time: a lane for each worker, or for each partition.

use ratatui::{buffer::Buffer, layout::Rect, style::Style, text::Line};

use super::run_page;
use crate::{
    hit_map::{HitMap, Target},
    number,
    state::{Lane, LaneCell, LaneKey, LaneKind, LaneOrder, ScreenId, Scrollable, State, TimeGrid, workers_of},
    text::{clean, shorten},
    theme::Theme,
    widget::{paint, partitions::place, time_axis},
};

mod below;

pub(super) const TITLE: &str = "Workers";
/// Columns of sign, name and mean in front of a lane.
const LABEL_COLUMNS: u16 = 24;
const NAME_COLUMNS: usize = 16;
/// Minimum number of lanes beside which there is room for lines below.
const MIN_LANES: u16 = 3;
/// What the signs mean.
const LEGEND: &str = "▇ busy  ╌ nothing finished  · waits  ┃ owner";

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let Some(run) = state.feed.run_time() else {
        if let Some(inner) = run_page::frame(buf, hits, TITLE, "", state, theme) {
            run_page::nothing_measured(buf, inner, state, theme);
        }
        return;
    };
    let view = &state.user.workers;
    let columns = state.size.width.saturating_sub(4 + LABEL_COLUMNS);
    let grid = view.window.grid(run, columns);
    let lanes = state.lanes(run, grid);
    let selected = view.selected_row(&lanes);
    let Some(inner) = run_page::frame(buf, hits, &title(state, &lanes, grid), &foot(state), state, theme) else {
        return;
    };
    let room = inner.height.saturating_sub(time_axis::ROWS + MIN_LANES);
    let below = below::lines(state, run, grid, lanes.get(selected), inner.width, room, theme);
    let height = inner.height.saturating_sub(time_axis::ROWS + number::cells(below.len()));
    hits.add_extent(Scrollable::TimeAxis(ScreenId::Workers), grid.cells(), usize::from(columns));
    hits.add_extent(Scrollable::Screen(ScreenId::Workers), lanes.len(), usize::from(height));
    let plot = Rect { x: inner.x + LABEL_COLUMNS, width: columns, ..inner };
    let cursor = view.window.is_fixed().then(|| view.window.cursor_cell(run, grid));
    let marks = state.feed.timeline.marks(grid.known_range(run));
    time_axis::render(buf, Rect { height: time_axis::ROWS, ..plot }, grid, run, &marks, cursor, theme);
    let first = view.first_row(&lanes, usize::from(height));
    let position = place(first, usize::from(height), lanes.len());
    paint::text(buf, inner.x, inner.y, LABEL_COLUMNS - 1, &position, theme.popup.patch(theme.muted));
    let heading = if view.kind == LaneKind::Workers { "  worker           busy" } else { "  partition        mean" };
    paint::text(buf, inner.x, inner.y + 1, LABEL_COLUMNS - 1, heading, theme.popup.patch(theme.column));
    for (line, (index, lane)) in lanes.iter().enumerate().skip(first).take(usize::from(height)).enumerate() {
        let at = Rect { y: inner.y + time_axis::ROWS + number::cells(line), height: 1, ..inner };
        label(buf, at, state, lane, theme);
        cells(buf, Rect { x: plot.x, width: plot.width, ..at }, grid, lane, cursor, theme);
        if index == selected {
            buf.set_style(Rect { width: LABEL_COLUMNS - 1, ..at }, theme.selected);
        }
        hits.add(at, Target::Lane(lane.key.clone()));
    }
    for (row, line) in (inner.bottom() - number::cells(below.len())..inner.bottom()).zip(&below) {
        paint::line(buf, inner.x, row, inner.width, line);
    }
}

/// The number of lanes, their order, and the length of a cell.
fn title(state: &State, lanes: &[Lane], grid: TimeGrid) -> String {
    let view = &state.user.workers;
    let (by, count) = match view.kind {
        LaneKind::Workers => ("by worker", workers_of(&state.feed, 0..=u32::MAX)),
        LaneKind::Partitions => ("by partition", lanes.len()),
    };
    let order = match view.order {
        None => "",
        Some(LaneOrder::Number) => ", by number",
        Some(LaneOrder::Idle) => ", the least busy first",
        Some(LaneOrder::Stalled) => ", the most stalled first",
    };
    format!("{TITLE}  {} {by}{order}  1 cell = {}", number::count(count as u64), run_page::cell_length(grid))
}

fn foot(state: &State) -> String {
    let live = if state.user.workers.window.is_fixed() || state.shows_past() { "" } else { "   ● live" };
    format!("{LEGEND}{live}")
}

/// The name of a lane.
pub(super) fn name(state: &State, key: &LaneKey) -> String {
    let workers = state.run().map_or(&[][..], |run| &run.workers);
    let of_process = |number: u32| {
        let worker = workers.iter().find(|worker| worker.id == number && worker.origin.is_some())?;
        Some(clean(&worker.label()).into_owned())
    };
    match key {
        LaneKey::Workers(first, last) if first == last => {
            of_process(*first).unwrap_or_else(|| format!("worker-{first}"))
        }
        LaneKey::Workers(first, last) => format!("worker-{first}…{last}"),
        LaneKey::Partition(id) => clean(&id.to_string()).into_owned(),
    }
}

/// The sign, the name, and the mean over the cells that are shown.
fn label(buf: &mut Buffer, at: Rect, state: &State, lane: &Lane, theme: &Theme) {
    let (sign, style) = sign(state, lane, theme);
    paint::text(buf, at.x, at.y, 1, sign, theme.popup.patch(style));
    let name = name(state, &lane.key);
    paint::text(buf, at.x + 2, at.y, number::cells(NAME_COLUMNS), &shorten(&name, NAME_COLUMNS), theme.popup);
    let mean = Line::styled(format!("{:>5}", number::percent(lane.mean())), theme.popup);
    paint::line(buf, at.x + 18, at.y, 5, &mean);
}

/// Whether a lane stands still now, is present, or has ended.
fn sign(state: &State, lane: &Lane, theme: &Theme) -> (&'static str, Style) {
    let is_over = state.run().is_some_and(|run| run.state.is_over());
    let present = match &lane.key {
        LaneKey::Workers(first, last) => workers_of(&state.feed, *first..=*last) > 0,
        LaneKey::Partition(id) => state.partitions().iter().any(|partition| partition.id == *id),
    };
    let last = lane.cells.iter().rev().find(|cell| **cell != LaneCell::Empty);
    match last {
        _ if is_over || !present => (" ", theme.muted),
        Some(LaneCell::Stalled) => ("!", theme.bad),
        Some(LaneCell::Busy(_)) => ("►", theme.good),
        Some(LaneCell::Waits) => ("·", theme.muted),
        Some(LaneCell::Empty) | None => (" ", theme.muted),
    }
}

/// The cells of a lane.
fn cells(buf: &mut Buffer, plot: Rect, grid: TimeGrid, lane: &Lane, cursor: Option<usize>, theme: &Theme) {
    let wide = grid.cell_columns();
    for (index, (cell, changes)) in lane.cells.iter().zip(&lane.changes).enumerate() {
        let x = time_axis::column(plot, grid, index);
        let (text, style) = match cell {
            LaneCell::Empty => (" ".to_owned(), theme.muted),
            LaneCell::Waits => ("·".to_owned(), theme.muted),
            LaneCell::Stalled => ("╌".to_owned(), theme.bad),
            LaneCell::Busy(share) => (paint::blocks(std::iter::once(*share)), theme.chart),
        };
        let style = theme.popup.patch(style);
        paint::text(buf, x, plot.y, wide, &text.repeat(usize::from(wide)), style);
        if *changes {
            paint::text(buf, x, plot.y, 1, "┃", theme.popup.patch(theme.notice));
        }
        if cursor == Some(index) {
            buf.set_style(Rect { x, width: wide, ..plot }.intersection(plot), theme.selected);
        }
    }
}
