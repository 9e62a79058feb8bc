//! Writes text and bars into cells.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
    text::Line,
};

use crate::{
    number,
    text::{cut, head, width},
};

/// Writes a text, cut to at most `max` cells.
pub(crate) fn text(buf: &mut Buffer, x: u16, y: u16, max: u16, text: &str, style: Style) {
    if max > 0 && buf.area.contains(ratatui::layout::Position::new(x, y)) {
        buf.set_stringn(x, y, cut(text, usize::from(max)), usize::from(max), style);
    }
}

/// Writes a text aligned within a row of cells.
pub(crate) fn aligned(buf: &mut Buffer, at: Rect, content: &str, style: Style, alignment: Alignment) {
    let used = number::cells(width(content)).min(at.width);
    let x = match alignment {
        Alignment::Left => at.x,
        Alignment::Center => at.x + (at.width - used) / 2,
        Alignment::Right => at.x + at.width - used,
    };
    text(buf, x, at.y, at.right() - x, content, style);
}

/// Writes a line of spans, cut to at most `max` cells. Returns the column after the last one.
pub(crate) fn line(buf: &mut Buffer, x: u16, y: u16, max: u16, line: &Line<'_>) -> u16 {
    let mut at = x;
    let mut rest: usize = line.spans.iter().map(|span| width(&span.content)).sum();
    for span in &line.spans {
        let left = (x + max).saturating_sub(at);
        let style = line.style.patch(span.style);
        let cells = width(&span.content);
        rest -= cells;
        if cells == usize::from(left) && cells > 0 && rest > 0 {
            // It fits, but what follows does not, which the ellipsis must show.
            text(buf, at, y, left, &format!("{}…", head(&span.content, cells - 1)), style);
        } else {
            text(buf, at, y, left, &span.content, style);
        }
        at += number::cells(cells).min(left);
    }
    at
}

/// Draws a bar. The rest has a different style and thinner lines, so that the bar is readable without colours.
pub(crate) fn bar(buf: &mut Buffer, at: Rect, share: f64, filled: Style, rest: Style) {
    let halves = number::eighths(share, at.width) / 4;
    for (cell, x) in (at.x..at.right()).enumerate() {
        let before = u32::from(number::cells(cell)) * 2;
        let (symbol, style) = match halves.saturating_sub(before) {
            0 => ("─", rest),
            1 => ("╾", filled),
            _ => ("━", filled),
        };
        text(buf, x, at.y, 1, symbol, style);
    }
}

/// A one-line chart with a cell for each value from 0 to 1. Cells are never filled to the top, so that charts on
/// adjacent lines stay separate.
pub(crate) fn blocks(shares: impl Iterator<Item = f64>) -> String {
    shares
        .map(|share| BLOCKS[usize::try_from(number::eighths(share * 7.0 / 8.0, 1)).unwrap_or(0).clamp(1, 7)])
        .collect()
}

/// Block characters by eighths of a cell.
pub(crate) const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
