//! Draws a cell in the width of its column.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
};

use super::sparkline;
use crate::{
    number::{self, Forms},
    table::{Cell, Content},
    text::{shorten, width},
    theme::Theme,
    widget::paint,
};

/// Cells of a percentage.
const PERCENT_CELLS: u16 = 5;
/// Minimum cells of a bar.
const MIN_BAR_CELLS: u16 = 3;

pub(super) fn render(buf: &mut Buffer, at: Rect, cell: &Cell, alignment: Alignment, theme: &Theme) {
    let room = usize::from(at.width);
    let style = (cell.role)(theme);
    match &cell.content {
        Content::Name(name) => paint::aligned(buf, at, &shorten(name, room), style, alignment),
        Content::NameWith(name, ending) => {
            let left = room.saturating_sub(width(ending));
            let text =
                if left > 0 { format!("{}{ending}", shorten(name, left)) } else { shorten(name, room).into_owned() };
            paint::aligned(buf, at, &text, style, alignment);
        }
        Content::Number(forms) => paint::aligned(buf, at, forms.fit(at.width), style, alignment),
        Content::Progress(share, bar) => {
            if at.width > PERCENT_CELLS + MIN_BAR_CELLS {
                let area = Rect { width: at.width - PERCENT_CELLS - 1, ..at };
                paint::bar(buf, area, *share, bar(theme), theme.bar_rest);
            }
            let percent = number::percent(*share);
            let forms = Forms::of(percent.as_str()).or(Forms::of(percent.replace(' ', "")));
            paint::aligned(buf, at, forms.fit(at.width), style, Alignment::Right);
        }
        Content::Trend(values) => {
            let from = values.len().saturating_sub(room);
            paint::aligned(buf, at, &sparkline(values.get(from..).unwrap_or_default()), style, alignment);
        }
    }
}
