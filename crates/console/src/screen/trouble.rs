//! The watched groups that need attention: the worst first, each with its evidence and the next step. The others are
//! folded to a count.

use std::collections::BTreeMap;

use kreplay_model::watch::{GroupView, VerdictKind};
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
};

use super::watch_page;
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::inside,
    number::{self, Forms},
    state::{ScreenId, Scrollable, State, TroubleItem, evidence},
    symbol,
    text::{clean, shorten, width, wrap_at_most},
    theme::Theme,
    widget::paint,
};

/// The beginning of the title.
pub(super) const TITLE: &str = "Trouble";
/// The indentation of evidence and next step: below the name of the group.
const INDENTATION: u16 = 2;
/// Maximum width of a group's name, so that its verdict is near.
const MAX_NAME_CELLS: usize = 60;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let Some(area) = watch_page::area(state) else { return };
    let inner = inside(area);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let items = state.trouble();
    let first = state.first_trouble(&items, usize::from(inner.height));
    let visible = visible(&items, first, usize::from(inner.height));
    hits.add_extent(Scrollable::Screen(ScreenId::Trouble), items.len(), visible);
    let place = if visible < items.len() {
        format!("{}–{} of {}", first + 1, first + visible, items.len())
    } else {
        String::new()
    };
    watch_page::frame(buf, hits, &title(&items), &place, state, theme);
    if let Some(why) = watch_page::no_groups(state) {
        watch_page::remark(buf, inner, &why, theme);
    }
    let selected = state.selected_trouble(&items);
    let mut y = inner.y;
    for (at, item) in items.iter().enumerate().skip(first).take(visible) {
        let height = number::cells(item.lines()).min(inner.bottom().saturating_sub(y));
        let at_item = Rect { y, height, ..inner };
        draw(buf, hits, at_item, item, state, theme);
        if selected == Some(at) {
            buf.set_style(at_item, theme.selected);
        }
        y += height;
    }
}

/// The number of items that fit, the first one in any case.
fn visible(items: &[TroubleItem<'_>], first: usize, height: usize) -> usize {
    let (mut lines, mut count) = (0, 0);
    for item in items.iter().skip(first) {
        lines += item.lines();
        if lines > height && count > 0 {
            break;
        }
        count += 1;
    }
    count
}

fn title(items: &[TroubleItem<'_>]) -> String {
    let bad = items.iter().filter(|item| matches!(item, TroubleItem::Group(_))).count();
    match bad {
        0 => TITLE.to_owned(),
        bad => format!("{TITLE}  {}", number::counted(bad as u64, "group")),
    }
}

fn draw(buf: &mut Buffer, hits: &mut HitMap, at: Rect, item: &TroubleItem<'_>, state: &State, theme: &Theme) {
    match item {
        TroubleItem::Group(group) => {
            hits.add(at, Target::Group(group.group.clone()));
            hits.add_group(&group.group);
            heading(buf, at, group, theme);
            below(buf, at, group, theme);
        }
        TroubleItem::Other(group) => {
            hits.add(at, Target::Group(group.group.clone()));
            hits.add_group(&group.group);
            heading(buf, at, group, theme);
        }
        TroubleItem::Others(_) => {
            hits.add(at, Target::OtherGroups);
            others(buf, at, state, theme);
        }
    }
}

/// The first line of a group: its name and verdict on the left, its lag and age on the right.
fn heading(buf: &mut Buffer, at: Rect, group: &GroupView, theme: &Theme) {
    let (sign, role) = symbol::verdict(&group.verdict);
    let figures = figures(group);
    let room = usize::from(at.width).saturating_sub(usize::from(INDENTATION) + width(&figures) + 2);
    let text = clean(&group.verdict.text);
    // A text without space is replaced by the kind, which is short: a name in its middle is not cut.
    let kind = group.verdict.kind.to_string();
    let verdict = if width(&text) + 14 <= room { text.into_owned() } else { kind };
    let name = clean(&group.group);
    let name = shorten(&name, room.saturating_sub(width(&verdict) + 2).min(MAX_NAME_CELLS));
    paint::text(buf, at.x, at.y, 1, sign, role(theme));
    let x = at.x + INDENTATION;
    paint::text(buf, x, at.y, at.right().saturating_sub(x), &name, theme.strong);
    let x = x + number::cells(width(&name)) + 2;
    paint::text(buf, x, at.y, at.right().saturating_sub(x), &verdict, role(theme));
    paint::aligned(buf, Rect { height: 1, ..at }, &figures, theme.popup, Alignment::Right);
}

/// The lag and the age of a group, each in a place of its own, so that they can be compared from line to line.
fn figures(group: &GroupView) -> String {
    let lag = group.lag.total.map_or_else(|| Forms::of("?"), number::lags);
    let more = if group.lag.unknown_partitions > 0 && group.lag.total.is_some() { "+" } else { "" };
    let age = match group.age_s {
        Some(age) => number::ages(age, group.age_exactness),
        None => Forms::of(if group.lag.total == Some(0) { "–" } else { "?" }),
    };
    format!("lag {:>9}{more:1} age {:>8}", lag.fit(9), age.fit(8))
}

/// The evidence and the next step, a line each.
fn below(buf: &mut Buffer, at: Rect, group: &GroupView, theme: &Theme) {
    let room = usize::from(at.width.saturating_sub(INDENTATION));
    let mut y = at.y + 1;
    let mut put = |text: &str, style| {
        if y < at.bottom() {
            let line = wrap_at_most(&clean(text), room, 1);
            let line = line.first().map_or("", String::as_str);
            paint::text(buf, at.x + INDENTATION, y, at.width.saturating_sub(INDENTATION), line, style);
        }
        y += 1;
    };
    let evidence = evidence(group);
    if !evidence.is_empty() {
        put(&evidence, theme.popup);
    }
    if let Some(step) = &group.verdict.next_step {
        put(&format!("→ {step}"), theme.popup.patch(theme.notice));
    }
}

/// Whether a group without trouble has no verdict yet because its figures were not requested.
fn is_not_known(group: &GroupView) -> bool {
    match group.verdict.kind {
        VerdictKind::Unknown => true,
        VerdictKind::Gathering => group.why_unknown.is_some(),
        _ => false,
    }
}

/// The count of the groups without trouble, by verdict, and of those that are not known.
fn others(buf: &mut Buffer, at: Rect, state: &State, theme: &Theme) {
    let mut kinds: BTreeMap<VerdictKind, u64> = BTreeMap::new();
    let mut unknown = 0;
    for group in state.feed.watched.groups().iter().filter(|group| !crate::state::needs_attention(group)) {
        if is_not_known(group) {
            unknown += 1;
        } else {
            *kinds.entry(group.verdict.kind).or_default() += 1;
        }
    }
    let counts: Vec<String> =
        kinds.iter().rev().map(|(kind, count)| format!("{} {kind}", number::count(*count))).collect();
    let total = number::count(kinds.values().sum());
    let does = if state.user.watch.trouble.unfolded { "hides them" } else { "shows them" };
    let key = match state.key_of(Action::OpenGroup, Mode::Watching) {
        Some(key) => format!("{key} {does}"),
        None => String::new(),
    };
    paint::text(buf, at.x, at.y, 1, "✓", theme.good);
    let x = at.x + INDENTATION;
    let room = usize::from(at.width.saturating_sub(INDENTATION)).saturating_sub(width(&key) + 2);
    let noun = if total == "1" { "group" } else { "groups" };
    let unknown = if unknown > 0 { format!("; {} not known yet", number::count(unknown)) } else { String::new() };
    let short = format!("{total} {noun} not in trouble{unknown}");
    let long = match counts.as_slice() {
        [] => short.clone(),
        _ => format!("{total} {noun} not in trouble: {}{unknown}", counts.join(", ")),
    };
    let text = if width(&long) <= room { long } else { short };
    paint::text(buf, x, at.y, number::cells(room), &text, theme.popup);
    paint::aligned(buf, Rect { height: 1, ..at }, &key, theme.muted, Alignment::Right);
}
