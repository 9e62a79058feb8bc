//! The partition table. Only visible rows are rendered.

use kreplay_model::feed::{PartitionState, PartitionView, RunState};
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
    text::{Line, Span},
};

use super::{frame, paint, symbol};
use crate::{
    hit_map::{HitMap, Target},
    layout::{Panel, inside},
    number::{self, Forms},
    state::{Column, Dialog, Rows, State},
    text::{clean, shorten, width},
    theme::Theme,
};

mod slots;

use slots::{Slot, SlotContent};

pub(crate) fn render(buf: &mut Buffer, hits: &mut HitMap, area: Rect, state: &State, theme: &Theme) {
    let rows = state.rows();
    let inner = inside(area);
    let height = usize::from(inner.height.saturating_sub(1));
    let first = state.user.table.first_row(&rows, state.partitions(), height);
    let remark = place(first, height, rows.shown.len());
    // Excludes the corners and a space on each side of the title and of the remark.
    let room = usize::from(area.width).saturating_sub(6 + width(&remark));
    frame::panel(buf, area, title(state, &rows, room, theme), &remark, state.user.focus == Panel::Partitions, theme);
    let slots = slots::slots(state.partitions(), inner);
    for slot in slots.iter().copied().filter(|_| rows.total > 0) {
        head(buf, slot, inner.y, state, theme);
        if let Some(column) = sorted_by(slot.content) {
            hits.add(Rect::new(slot.x, inner.y, slot.width, 1), Target::Column(column));
        }
    }
    if rows.shown.is_empty() {
        let centre = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        paint::aligned(buf, centre, empty_message(state, &rows), theme.muted, Alignment::Center);
    }
    let selected = state.user.table.selected_row(&rows, state.partitions());
    for (line, (row, index)) in rows.shown.iter().enumerate().skip(first).take(height).enumerate() {
        let Some(partition) = state.partitions().get(*index) else { continue };
        let y = inner.y + 1 + number::cells(line);
        for slot in slots.iter().copied() {
            cell(buf, slot, y, partition, state, theme);
        }
        let whole = Rect::new(inner.x, y, inner.width, 1);
        if selected == Some(row) {
            buf.set_style(whole, theme.selected);
        }
        hits.add(whole, Target::Partition(partition.id.clone()));
    }
}

/// Explains why there are no rows.
fn empty_message(state: &State, rows: &Rows) -> &'static str {
    if rows.total > 0 {
        "no partition matches the filter; Esc clears it"
    } else if state.feed.snapshot.at.is_none() {
        "connecting…"
    } else if state.run().is_none() && state.feed.snapshot.problem.is_none() {
        if state.feed.snapshot.catalog.is_some() { "no run yet; t chooses topics" } else { "no run yet; r starts one" }
    } else {
        "no partitions"
    }
}

/// The column that a click on a heading sorts by.
fn sorted_by(content: SlotContent) -> Option<Column> {
    match content {
        SlotContent::Column(column) => Some(column),
        SlotContent::Trend => Some(Column::Rate),
        SlotContent::State => None,
    }
}

/// The title, in at most `room` cells. A long filter is shortened in the middle, so that the last characters are
/// visible.
fn title<'a>(state: &State, rows: &Rows, room: usize, theme: &Theme) -> Line<'a> {
    let typing = matches!(state.user.navigation.dialog, Some(Dialog::Filter(_)));
    let mut spans = vec![Span::raw("Partitions")];
    if rows.total == 0 {
        return Line::from(spans);
    }
    let hidden = rows.total - rows.shown.len();
    let count = if hidden == 0 { rows.total.to_string() } else { format!("{} of {}", rows.shown.len(), rows.total) };
    spans.push(Span::styled(format!("  {count}"), theme.base));
    if rows.empty_hidden > 0 && !typing {
        spans.push(Span::styled(format!(" ({} empty hidden, z shows)", rows.empty_hidden), theme.muted));
    }
    let filter = clean(&state.user.table.filter);
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    // Two spaces, the slash, and the cursor.
    let filter = shorten(&filter, room.saturating_sub(used + 4));
    if typing {
        spans.push(Span::styled("  /", theme.key));
        spans.push(Span::styled(format!("{filter}▏"), theme.input));
    } else if !filter.is_empty() {
        spans.push(Span::styled(format!("  /{filter}"), theme.key));
    }
    Line::from(spans)
}

/// The range of visible rows; empty if all are visible.
pub(crate) fn place(first: usize, height: usize, len: usize) -> String {
    if len <= height || height == 0 {
        String::new()
    } else {
        format!("{}–{} of {len}", first + 1, (first + height).min(len))
    }
}

fn head(buf: &mut Buffer, slot: Slot, y: u16, state: &State, theme: &Theme) {
    let at = Rect::new(slot.x, y, slot.width, 1);
    match slot.content {
        SlotContent::State => {}
        SlotContent::Trend => paint::aligned(buf, at, "trend", theme.column, Alignment::Right),
        SlotContent::Column(column) => {
            let sorted = state.user.table.sort == column;
            let style = if sorted { theme.column_sorted } else { theme.column };
            paint::aligned(buf, at, column.title(), style, slot.alignment());
            if sorted {
                let arrow = if state.user.table.descending { "▼" } else { "▲" };
                let title = number::cells(column.title().len());
                // The arrow is drawn in the gap between columns, so that sorting does not move anything.
                let x = match slot.alignment() {
                    Alignment::Right => (at.right() - title.min(at.width)).saturating_sub(1),
                    _ => at.x + title,
                };
                paint::text(buf, x, y, 1, arrow, style);
            }
        }
    }
}

fn cell(buf: &mut Buffer, slot: Slot, y: u16, partition: &PartitionView, state: &State, theme: &Theme) {
    let at = Rect::new(slot.x, y, slot.width, 1);
    let room = usize::from(slot.width);
    let over = state.run().is_some_and(|run| run.state.is_over());
    let paused = state.run().is_some_and(|run| run.state == RunState::Paused);
    let (sign, colour) = symbol::partition_of(over, paused, partition.state, theme);
    match slot.content {
        SlotContent::State => paint::text(buf, at.x, y, 1, sign, colour),
        SlotContent::Trend => {
            let trend = state.feed.history.trend(&partition.id).map(|trend| trend.last(room).collect::<Vec<_>>());
            paint::aligned(buf, at, &sparkline(&trend.unwrap_or_default()), theme.chart, Alignment::Right);
        }
        SlotContent::Column(Column::Progress) => progress(buf, at, partition, theme),
        // The last rate is meaningless once the run has ended.
        SlotContent::Column(Column::Rate) if over => {
            paint::aligned(buf, at, "–", theme.muted, slot.alignment());
        }
        SlotContent::Column(column) => {
            let (content, style) = content(column, partition, theme);
            let text = match &content {
                Content::Name(name) => shorten(&clean(name), room).into_owned(),
                Content::Number(forms) => forms.fit(slot.width).to_owned(),
            };
            paint::aligned(buf, at, &text, style, slot.alignment());
        }
    }
}

/// The content of a cell. Names are shortened in the middle; numbers lose digits.
enum Content {
    Name(String),
    Number(Forms),
}

fn content(column: Column, partition: &PartitionView, theme: &Theme) -> (Content, Style) {
    use Content::{Name, Number};
    let quiet = if partition.state == PartitionState::Done { theme.muted } else { theme.base };
    let offset =
        |value: kreplay_model::domain::Offset| Number(number::counts(value.since(kreplay_model::domain::Offset::ZERO)));
    match column {
        Column::Topic => (Name(partition.id.topic.to_string()), theme.base),
        Column::Partition => (Number(Forms::of(partition.id.partition.to_string())), theme.base),
        Column::Owner => (Name(partition.owner.to_string()), quiet),
        Column::Position => (offset(partition.position), theme.base),
        Column::End => (offset(partition.end), theme.muted),
        Column::Lag => (Number(partition.lag.known().map_or_else(|| Forms::of("?"), number::counts)), quiet),
        Column::Ahead => (Number(number::counts(partition.ahead)), theme.muted),
        Column::Rate => (Number(number::rates(partition.records_per_s)), quiet),
        Column::P95 => (Number(partition.p95_ms.map_or_else(|| Forms::of("–"), number::latencies)), quiet),
        Column::Progress => (Name(String::new()), theme.base),
    }
}

/// The percentage, with a bar if there is room.
fn progress(buf: &mut Buffer, at: Rect, partition: &PartitionView, theme: &Theme) {
    const PERCENT: u16 = 5;
    let share = partition.progress();
    let done = partition.state == PartitionState::Done;
    if at.width >= PERCENT + 4 {
        let bar = Rect { width: at.width - PERCENT - 1, ..at };
        paint::bar(buf, bar, share, if done { theme.good } else { theme.bar }, theme.bar_rest);
    }
    let style = if done { theme.good } else { theme.base };
    paint::aligned(buf, at, &number::percent(share), style, Alignment::Right);
}

/// Rates as blocks, relative to their maximum. They show the trend; the number beside them shows the size.
pub(crate) fn sparkline(rates: &[f32]) -> String {
    let top = rates.iter().copied().fold(0.0_f32, f32::max);
    if top <= 0.0 {
        return String::new();
    }
    paint::blocks(rates.iter().map(|rate| f64::from(rate / top)))
}
