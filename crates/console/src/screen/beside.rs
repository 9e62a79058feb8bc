//! Two columns of lines.

use ratatui::{
    style::Style,
    text::{Line, Span},
};

/// Cells between the columns.
const GAP: usize = 4;

/// Joins two columns of lines, padding the left one to `width`.
pub(super) fn beside(left: Vec<Line<'static>>, right: Vec<Line<'static>>, width: u16) -> Vec<Line<'static>> {
    let rows = left.len().max(right.len());
    let mut left = left.into_iter();
    let mut right = right.into_iter();
    (0..rows)
        .map(|_| {
            let mut line = left.next().unwrap_or_default();
            let gap = (usize::from(width) + GAP).saturating_sub(line.width());
            let style = line.style;
            line.spans.iter_mut().for_each(|span| span.style = style.patch(span.style));
            line.style = Style::default();
            line.spans.push(Span::raw(" ".repeat(gap)));
            if let Some(other) = right.next() {
                let style = other.style;
                line.spans.extend(other.spans.into_iter().map(|span| {
                    let patched = style.patch(span.style);
                    span.style(patched)
                }));
            }
            line
        })
        .collect()
}
