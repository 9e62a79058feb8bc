//! The rebalances of a watched group, the latest first.

use kreplay_model::watch::{GroupView, RebalanceEntry, RebalancesView};
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
};

use super::{
    super::watch_page::{self, Part, flow},
    swimlane,
};
use crate::{
    hit_map::HitMap,
    number,
    state::{GroupPanel, Scrollable, State},
    text::{clean, shorten},
    theme::{Role, Theme},
    widget::{paint, partitions::place},
};

/// What is shown without any.
const NO_REBALANCE: &str = "no rebalance since the watch began";
/// Maximum number of members named in a line.
const MAX_NAMED: usize = 3;
const MAX_NAME_CELLS: usize = 32;
/// The indentation of what happened in a rebalance, below its time.
const INDENTATION: usize = 2;
const MUTED: Role = |theme| theme.muted;
const NOTICE: Role = |theme| theme.notice;
const WARNING: Role = |theme| theme.warning;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, area: Rect, group: &GroupView, state: &State, theme: &Theme) {
    let (room, page) = (usize::from(area.width), usize::from(area.height));
    let mut lines = swimlane::lines(group, state, room, theme);
    let history = lines_of(&group.rebalances, room, theme);
    let is_empty = history.is_empty();
    lines.extend(history);
    if lines.is_empty() {
        hits.add_extent(Scrollable::GroupPanel(GroupPanel::Rebalances), 0, page);
        watch_page::remark(buf, area, NO_REBALANCE, theme);
        return;
    }
    if is_empty {
        lines.push(Line::styled(NO_REBALANCE, theme.muted));
    }
    hits.add_extent(Scrollable::GroupPanel(GroupPanel::Rebalances), lines.len(), page);
    let from = state.user.watch.rebalances_from.min(lines.len().saturating_sub(page));
    let above = Rect { y: area.y.saturating_sub(1), height: 1, ..area };
    paint::aligned(buf, above, &place(from, page, lines.len()), theme.muted, Alignment::Right);
    for (row, line) in lines.iter().skip(from).take(page).enumerate() {
        paint::line(buf, area.x, area.y + number::cells(row), area.width, line);
    }
}

fn lines_of(view: &RebalancesView, room: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut now = Vec::new();
    if let Some(since) = view.unsettled_since {
        now.push(Part::styled(format!("⇄ in progress since {}", since.format("%H:%M:%S")), WARNING));
        if !view.waiting_for.is_empty() {
            now.push(Part::styled(format!("waits for {}", names(&view.waiting_for)), WARNING));
        }
    }
    if let Some(member) = &view.flapping {
        let name = shorten(&clean(member), MAX_NAME_CELLS).into_owned();
        now.push(Part::styled(format!("! {name} joined and left most often"), WARNING));
    }
    lines.extend(flow(&now, room, theme));
    for entry in view.history.iter().rev() {
        let mut parts = entry_parts(entry, view.is_in_progress(entry)).into_iter();
        let first: Vec<Part> = parts.by_ref().take(2).collect();
        lines.extend(flow(&first, room, theme));
        let rest: Vec<Part> = parts.collect();
        for line in flow(&rest, room.saturating_sub(INDENTATION), theme) {
            let mut spans = vec![Span::raw(" ".repeat(INDENTATION))];
            spans.extend(line.spans);
            lines.push(Line::from(spans));
        }
    }
    lines
}

/// When a rebalance began and how long it took, then what happened.
fn entry_parts(entry: &RebalanceEntry, is_in_progress: bool) -> Vec<Part> {
    let took = match entry.duration_ms {
        Some(duration) => format!("took {} ± {}", millis(duration), millis(entry.error_ms)),
        None if is_in_progress => "in progress".to_owned(),
        None => "duration not known".to_owned(),
    };
    let mut parts = vec![Part::styled(format!("⇄ {}", entry.began_at.format("%H:%M:%S")), NOTICE), Part::new(took)];
    if entry.epochs > 1 {
        parts.push(Part::styled(format!("{} epochs", entry.epochs), MUTED));
    }
    if !entry.joined.is_empty() {
        parts.push(Part::new(format!("+ {}", names(&entry.joined))));
    }
    if !entry.left.is_empty() {
        parts.push(Part::new(format!("− {}", names(&entry.left))));
    }
    if let Some(moved) = entry.partitions {
        let count = number::count;
        parts.push(Part::styled(format!("{} moved, {} kept", count(moved.moved), count(moved.kept)), MUTED));
        if moved.without_owner > 0 {
            parts.push(Part::styled(format!("{} without owner", count(moved.without_owner)), WARNING));
        }
    }
    for still in entry.stood_still.iter().take(1) {
        let name = shorten(&clean(&still.partition.to_string()), MAX_NAME_CELLS).into_owned();
        parts.push(Part::styled(format!("{name} had no commit for {}", millis(still.gap_ms)), MUTED));
    }
    parts
}

#[allow(clippy::cast_precision_loss, reason = "shown with three digits")]
fn millis(ms: u64) -> String {
    number::millis(ms as f64)
}

fn names(names: &[String]) -> String {
    let shown: Vec<String> =
        names.iter().take(MAX_NAMED).map(|name| shorten(&clean(name), MAX_NAME_CELLS).into_owned()).collect();
    let more = names.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
