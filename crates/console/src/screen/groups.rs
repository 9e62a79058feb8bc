//! The table of all watched groups.

use std::fmt::Write as _;

use kreplay_model::watch::GroupView;
use ratatui::{buffer::Buffer, layout::Rect};

use super::watch_page;
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::inside,
    number,
    state::{Filters, GroupRow, ScreenId, Scrollable, State, evidence},
    symbol,
    text::{clean, shorten, wrap_at_most},
    theme::Theme,
    widget::{
        input::with_cursor,
        paint,
        partitions::place,
        table::{self, TableTargets, TableView},
    },
};

/// The beginning of the title.
pub(super) const TITLE: &str = "Groups";
/// Lines below the table: the evidence of the selected group and the next step, below a gap.
const LINES_BELOW: u16 = 3;
/// Minimum height at which there are lines below the table.
const MIN_HEIGHT_WITH_EVIDENCE: u16 = 14;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let Some(area) = watch_page::area(state) else { return };
    let inner = inside(area);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let below = if inner.height >= MIN_HEIGHT_WITH_EVIDENCE { LINES_BELOW } else { 0 };
    let height = usize::from(inner.height.saturating_sub(1 + below));
    let (rows, shown) = (state.group_rows(), state.shown_groups().shown);
    let first = state.user.watch.groups.first_row(&shown, &rows, height);
    hits.add_extent(Scrollable::Screen(ScreenId::Groups), shown.len(), height);
    let title = title(state, shown.len(), rows.len(), area.width);
    watch_page::frame(buf, hits, &title, &place(first, height, shown.len()), state, theme);
    let table = Rect { height: inner.height.saturating_sub(below), ..inner };
    if let Some(why) = watch_page::no_groups(state) {
        watch_page::remark(buf, table, &why, theme);
        return;
    }
    let selected = state.user.watch.groups.selected_row(&shown, &rows);
    let view = TableView {
        area: table,
        padding: (0, 0),
        gap: 1..=3,
        rows: &rows,
        shown: &shown,
        state: &state.user.watch.groups,
        first,
        selected,
        heading: |theme| theme.popup.patch(theme.column),
    };
    let targets = TableTargets {
        heading: &|column| Some(Target::GroupColumn(column)),
        row: &|row: &GroupRow<'_>| Some(Target::Group(row.group.group.clone())),
    };
    table::render(buf, hits, &view, &targets, theme);
    for row in shown.iter().skip(first).take(height).filter_map(|at| rows.get(*at)) {
        hits.add_group(&row.group.group);
    }
    if shown.is_empty() {
        let clear = match state.key_of(Action::Close, Mode::Watching) {
            Some(key) => format!("; {key} clears it"),
            None => String::new(),
        };
        watch_page::remark(buf, table, &format!("no group matches the filter{clear}"), theme);
    }
    let group = selected.and_then(|row| rows.get(*shown.get(row)?)).map(|row| row.group);
    if let Some(group) = group.filter(|_| below > 0) {
        let at = Rect { y: table.bottom() + 1, height: below - 1, ..inner };
        verdict(buf, at, group, theme);
    }
}

/// The number of groups, of shown ones while a filter hides some, and the filter.
fn title(state: &State, shown: usize, all: usize, cells: u16) -> String {
    let table = &state.user.watch.groups;
    if all == 0 {
        return TITLE.to_owned();
    }
    let described = state.feed.watched.groups().iter().filter(|group| group.as_of.is_some()).count();
    let mut title = format!("{TITLE}  {}", number::count(shown as u64));
    if shown < all {
        let _ = write!(title, " of {}", number::count(all as u64));
    }
    if described < all {
        let _ = write!(title, ", {} described", number::count(described as u64));
    }
    let room = usize::from(cells).saturating_sub(title.len() + 10);
    if let Some(prompt) = state.filter_prompt(Filters::Groups) {
        return format!("{title}  /{}", with_cursor(&prompt.input, room + 1));
    }
    if table.filter.is_empty() {
        return title;
    }
    format!("{title}  /{}", shorten(&clean(table.filter.text()), room))
}

/// The verdict of the selected group: its evidence and the next step, a line each.
fn verdict(buf: &mut Buffer, at: Rect, group: &GroupView, theme: &Theme) {
    let (sign, role) = symbol::verdict(&group.verdict);
    let room = usize::from(at.width);
    let first = format!("{sign} {}: {}", clean(&group.verdict.text), clean(&evidence(group)));
    let mut lines = vec![(first, role(theme))];
    if let Some(step) = &group.verdict.next_step {
        lines.push((format!("→ {}", clean(step)), theme.notice));
    }
    for (row, (text, style)) in lines.iter().take(usize::from(at.height)).enumerate() {
        let line = wrap_at_most(text, room, 1);
        let line = line.first().map_or("", String::as_str);
        paint::text(buf, at.x, at.y + number::cells(row), at.width, line, theme.popup.patch(*style));
    }
}
