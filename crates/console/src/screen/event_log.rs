//! All events of the session that are kept, with a filter.

use kreplay_model::feed::Severity;
use ratatui::{
    buffer::Buffer,
    text::{Line, Span},
};

use super::{run_page, watch_page};
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    number,
    state::{EventRow, Filters, ScreenId, Scrollable, State},
    symbol,
    text::{clean, cut, shorten, wrap_at_most},
    theme::Theme,
    widget::{input::with_cursor, paint},
};

pub(super) const TITLE: &str = "Event log";
/// Columns of time and sign in front of a text.
const FRONT_COLUMNS: usize = 15;
/// Maximum number of lines of an event.
const MAX_LINES: usize = 8;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let rows = state.event_rows();
    let arranged = state.shown_events(&rows);
    let shown = &arranged.shown;
    let selected = state.user.event_log.selected_row(shown, &rows);
    let newer = selected.map_or(0, |row| shown.len() - 1 - row);
    let title = title(state, shown.len(), rows.len());
    let Some(inner) = run_page::frame(buf, hits, &title, &foot(state, newer), state, theme) else { return };
    let height = usize::from(inner.height);
    hits.add_extent(Scrollable::Screen(ScreenId::EventLog), shown.len(), height);
    let Some(selected) = selected else {
        watch_page::remark(buf, inner, &nothing(state, rows.is_empty()), theme);
        return;
    };
    let room = usize::from(inner.width).saturating_sub(FRONT_COLUMNS);
    let texts = |row: usize| {
        let event = shown.get(row).and_then(|at| rows.get(*at));
        event.map_or_else(Vec::new, |event| texts(event, room, state.user.event_log.wraps))
    };
    let mut line = inner.y;
    for (row, lines) in visible(selected, shown.len(), height, texts) {
        let Some(event) = shown.get(row).and_then(|at| rows.get(*at)) else { continue };
        for (number, text) in lines {
            let at = ratatui::layout::Rect { y: line, height: 1, ..inner };
            paint::line(buf, at.x, at.y, at.width, &line_of(event, number == 0, text, theme));
            if row == selected && state.user.event_log.table.selected.is_some() {
                buf.set_style(at, theme.selected);
            }
            hits.add(at, Target::LoggedEvent(event.event.seq));
            line += 1;
        }
    }
}

/// The lines of a page that has an event in its middle, or, near an end, as little free space as possible: the events
/// with the numbers and texts of their lines.
fn visible(
    selected: usize,
    events: usize,
    height: usize,
    texts: impl Fn(usize) -> Vec<String>,
) -> Vec<(usize, Vec<(usize, String)>)> {
    let lines_of = |row: usize| texts(row).into_iter().enumerate().map(move |(number, text)| (row, number, text));
    let mut below: Vec<(usize, usize, String)> = Vec::new();
    for row in selected..events {
        if below.len() >= height {
            break;
        }
        below.extend(lines_of(row));
    }
    // The lines above, the nearest first.
    let mut above: Vec<(usize, usize, String)> = Vec::new();
    for row in (0..selected).rev() {
        if above.len() >= height {
            break;
        }
        let mut lines: Vec<_> = lines_of(row).collect();
        lines.reverse();
        above.extend(lines);
    }
    let of_selected = below.iter().take_while(|(row, ..)| *row == selected).count();
    let middle = height.saturating_sub(of_selected) / 2;
    let before = above.len().min(middle.max(height.saturating_sub(below.len())));
    above.truncate(before);
    above.reverse();
    let mut pages: Vec<(usize, Vec<(usize, String)>)> = Vec::new();
    for (row, number, text) in above.into_iter().chain(below).take(height) {
        match pages.last_mut().filter(|(last, _)| *last == row) {
            Some((_, lines)) => lines.push((number, text)),
            None => pages.push((row, vec![(number, text)])),
        }
    }
    pages
}

/// The text of an event, in lines.
fn texts(row: &EventRow<'_>, room: usize, wraps: bool) -> Vec<String> {
    let text = clean(&row.text);
    let lines = if wraps { wrap_at_most(&text, room, MAX_LINES) } else { vec![cut(&text, room).into_owned()] };
    if lines.is_empty() { vec![String::new()] } else { lines }
}

/// A line of an event. The first one has its time and its sign.
fn line_of(row: &EventRow<'_>, is_first: bool, text: String, theme: &Theme) -> Line<'static> {
    let severity = row.event.kind.severity();
    let (sign, style) = symbol::severity(severity, theme);
    let text_style = if severity >= Severity::Warning { theme.popup.patch(style) } else { theme.popup };
    if !is_first {
        return Line::from(vec![Span::styled(" ".repeat(FRONT_COLUMNS), theme.popup), Span::styled(text, text_style)]);
    }
    Line::from(vec![
        Span::styled(format!("{} ", row.time()), theme.popup.patch(theme.muted)),
        Span::styled(format!("{sign} "), theme.popup.patch(style)),
        Span::styled(text, text_style),
    ])
}

/// The number of events, of shown ones while a filter hides some, and the filter.
fn title(state: &State, shown: usize, all: usize) -> String {
    let count = number::count(shown as u64);
    let of = if shown < all { format!(" of {}", number::count(all as u64)) } else { String::new() };
    let missed = state.feed.events.missed();
    let missed =
        if missed > 0 { format!(", {} not shown: too many at once", number::count(missed)) } else { String::new() };
    let title = format!("{TITLE}  {count}{of}{missed}");
    let room = usize::from(state.size.width).saturating_sub(title.len() + 10);
    if let Some(prompt) = state.filter_prompt(Filters::Events) {
        return format!("{title}  /{}", with_cursor(&prompt.input, room + 1));
    }
    match clean(state.user.event_log.table.filter.text()) {
        filter if filter.is_empty() => title,
        filter => format!("{title}  /{}", shorten(&filter, room)),
    }
}

/// How many events are newer than the one under the cursor.
fn foot(state: &State, newer: usize) -> String {
    if state.user.event_log.table.selected.is_none() {
        return "UTC   ● follows".to_owned();
    }
    let follow = state.key_of(Action::Bottom, Mode::Listing).map_or(String::new(), |key| format!("; {key} follows"));
    format!("UTC   {} newer{follow}", number::count(newer as u64))
}

fn nothing(state: &State, no_events: bool) -> String {
    if no_events {
        return "no events yet".to_owned();
    }
    let clear = state.key_of(Action::Close, Mode::Listing).map_or(String::new(), |key| format!("; {key} clears it"));
    format!("no event matches the filter{clear}")
}
