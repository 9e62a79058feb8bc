//! What has happened to the watched groups, or to the opened one: the latest first, each in full.

use kreplay_model::watch::WatchEvent;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
};

use super::foot;
use crate::{
    hit_map::HitMap,
    key::Mode,
    layout::centred,
    number,
    state::{ScreenId, Scrollable, State},
    symbol,
    text::{clean, shorten, width, wrap},
    theme::Theme,
    widget::{frame, paint},
};

/// The beginning of the title.
pub(super) const TITLE: &str = "Events of";
const MAX_WIDTH: u16 = 120;
/// The events that are shown.
const MAX_SHOWN: usize = 1_000;
/// Maximum number of lines of an event.
const MAX_LINES: usize = 6;
/// The width of sign and time in front of an event.
const TIME_CELLS: usize = 11;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, from: usize, state: &State, theme: &Theme) {
    let group = group(state);
    let events = state.feed.group_history().events(group, MAX_SHOWN);
    let area = area(state);
    let room = usize::from(area.width.saturating_sub(4));
    let lines: Vec<(String, Style)> = events.iter().flat_map(|event| lines(event, group, room, theme)).collect();
    let most = if events.len() == MAX_SHOWN { ", the latest 1,000" } else { "" };
    let named = group.map_or_else(
        || "all groups".to_owned(),
        |name| shorten(&clean(name), usize::from(area.width).saturating_sub(40)).into_owned(),
    );
    let page = usize::from(area.height.saturating_sub(2));
    hits.add_extent(Scrollable::Screen(ScreenId::GroupEvents), lines.len(), page);
    let foot = foot::of_window(state, Mode::Reading, lines.len() > page);
    let inner = frame::window(buf, area, &format!("{TITLE} {named}{most}"), &foot, theme);
    if lines.is_empty() {
        let middle = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        paint::aligned(buf, middle, "nothing has happened since the watch began", theme.muted, Alignment::Center);
    }
    let from = from.min(lines.len().saturating_sub(page));
    for (row, (text, style)) in lines.iter().skip(from).take(page).enumerate() {
        paint::text(buf, inner.x, inner.y + number::cells(row), inner.width, text, theme.popup.patch(*style));
    }
}

/// The window. The banner, the messages, and the key hints stay visible.
fn area(state: &State) -> Rect {
    let screen = state.screen();
    let room = state.areas().map_or(screen, |parts| {
        let top = parts.header.y + 1;
        Rect { y: top, height: parts.footer.y.saturating_sub(top), ..screen }
    });
    centred(room, MAX_WIDTH, room.height)
}

/// The group whose events are shown; `None` for all of them.
fn group(state: &State) -> Option<&str> {
    if !state.user.navigation.is_open(ScreenId::Group) {
        return None;
    }
    state.user.watch.opened.as_deref().or_else(|| state.opened_group().map(|group| group.group.as_str()))
}

/// An event: sign and time, the group unless only one is shown, and what has happened.
fn lines(event: &WatchEvent, only: Option<&str>, room: usize, theme: &Theme) -> Vec<(String, Style)> {
    let (sign, style) = symbol::severity(event.kind.severity(), theme);
    let text = match only {
        Some(_) => event.kind.to_string(),
        None => format!("{}: {}", event.group, event.kind),
    };
    let at = format!("{sign} {} ", event.at.format("%H:%M:%S"));
    let indentation = " ".repeat(TIME_CELLS);
    let wrapped = wrap(&clean(&text), room.saturating_sub(TIME_CELLS));
    let more = wrapped.len() > MAX_LINES;
    let mut lines: Vec<(String, Style)> = wrapped
        .into_iter()
        .take(MAX_LINES)
        .enumerate()
        .map(|(row, line)| (if row == 0 { format!("{at}{line}") } else { format!("{indentation}{line}") }, style))
        .collect();
    if let Some((last, _)) = lines.last_mut().filter(|_| more) {
        if width(last) >= room {
            last.pop();
        }
        last.push('…');
    }
    lines
}
