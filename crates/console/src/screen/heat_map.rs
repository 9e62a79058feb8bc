//! The partitions over time as a heat map.

use std::{fmt::Write as _, ops::RangeInclusive};

use kreplay_model::timeline::{Moment, TimeRange};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::run_page::{self, beside, cell_length};
use crate::{
    hit_map::{HitMap, Target},
    number,
    state::{HeatMap, HeatMetric, HeatOrder, HeatRow, RunTime, ScreenId, Scrollable, State, TimeGrid},
    text::{clean, wrap_at_most},
    theme::{HeatRamp, Theme},
    widget::{paint, time_axis},
};

pub(super) const TITLE: &str = "Heat map";
/// Columns of the name in front of a row.
const LABEL_COLUMNS: u16 = 20;
/// The same on a wide screen, so that names which differ in their middle can be told apart.
const WIDE_LABEL_COLUMNS: u16 = 34;
/// Columns of the highest value of a row, on a wide screen.
const HIGHEST_COLUMNS: u16 = 11;
const MIN_WIDE_WIDTH: u16 = 110;
/// Lines below the map: a gap, two lines at the cursor, and the legend.
const LINES_BELOW: u16 = 4;
/// Shades from the lowest value above 0 to the highest, for terminals without the colours of the ramp.
const SHADES: [&str; 4] = ["░", "▒", "▓", "█"];
/// The sign of a value of 0 without colours.
const ZERO: &str = "·";

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let Some(run) = state.feed.run_time() else {
        if let Some(inner) = run_page::frame(buf, hits, TITLE, "", state, theme) {
            run_page::nothing_measured(buf, inner, state, theme);
        }
        return;
    };
    let view = &state.user.heat;
    let is_wide = state.size.width >= MIN_WIDE_WIDTH;
    let (label_columns, highest_columns) =
        if is_wide { (WIDE_LABEL_COLUMNS, HIGHEST_COLUMNS) } else { (LABEL_COLUMNS, 0) };
    let columns = state.size.width.saturating_sub(4 + label_columns + highest_columns);
    let grid = view.window.grid(run, columns);
    let Some(parts) = state.areas() else { return };
    let lines = parts.footer.y.saturating_sub(parts.header.y + 3 + time_axis::ROWS + LINES_BELOW);
    let ramp = theme.heat_ramp();
    let map = fitted(state, grid, lines, ramp.is_some());
    // With more rows than lines, a line has two rows: one in each half of its cells.
    let halves = map.rows.len() > usize::from(lines);
    let live = if view.window.is_fixed() || state.shows_past() { "" } else { "   ● live" };
    let foot = format!("1 cell = {}{live}", cell_length(grid));
    let Some(inner) = run_page::frame(buf, hits, &title(state, &map), &foot, state, theme) else { return };
    hits.add_extent(Scrollable::TimeAxis(ScreenId::HeatMap), grid.cells(), usize::from(columns));
    hits.add_extent(Scrollable::Screen(ScreenId::HeatMap), map.rows.len(), map.rows.len());
    let plot = Rect { x: inner.x + label_columns, width: columns, height: lines, ..inner };
    let cursor = view.window.cursor_cell(run, grid);
    let row = view.row.min(map.rows.len().saturating_sub(1));
    let marks = state.feed.timeline.marks(grid.known_range(run));
    time_axis::render(buf, Rect { height: time_axis::ROWS, ..plot }, grid, run, &marks, Some(cursor), theme);
    if let Some(marker) = view.marker {
        for cell in marked_cells(run, grid, marker, cursor) {
            let x = time_axis::column(plot, grid, cell);
            buf.set_style(Rect { x, width: grid.cell_columns(), height: time_axis::ROWS, ..plot }, theme.selected);
        }
    }
    let body = Rect { y: inner.y + time_axis::ROWS, ..plot };
    let rows_per_line = if halves { 2 } else { 1 };
    for (line, rows) in map.rows.chunks(rows_per_line).enumerate() {
        let at = Rect { y: body.y + number::cells(line), height: 1, ..body };
        let first = line * rows_per_line;
        let shown = row.checked_sub(first).and_then(|at| rows.get(at));
        label(buf, Rect { x: inner.x, width: label_columns - 1, ..at }, rows, shown, theme);
        for cell in 0..grid.cells() {
            let whole = Rect { x: time_axis::column(at, grid, cell), width: grid.cell_columns(), ..at };
            let value = |row: usize| rows.get(row).and_then(|row| row.values.get(cell).copied().flatten());
            let is_under_cursor = cell == cursor && shown.is_some();
            draw_cell(buf, whole, &map, [value(0), value(1)], halves, ramp.as_ref(), is_under_cursor, theme);
        }
        if is_wide && let Some(one) = shown.or_else(|| rows.first()) {
            let highest = Line::styled(format!("{:>10}", highest_in(&map, one)), theme.popup.patch(theme.muted));
            paint::line(buf, body.right(), at.y, HIGHEST_COLUMNS, &highest);
        }
        hits.add(at, Target::HeatRow(first));
        for cell in 0..grid.cells() {
            let x = time_axis::column(at, grid, cell);
            hits.add(Rect { x, width: grid.cell_columns(), ..at }, Target::HeatCell(first, grid.cell(cell).from()));
        }
    }
    let below = Rect { y: inner.bottom().saturating_sub(LINES_BELOW - 1), height: LINES_BELOW - 1, ..inner };
    if map.rows.is_empty() {
        paint::text(
            buf,
            below.x,
            below.y,
            below.width,
            "no partition was measured then",
            theme.popup.patch(theme.muted),
        );
        return;
    }
    let marked = view.marker.map(|marker| marked_cells(run, grid, marker, cursor));
    let text = map.rows.get(row).map_or(String::new(), |row| match &marked {
        Some(marked) => in_marked(&map, row, run, grid, marked),
        None => at_cursor(state, &map, row, run, grid, cursor),
    });
    for (line, text) in wrap_at_most(&text, usize::from(below.width), 2).iter().enumerate() {
        paint::text(buf, below.x, below.y + number::cells(line), below.width, text, theme.popup);
    }
    paint::line(buf, below.x, below.y + 2, below.width, &legend(&map, ramp.as_ref(), theme));
}

/// The map with one row a line, or, if there are more partitions and the theme has colours, with two.
fn fitted(state: &State, grid: TimeGrid, lines: u16, has_ramp: bool) -> HeatMap {
    let lines = usize::from(lines);
    let halves = has_ramp && state.feed.partitions().len() > lines;
    state.heat_map(grid, if halves { lines * 2 } else { lines })
}

/// The figure, the number of partitions, how they are ordered, and how many are in a row.
fn title(state: &State, map: &HeatMap) -> String {
    let order = match state.user.heat.order {
        HeatOrder::Name => "by name",
        HeatOrder::Total => "the largest first",
        HeatOrder::FirstStall => "earliest stall first",
    };
    let together = match (map.per_row, map.metric) {
        (1, _) => String::new(),
        (many, HeatMetric::Rate) => format!(", {} per row (slowest)", number::count(many as u64)),
        (many, _) => format!(", {} per row (highest)", number::count(many as u64)),
    };
    let partitions = number::counted(map.partitions as u64, "partition");
    let metric = metric_name(map.metric);
    format!("{TITLE}  {metric} of {partitions}, {order}{together}")
}

fn metric_name(metric: HeatMetric) -> &'static str {
    match metric {
        HeatMetric::Rate => "records/s",
        HeatMetric::Lag => "lag",
        HeatMetric::P95 => "p95",
    }
}

fn in_words(metric: HeatMetric, value: f32) -> String {
    match metric {
        HeatMetric::Rate => format!("{}/s", number::rate(value.into())),
        HeatMetric::Lag => number::rate(value.into()),
        HeatMetric::P95 => number::millis(value.into()),
    }
}

/// The highest value of a row.
fn highest_in(map: &HeatMap, row: &HeatRow) -> String {
    let highest = row.values.iter().flatten().copied().reduce(f32::max);
    highest.map_or(String::new(), |value| in_words(map.metric, value))
}

/// The name of the row under the cursor, or of the first one of the line.
fn label(buf: &mut Buffer, at: Rect, rows: &[HeatRow], selected: Option<&HeatRow>, theme: &Theme) {
    let Some(first) = selected.or(rows.first()).and_then(|row| row.partitions.first()) else { return };
    let more: usize =
        selected.map_or(rows.iter().map(|row| row.partitions.len()).sum(), |row| row.partitions.len()) - 1;
    let more = if more == 0 { String::new() } else { format!(" +{}", number::count(more as u64)) };
    let name = clean(&first.to_string()).into_owned();
    let text = format!("{}{more}", beside(&name, at.width, &more));
    paint::text(buf, at.x, at.y, at.width, &text, theme.popup);
    if selected.is_some() {
        buf.set_style(at, theme.selected);
    }
}

/// A cell of a line with one or two rows.
#[allow(clippy::too_many_arguments, reason = "the parts of a cell")]
fn draw_cell(
    buf: &mut Buffer,
    at: Rect,
    map: &HeatMap,
    [upper, lower]: [Option<f32>; 2],
    halves: bool,
    ramp: Option<&HeatRamp>,
    is_under_cursor: bool,
    theme: &Theme,
) {
    let colour = |value: Option<f32>| {
        let ramp = ramp?;
        value.map(|value| ramp.colour(map.step(value, HeatRamp::STEPS)))
    };
    let (sign, style) = match (ramp, halves) {
        (None, _) => (upper.map_or(" ", |value| shade(map, value)), theme.chart),
        (Some(_), false) => match colour(upper) {
            Some(colour) => (" ", Style::new().bg(colour)),
            None => (" ", Style::new()),
        },
        (Some(_), true) => match (colour(upper), colour(lower)) {
            (Some(upper), Some(lower)) => ("▀", Style::new().fg(upper).bg(lower)),
            (Some(upper), None) => ("▀", Style::new().fg(upper)),
            (None, Some(lower)) => ("▄", Style::new().fg(lower)),
            (None, None) => (" ", Style::new()),
        },
    };
    paint::text(buf, at.x, at.y, at.width, &sign.repeat(usize::from(at.width)), theme.popup.patch(style));
    if is_under_cursor {
        paint::text(buf, at.x, at.y, 1, "◆", theme.popup.patch(theme.key));
    }
}

/// The shade of a value.
fn shade(map: &HeatMap, value: f32) -> &'static str {
    match map.step(value, 5) {
        0 => ZERO,
        step => SHADES.get(usize::from(step) - 1).copied().unwrap_or("█"),
    }
}

/// The partition, the time, and the value at the cursor.
fn at_cursor(state: &State, map: &HeatMap, row: &HeatRow, run: RunTime, grid: TimeGrid, cell: usize) -> String {
    let time: TimeRange = grid.cell(cell);
    let at = time_axis::since(time.from(), run);
    let first = row.partitions.first().map_or(String::new(), |id| clean(&id.to_string()).into_owned());
    let value = row.values.get(cell).copied().flatten();
    let Some((value, worst)) = value.zip(map.worst_in(row, cell)) else {
        let of =
            if row.partitions.len() == 1 { first } else { format!("{first} and {} more", row.partitions.len() - 1) };
        return format!("at {at}   {of}: no value; nothing was left, or nothing was measured");
    };
    let worst = clean(&worst.to_string()).into_owned();
    let name = metric_name(map.metric);
    let mut text = format!("at {at}   {worst}: {name} {}", in_words(map.metric, value));
    if row.partitions.len() > 1 {
        let which = if map.metric == HeatMetric::Rate { "slowest" } else { "highest" };
        let _ = write!(text, ", the {which} of {} partitions from {first} on", row.partitions.len());
    }
    if !state.user.heat.window.is_fixed() && !state.shows_past() {
        text.push_str(" (now)");
    }
    text
}

/// The cells from the marker to the cursor, in the order of time.
fn marked_cells(run: RunTime, grid: TimeGrid, marker: Moment, cursor: usize) -> RangeInclusive<usize> {
    let last = grid.known_cells(run).saturating_sub(1);
    let marker = if marker < grid.range().from() { 0 } else { grid.cell_at(marker).unwrap_or(last) };
    marker.min(cursor)..=marker.max(cursor)
}

/// The row in the marked time: the mean of rates, or the highest of other figures.
fn in_marked(map: &HeatMap, row: &HeatRow, run: RunTime, grid: TimeGrid, marked: &RangeInclusive<usize>) -> String {
    let (from, to) = (grid.cell(*marked.start()).from(), grid.cell(*marked.end()).to());
    let time = format!("{} to {}", time_axis::since(from, run), time_axis::since(to, run));
    let first = row.partitions.first().map_or(String::new(), |id| clean(&id.to_string()).into_owned());
    let more = row.partitions.len().saturating_sub(1);
    let whose = if more == 0 { first } else { format!("{first} and {} more", number::count(more as u64)) };
    let values: Vec<f32> = row.values.get(marked.clone()).unwrap_or_default().iter().flatten().copied().collect();
    let name = metric_name(map.metric);
    let Some(highest) = values.iter().copied().reduce(f32::max) else { return format!("{time}   {whose}: no value") };
    let figure = if map.metric == HeatMetric::Rate {
        let count = u16::try_from(values.len()).unwrap_or(u16::MAX);
        format!("{name} {} on average", in_words(map.metric, values.iter().sum::<f32>() / f32::from(count)))
    } else {
        format!("{name} {} at most", in_words(map.metric, highest))
    };
    format!("{time}   {whose}: {figure}")
}

/// The ramp with its ends.
fn legend(map: &HeatMap, ramp: Option<&HeatRamp>, theme: &Theme) -> Line<'static> {
    let muted = theme.popup.patch(theme.muted);
    let mut spans = vec![Span::styled(format!("{}  0 ", metric_name(map.metric)), muted)];
    match ramp {
        Some(ramp) => {
            spans.extend((0..HeatRamp::STEPS).map(|step| Span::styled("  ", Style::new().bg(ramp.colour(step)))));
        }
        None => spans.push(Span::styled(format!("{ZERO}{}", SHADES.concat()), theme.popup.patch(theme.chart))),
    }
    let scale = if map.metric == HeatMetric::Rate { "" } else { ", logarithmic" };
    spans.push(Span::styled(format!(" {}{scale}", in_words(map.metric, map.highest)), muted));
    Line::from(spans)
}
