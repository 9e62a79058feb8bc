//! Borders of panels and windows.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::{Block, BorderType, Clear, Widget},
};

use super::paint;
use crate::{layout::inside, number, text::width, theme::Theme};

/// Draws the border of a panel, with the title on the left and a remark on the right. Returns the inner area.
pub(crate) fn panel(buf: &mut Buffer, area: Rect, title: Line<'_>, remark: &str, focused: bool, theme: &Theme) -> Rect {
    let (border, named) =
        if focused { (theme.border_focused, theme.title_focused) } else { (theme.border, theme.title) };
    Block::bordered().border_type(BorderType::Rounded).border_style(border).render(area, buf);
    let mut spans = vec![Span::raw(" ")];
    spans.extend(title.spans.into_iter().enumerate().map(|(at, span)| if at == 0 { span.style(named) } else { span }));
    spans.push(Span::raw(" "));
    let room = area.width.saturating_sub(4);
    let line = Line::from(spans);
    let title_width = number::cells(line.spans.iter().map(|span| width(&span.content)).sum()).min(room);
    clear_style(buf, Rect::new(area.x + 2, area.y, title_width, 1), theme.base);
    let end = paint::line(buf, area.x + 2, area.y, room, &line);
    let remark_width = number::cells(width(remark) + 2);
    let start = area.right().saturating_sub(remark_width + 2);
    if !remark.is_empty() && start > end {
        clear_style(buf, Rect::new(start, area.y, remark_width, 1), theme.base);
        paint::text(buf, start, area.y, remark_width, &format!(" {remark} "), theme.muted);
    }
    inside(area)
}

/// Clears the border style of cells. Otherwise, attributes that a role does not set would remain visible.
fn clear_style(buf: &mut Buffer, area: Rect, style: Style) {
    Clear.render(area.intersection(buf.area), buf);
    buf.set_style(area, style);
}

/// Draws a window in front of everything. Returns the inner area, with a column of padding on each side.
pub(crate) fn window(buf: &mut Buffer, area: Rect, title: &str, foot: &str, theme: &Theme) -> Rect {
    Clear.render(area, buf);
    buf.set_style(area, theme.base.patch(theme.popup));
    Block::bordered().border_type(BorderType::Rounded).border_style(theme.popup_border).render(area, buf);
    let room = area.width.saturating_sub(4);
    let ground = theme.base.patch(theme.popup);
    let title = format!(" {title} ");
    clear_style(buf, Rect::new(area.x + 2, area.y, number::cells(width(&title)).min(room), 1), ground);
    paint::text(buf, area.x + 2, area.y, room, &title, ground.patch(theme.title_focused));
    if !foot.is_empty() {
        let foot = format!(" {foot} ");
        let start = area.right().saturating_sub(number::cells(width(&foot)) + 2).max(area.x + 2);
        let at = Rect::new(start, area.bottom().saturating_sub(1), number::cells(width(&foot)).min(room), 1);
        clear_style(buf, at, ground);
        paint::text(buf, at.x, at.y, at.width, &foot, ground.patch(theme.muted));
    }
    let inner = inside(area);
    Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height)
}
