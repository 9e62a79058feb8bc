//! The partition panel.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
};

use super::{
    frame,
    input::with_cursor,
    paint,
    table::{self, TableTargets, TableView},
};
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    layout::{Panel, inside},
    state::{Filters, PartitionRow, Rows, Scrollable, State},
    text::{clean, shorten, width},
    theme::Theme,
};

pub(crate) fn render(buf: &mut Buffer, hits: &mut HitMap, area: Rect, state: &State, theme: &Theme) {
    let rows = state.rows();
    let inner = inside(area);
    let height = usize::from(inner.height.saturating_sub(1));
    let first = state.first_row(&rows, height);
    hits.add_extent(Scrollable::Panel(Panel::Partitions), rows.shown.len(), height);
    let remark = place(first, height, rows.shown.len());
    // Excludes the corners and a space on each side of the title and of the remark.
    let room = usize::from(area.width).saturating_sub(6 + width(&remark));
    frame::panel(buf, area, title(state, &rows, room, theme), &remark, state.user.focus == Panel::Partitions, theme);
    if rows.total > 0 {
        let view = TableView {
            area: inner,
            padding: (u16::from(inner.width >= 100), u16::from(inner.width >= 70)),
            gap: 1..=3,
            rows: &state.partition_rows(),
            shown: &rows.shown,
            state: &state.user.table,
            first,
            selected: state.selected_row(&rows),
            heading: |theme| theme.column,
        };
        let targets = TableTargets {
            heading: &|column| Some(Target::Column(column)),
            row: &|row: &PartitionRow<'_>| Some(Target::Partition(row.partition.id.clone())),
        };
        table::render(buf, hits, &view, &targets, theme);
    }
    if rows.shown.is_empty() {
        let centre = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        paint::aligned(buf, centre, &empty_message(state, &rows), theme.muted, Alignment::Center);
    }
}

/// Explains why there are no rows.
fn empty_message(state: &State, rows: &Rows) -> String {
    if rows.total > 0 {
        let clear = state.with_key(Action::Close, |key| format!("; {key} clears it"));
        format!("no partition matches the filter{clear}")
    } else if state.feed.snapshot.at.is_none() {
        "connecting…".to_owned()
    } else if state.run().is_none() && state.feed.snapshot.problem.is_none() {
        let choose = state.feed.snapshot.catalog.is_some();
        let (action, does) = if choose { (Action::Topics, "chooses topics") } else { (Action::Run, "starts one") };
        let how = state.with_key(action, |key| format!("; {key} {does}"));
        format!("no run yet{how}")
    } else {
        "no partitions".to_owned()
    }
}

/// The title, in at most `room` cells. A long filter is shortened in the middle, so that the last characters are
/// visible.
fn title<'a>(state: &State, rows: &Rows, room: usize, theme: &Theme) -> Line<'a> {
    let typed = state.filter_prompt(Filters::Partitions).map(|prompt| &prompt.input);
    let mut spans = vec![Span::raw("Partitions")];
    if rows.total == 0 {
        return Line::from(spans);
    }
    let hidden = rows.total - rows.shown.len();
    let count = if hidden == 0 { rows.total.to_string() } else { format!("{} of {}", rows.shown.len(), rows.total) };
    spans.push(Span::styled(format!("  {count}"), theme.base));
    if rows.empty_hidden > 0 && typed.is_none() {
        let show = state.with_key(Action::ToggleEmpty, |key| format!(", {key} shows"));
        spans.push(Span::styled(format!(" ({} empty hidden{show})", rows.empty_hidden), theme.muted));
    }
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    // Two spaces, the slash, and the cursor.
    let room = room.saturating_sub(used + 4);
    if let Some(input) = typed {
        spans.push(Span::styled("  /", theme.key));
        spans.push(Span::styled(with_cursor(input, room + 1), theme.input));
    } else if !state.user.table.filter.is_empty() {
        let filter = clean(state.user.table.filter.text());
        spans.push(Span::styled(format!("  /{}", shorten(&filter, room)), theme.key));
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
