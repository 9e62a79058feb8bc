//! The window of a record: its headers, its decoded value, and how it failed.

use kreplay_model::inspect::InspectionStep;
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::foot;
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::centred,
    number,
    record::{Line, LineContent, Tone},
    state::{LABEL_CELLS, RECORD_WIDTH, ScreenId, Scrollable, State},
    text::{clean, shorten, width, wrap},
    theme::Theme,
    widget::{frame, paint},
};

/// The first word of the title.
pub(super) const TITLE: &str = "Record";
/// Lines of the frame.
const LINES_AROUND: u16 = 2;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let view = &state.user.inspect;
    let failure = state.inspected_failure();
    hits.add(state.screen(), Target::Record);
    let Some((shown, lines)) = state.shown_record(failure.as_ref()).map(|shown| (shown, shown.lines())) else {
        message(buf, hits, state, theme);
        return;
    };
    let inner = window(buf, state, lines.len(), theme);
    let page = usize::from(inner.height);
    hits.add_extent(Scrollable::Screen(ScreenId::Record), lines.len(), page);
    let cursor = view.cursor.min(lines.len().saturating_sub(1));
    let lowest = (cursor + 1).saturating_sub(page);
    let first = view.first.clamp(lowest, cursor.max(lowest)).min(lines.len().saturating_sub(page));
    for (row, (at, line)) in lines.iter().enumerate().skip(first).take(page).enumerate() {
        let at_row = Rect { y: inner.y + number::cells(row), height: 1, ..inner };
        hits.add(at_row, Target::RecordLine(at));
        draw(buf, at_row, line, &shown.text(line), theme);
        if at == cursor {
            buf.set_style(at_row, theme.selected);
        }
    }
}

/// What is shown without a record: that it is being read, or why it cannot be.
fn message(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let (text, style) = match &state.user.inspect.step {
        InspectionStep::Failed(reason) => (clean(reason).into_owned(), theme.bad),
        InspectionStep::Reading | InspectionStep::Read(_) => ("reading the record…".to_owned(), theme.muted),
    };
    let room = usize::from(RECORD_WIDTH.min(state.size.width).saturating_sub(4));
    let lines = wrap(&text, room);
    let inner = window(buf, state, lines.len(), theme);
    hits.add_extent(Scrollable::Screen(ScreenId::Record), lines.len(), usize::from(inner.height));
    for (line, y) in lines.iter().zip(inner.y..inner.bottom()) {
        paint::text(buf, inner.x, y, inner.width, line, style);
    }
}

fn window(buf: &mut Buffer, state: &State, lines: usize, theme: &Theme) -> Rect {
    // The messages of a search and the key hints stay visible.
    let footer = state.areas().map_or(buf.area.bottom(), |parts| parts.footer.y);
    let room = Rect { height: footer.saturating_sub(buf.area.y), ..buf.area };
    let area = centred(room, RECORD_WIDTH, number::cells(lines.max(1)).saturating_add(LINES_AROUND));
    let id = state.user.inspect.asked.as_ref();
    let place = id.map_or_else(String::new, |id| {
        let offset = format!(" at {}", id.offset);
        let room = usize::from(area.width).saturating_sub(TITLE.len() + width(&offset) + 8);
        format!(" {}{offset}", shorten(&clean(&id.partition.to_string()), room))
    });
    let keys: [(&[Action], &str); 3] =
        [(&[Action::Search], "search"), (&[Action::ToggleHex], "hex"), (&[Action::Close], "closes")];
    frame::window(buf, area, &format!("{TITLE}{place}"), &foot::of_keys(state, Mode::Inspecting, &keys), theme)
}

fn draw(buf: &mut Buffer, at: Rect, line: &Line, text: &str, theme: &Theme) {
    let style = style(line.tone, theme);
    match line.content {
        LineContent::Text(_) => {
            paint::text(buf, at.x, at.y, LABEL_CELLS.min(at.width), line.label, theme.muted);
            paint::text(buf, at.x + LABEL_CELLS, at.y, at.width.saturating_sub(LABEL_CELLS), text, style);
        }
        LineContent::Node { .. } | LineContent::Bytes(_) | LineContent::Hex(_) => {
            paint::text(buf, at.x, at.y, at.width, text, style);
        }
    }
}

fn style(tone: Tone, theme: &Theme) -> Style {
    match tone {
        Tone::Plain => theme.popup,
        Tone::Muted => theme.muted,
        Tone::Warning => theme.warning,
        Tone::Bad => theme.bad,
    }
}
