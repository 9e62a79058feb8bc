//! The axis of time above lanes and heat maps: marks, and below them the time since the start of the run.

use kreplay_model::timeline::{Mark, MarkKind, Moment};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::paint;
use crate::{
    number,
    state::{RunTime, TimeGrid},
    text::width,
    theme::Theme,
};

/// Rows of the axis.
pub(crate) const ROWS: u16 = 2;
/// Columns between the beginnings of two labels.
const LABEL_COLUMNS: u16 = 12;

/// The column of a cell.
pub(crate) fn column(area: Rect, grid: TimeGrid, cell: usize) -> u16 {
    area.x.saturating_add(number::cells(cell).saturating_mul(grid.cell_columns()))
}

/// Draws marks and times into the two rows of an area. `cursor` is the cell under the cursor, if it is fixed.
pub(crate) fn render(
    buf: &mut Buffer,
    area: Rect,
    grid: TimeGrid,
    run: RunTime,
    marks: &[&Mark],
    cursor: Option<usize>,
    theme: &Theme,
) {
    let right = column(area, grid, grid.cells()).min(area.right());
    let mut free_from = area.x;
    for mark in marks {
        let Some((sign, style)) = sign(&mark.kind, theme) else { continue };
        let Some(cell) = grid.cell_at(mark.at) else { continue };
        let (x, cells) = (column(area, grid, cell), number::cells(width(&sign)));
        // A sign that would cover another one is left out; the text at the cursor has all of them.
        if x >= free_from && x + cells <= area.right() {
            paint::text(buf, x, area.y, cells, &sign, style);
            free_from = x + cells;
        }
    }
    let y = area.y + 1;
    let step = LABEL_COLUMNS.div_ceil(grid.cell_columns()).max(1);
    for cell in (0..grid.cells()).step_by(usize::from(step)) {
        let x = column(area, grid, cell);
        let label = since(grid.cell(cell).from(), run);
        if x + number::cells(width(&label)) <= right {
            paint::text(buf, x, y, right - x, &label, theme.popup.patch(theme.axis));
        }
    }
    if let Some(cell) = cursor {
        let x = column(area, grid, cell);
        paint::text(buf, x, y, 1, "▾", theme.popup.patch(theme.key));
    }
}

/// The time of a moment since the start of the run: `0 s`, `12 s`, `1m 20s`.
#[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^53")]
pub(crate) fn since(at: Moment, run: RunTime) -> String {
    let seconds = (at.ms() - run.range.from().ms()).max(0) as f64 / 1000.0;
    if seconds < 59.5 { format!("{:.0} s", seconds.round()) } else { number::seconds(seconds) }
}

/// The sign of a mark; `None` if it has none.
fn sign(kind: &MarkKind, theme: &Theme) -> Option<(String, Style)> {
    let sign = match kind {
        MarkKind::Concurrency { to, .. } => (format!("▾{to}"), theme.notice),
        MarkKind::Rebalance { .. } => ("⇄".to_owned(), theme.notice),
        MarkKind::Paused => ("‖".to_owned(), theme.warning),
        MarkKind::Resumed => ("►".to_owned(), theme.good),
        MarkKind::Failed(_) | MarkKind::Error => ("✗".to_owned(), theme.bad),
        MarkKind::Expired(_) => ("!".to_owned(), theme.warning),
        MarkKind::RunStarted(_) | MarkKind::RunEnded(_) | MarkKind::Retried(_) => return None,
    };
    Some((sign.0, theme.popup.patch(sign.1)))
}

/// What a mark says, in words.
pub(crate) fn in_words(kind: &MarkKind) -> String {
    match kind {
        MarkKind::RunStarted(workers) => format!("started with {}", number::counted((*workers).into(), "worker")),
        MarkKind::RunEnded(state) => format!("ended: {state}"),
        MarkKind::Concurrency { from, to } => format!("workers {from} → {to}"),
        MarkKind::Rebalance { duration_ms, moved, .. } => {
            format!("rebalance in {duration_ms} ms, {} moved", number::counted(*moved as u64, "partition"))
        }
        MarkKind::Paused => "paused".to_owned(),
        MarkKind::Resumed => "resumed".to_owned(),
        MarkKind::Expired(id) => format!("{id}: records deleted by retention"),
        MarkKind::Retried(id) => format!("{id}: a record failed and is retried"),
        MarkKind::Failed(id) => format!("{id}: a record failed for good"),
        MarkKind::Error => "an error; the event log has it".to_owned(),
    }
}
