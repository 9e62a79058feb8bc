//! The details window of an event, with its full text.

use kreplay_model::feed::{Event, Severity};
use ratatui::buffer::Buffer;

use super::foot;
use crate::{
    hit_map::HitMap,
    key::Mode,
    layout::centred,
    number,
    state::{ScreenId, Scrollable, State},
    text::{clean, wrap},
    theme::Theme,
    widget::{frame, paint, symbol},
};

pub(super) const TITLE: &str = "Event";
const MAX_WIDTH: u16 = 100;
/// Columns around the text: the frame and a space on each side.
const COLUMNS_AROUND: u16 = 4;
/// Lines around the text: the frame, the time, and a gap.
const LINES_AROUND: u16 = 4;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, from: usize, state: &State, theme: &Theme) {
    let Some(event) = state.user.log.selected(&state.feed.events) else { return };
    let lines = lines(event, state);
    let area = centred(buf.area, MAX_WIDTH, number::cells(lines.len()).saturating_add(LINES_AROUND));
    let inner = frame::window(buf, area, TITLE, &foot::of_window(state, Mode::Reading, false), theme);
    let room = inner.width.saturating_sub(2);
    let severity = event.kind.severity();
    let (sign, style) = symbol::severity(severity, theme);
    let kind = match severity {
        Severity::Info => "info",
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let head = format!("{sign} {kind}   {} UTC", event.at.format("%Y-%m-%d %H:%M:%S%.3f"));
    paint::text(buf, inner.x + 1, inner.y, room, &head, style);
    let rows = usize::from(inner.height.saturating_sub(LINES_AROUND - 2));
    hits.add_extent(Scrollable::Screen(ScreenId::Event), lines.len(), rows);
    let from = from.min(lines.len().saturating_sub(rows));
    for (row, line) in lines.iter().skip(from).take(rows).enumerate() {
        paint::text(buf, inner.x + 1, inner.y + 2 + number::cells(row), room, line, theme.popup);
    }
}

fn lines(event: &Event, state: &State) -> Vec<String> {
    let width = MAX_WIDTH.min(state.screen().width).saturating_sub(COLUMNS_AROUND);
    wrap(&clean(&event.text()), usize::from(width))
}
