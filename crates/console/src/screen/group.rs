//! One watched group: its verdict, its partitions, its members, and its rebalances.

use kreplay_model::watch::GroupView;
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
};

use super::watch_page;
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::inside,
    number,
    state::{Filters, GroupPanel, State},
    text::{clean, shorten, width},
    theme::Theme,
    widget::{input::with_cursor, paint},
};

mod detail;
mod header;
mod member_detail;
mod panels;
mod rebalances;
mod swimlane;
mod trend;

/// The first word of the title.
pub(super) const TITLE: &str = "Group";
/// Minimum size of the room for the panels at which all of them are visible.
const MIN_WIDTH_FOR_ALL: u16 = 110;
const MIN_HEIGHT_FOR_ALL: u16 = 24;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let Some(area) = watch_page::area(state) else { return };
    let inner = inside(area);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let group = state.opened_group();
    let name = group.map(|group| group.group.as_str()).or(state.user.watch.opened.as_deref()).unwrap_or_default();
    let name = clean(name);
    let title = format!("{TITLE} {}", shorten(&name, usize::from(area.width.saturating_sub(16))));
    watch_page::frame(buf, hits, title.trim_end(), "", state, theme);
    let Some(group) = group else {
        let gone = || {
            let back = match state.key_of(Action::Close, Mode::Watching) {
                Some(key) => format!("; {key} goes back"),
                None => String::new(),
            };
            format!("the group {name} does not exist, or is not watched any more{back}")
        };
        watch_page::remark(buf, inner, &watch_page::no_groups(state).unwrap_or_else(gone), theme);
        return;
    };
    hits.add_group(&group.group);
    let mut lines = header::lines(group, inner, theme);
    lines.extend(trend::line(group, state, usize::from(inner.width), theme));
    for (row, line) in lines.iter().take(usize::from(inner.height)).enumerate() {
        paint::line(buf, inner.x, inner.y + number::cells(row), inner.width, line);
    }
    let top = number::cells(lines.len()).min(inner.height);
    let room = Rect { y: inner.y + top, height: inner.height - top, ..inner };
    if room.width >= MIN_WIDTH_FOR_ALL && room.height >= MIN_HEIGHT_FOR_ALL {
        all(buf, hits, room, group, state, theme);
    } else {
        focused(buf, hits, room, group, state, theme);
    }
}

/// All panels: the partitions above, members and rebalances side by side below.
fn all(buf: &mut Buffer, hits: &mut HitMap, room: Rect, group: &GroupView, state: &State, theme: &Theme) {
    let lower = (room.height / 3).max(8);
    let [upper, lower] = Layout::vertical([Constraint::Fill(1), Constraint::Length(lower)]).areas(room);
    let [members, gap, rebalances] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(2), Constraint::Fill(1)]).areas(lower);
    debug_assert_eq!(gap.width, 2);
    for (panel, area) in
        [(GroupPanel::Partitions, upper), (GroupPanel::Members, members), (GroupPanel::Rebalances, rebalances)]
    {
        if area.height < 2 {
            continue;
        }
        hits.add(area, Target::GroupPanel(panel));
        heading(buf, hits, Rect { height: 1, ..area }, &[panel], group, state, theme);
        let below = Rect { y: area.y + 1, height: area.height - 1, ..area };
        draw(buf, hits, below, panel, group, state, theme);
    }
}

/// The panel that has the focus, below the names of all.
fn focused(buf: &mut Buffer, hits: &mut HitMap, room: Rect, group: &GroupView, state: &State, theme: &Theme) {
    if room.height < 2 {
        return;
    }
    let panel = state.user.watch.panel;
    hits.add(room, Target::GroupPanel(panel));
    heading(buf, hits, Rect { height: 1, ..room }, &GroupPanel::ALL, group, state, theme);
    let below = Rect { y: room.y + 1, height: room.height - 1, ..room };
    draw(buf, hits, below, panel, group, state, theme);
}

/// The names of panels with the numbers of their rows. A sign marks the one that has the focus.
fn heading(
    buf: &mut Buffer,
    hits: &mut HitMap,
    at: Rect,
    panels: &[GroupPanel],
    group: &GroupView,
    state: &State,
    theme: &Theme,
) {
    let is_described = group.as_of.is_some();
    let mut x = at.x;
    for panel in panels {
        let has_focus = *panel == state.user.watch.panel;
        let count = match panel {
            // Committed offsets may be known before the group is described.
            GroupPanel::Partitions if is_described || !group.partitions.is_empty() => {
                number::count(group.partitions.len() as u64)
            }
            GroupPanel::Members if is_described => number::count(group.members.len() as u64),
            GroupPanel::Partitions | GroupPanel::Members => "?".to_owned(),
            GroupPanel::Rebalances if group.rebalances.exact || group.rebalances.count == 0 => {
                number::count(group.rebalances.count)
            }
            GroupPanel::Rebalances => format!("≥{}", number::count(group.rebalances.count)),
        };
        let sign = if has_focus { "▸ " } else { "  " };
        let mut text = format!("{sign}{} {count}", panel.title());
        if *panel == GroupPanel::Partitions {
            text.push_str(&filter(state, usize::from(at.right().saturating_sub(x)).saturating_sub(width(&text) + 34)));
        }
        let style = theme.popup.patch(if has_focus { theme.title_focused } else { theme.title });
        let cells = number::cells(width(&text)).min(at.right().saturating_sub(x));
        hits.add(Rect { x, width: cells, ..at }, Target::GroupPanel(*panel));
        paint::text(buf, x, at.y, cells, &text, style);
        x = x.saturating_add(cells + 2).min(at.right());
    }
}

/// The filter of the partitions.
fn filter(state: &State, room: usize) -> String {
    if let Some(prompt) = state.filter_prompt(Filters::GroupPartitions) {
        return format!("  /{}", with_cursor(&prompt.input, room.max(8) + 1));
    }
    let filter = clean(state.user.watch.partitions.filter.text());
    if filter.is_empty() { String::new() } else { format!("  /{}", shorten(&filter, room.max(8))) }
}

fn draw(
    buf: &mut Buffer,
    hits: &mut HitMap,
    area: Rect,
    panel: GroupPanel,
    group: &GroupView,
    state: &State,
    theme: &Theme,
) {
    match panel {
        GroupPanel::Partitions => panels::partitions(buf, hits, area, group, state, theme),
        GroupPanel::Members => panels::members(buf, hits, area, group, state, theme),
        GroupPanel::Rebalances => rebalances::render(buf, hits, area, group, state, theme),
    }
}
