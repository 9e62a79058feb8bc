//! The alert panel.

use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use super::{frame, paint};
use crate::{
    number,
    state::State,
    text::{clean, wrap},
    theme::Theme,
};

pub(crate) fn render(buf: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let Some(alert) = state.alert() else { return };
    let (sign, style) = if alert.failed { ("✗", theme.bad) } else { ("!", theme.warning) };
    let marked = Theme { border: style, title: style, ..theme.clone() };
    let inner = frame::panel(buf, area, Line::raw(format!("{sign} {}", alert.title)), "", false, &marked);
    let lines = wrap(&clean(&alert.text), usize::from(inner.width.saturating_sub(2)));
    let room = usize::from(inner.height);
    for (row, line) in lines.iter().take(room).enumerate() {
        let cut_off = row + 1 == room && lines.len() > room;
        let line = if cut_off { format!("{line} …") } else { line.clone() };
        paint::text(buf, inner.x + 1, inner.y + number::cells(row), inner.width - 2, &line, theme.base);
    }
}
