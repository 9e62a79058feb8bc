//! The tables of a watched group: its partitions and its members.

use kreplay_model::watch::GroupView;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::Line,
};

use super::{super::watch_page, detail, member_detail};
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    number,
    state::{GroupMemberRow, GroupPanel, GroupPartitionRow, Scrollable, State},
    table::{TableRow, TableState, arrange},
    theme::Theme,
    widget::{
        paint,
        partitions::place,
        table::{self, TableTargets, TableView},
    },
};

/// Minimum height of the panel at which the figures of the selected partition are below the table.
const MIN_HEIGHT_WITH_DETAIL: u16 = 8;
/// Maximum lines of these figures: a third of the panel.
const DETAIL_DIVISOR: u16 = 3;

/// The partitions and, below, all figures of the selected one.
pub(super) fn partitions(
    buf: &mut Buffer,
    hits: &mut HitMap,
    area: Rect,
    group: &GroupView,
    state: &State,
    theme: &Theme,
) {
    let rows = state.group_partition_rows(group);
    let table = &state.user.watch.partitions;
    let shown = arrange(table, &rows).shown;
    let selected = table.selected_row(&shown, &rows).and_then(|row| rows.get(*shown.get(row)?));
    let mut below = Vec::new();
    if let Some(row) = selected.filter(|_| area.height >= MIN_HEIGHT_WITH_DETAIL) {
        below = detail::lines(row, state, usize::from(area.width), theme);
        below.truncate(usize::from(area.height / DETAIL_DIVISOR));
    }
    let cells = number::cells(below.len());
    let upper = Rect { height: area.height - cells, ..area };
    let empty = if rows.is_empty() {
        match &group.why_unknown {
            Some(reason) => reason.to_string(),
            None => "no partitions: none are assigned and no offsets are committed".to_owned(),
        }
    } else {
        let clear = state.key_of(Action::Close, Mode::Watching).map(|key| format!("; {key} clears it"));
        format!("no partition matches the filter{}", clear.unwrap_or_default())
    };
    let row_target = |row: &GroupPartitionRow<'_>| Some(Target::GroupPartition(row.id.clone()));
    draw(buf, hits, upper, &rows, &shown, (table, GroupPanel::Partitions), &row_target, &empty, theme);
    lines_below(buf, area, upper, &below);
}

/// The members and, below, what the selected one has.
pub(super) fn members(
    buf: &mut Buffer,
    hits: &mut HitMap,
    area: Rect,
    group: &GroupView,
    state: &State,
    theme: &Theme,
) {
    let rows = state.member_rows(group);
    let table = &state.user.watch.members;
    let shown = arrange(table, &rows).shown;
    let empty = match &group.why_unknown {
        Some(reason) if group.as_of.is_none() => reason.to_string(),
        _ => "no members".to_owned(),
    };
    let selected = table.selected_row(&shown, &rows).and_then(|row| rows.get(*shown.get(row)?));
    let mut below = Vec::new();
    if let Some(row) = selected.filter(|_| area.height >= MIN_HEIGHT_WITH_DETAIL) {
        below = member_detail::lines(group, row.member, usize::from(area.width), theme);
        below.truncate(usize::from(area.height / DETAIL_DIVISOR));
    }
    let upper = Rect { height: area.height - number::cells(below.len()), ..area };
    let row_target = |row: &GroupMemberRow<'_>| Some(Target::Member(row.member.member_id.clone()));
    draw(buf, hits, upper, &rows, &shown, (table, GroupPanel::Members), &row_target, &empty, theme);
    lines_below(buf, area, upper, &below);
}

fn lines_below(buf: &mut Buffer, area: Rect, upper: Rect, lines: &[Line<'_>]) {
    for (row, line) in lines.iter().enumerate() {
        paint::line(buf, area.x, upper.bottom() + number::cells(row), area.width, line);
    }
}

#[allow(clippy::too_many_arguments, reason = "what is drawn, where, and what a click means")]
fn draw<R: TableRow>(
    buf: &mut Buffer,
    hits: &mut HitMap,
    area: Rect,
    rows: &[R],
    shown: &[usize],
    (table, panel): (&TableState<R::Key>, GroupPanel),
    row_target: &dyn Fn(&R) -> Option<Target>,
    empty: &str,
    theme: &Theme,
) {
    let height = usize::from(area.height.saturating_sub(1));
    let first = table.first_row(shown, rows, height);
    hits.add_extent(Scrollable::GroupPanel(panel), shown.len(), height);
    if shown.is_empty() {
        watch_page::remark(buf, area, empty, theme);
        return;
    }
    let place = place(first, height, shown.len());
    // The heading of the panel is the line above.
    let above = Rect { y: area.y.saturating_sub(1), height: 1, ..area };
    paint::aligned(buf, above, &place, theme.muted, Alignment::Right);
    let view = TableView {
        area,
        padding: (0, 0),
        gap: 1..=3,
        rows,
        shown,
        state: table,
        first,
        selected: table.selected_row(shown, rows),
        heading: |theme| theme.popup.patch(theme.column),
    };
    let targets = TableTargets { heading: &|column| Some(Target::GroupPanelColumn(panel, column)), row: row_target };
    table::render(buf, hits, &view, &targets, theme);
}
