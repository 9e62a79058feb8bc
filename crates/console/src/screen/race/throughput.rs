//! The throughput of the lanes over their own time, all on one scale.

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{number, state::Race, theme::Theme, widget::paint};

/// Lines of a lane: its columns and a gap.
const LINES: u16 = 4;
/// The lines among these that have columns.
const COLUMN_LINES: u16 = 3;

/// Draws a strip for each lane that has begun, as many as fit. Column by column they have the same time since the start
/// of their runs, and the highest rate of all lanes is the full height.
pub(super) fn render(buf: &mut Buffer, at: Rect, label_columns: u16, race: &Race, longest_s: f64, theme: &Theme) {
    let width = at.width.saturating_sub(label_columns + 1);
    let lanes: Vec<_> = race.lanes.iter().filter(|lane| lane.run.is_some()).collect();
    if at.height < LINES + 2 || width == 0 || longest_s <= 0.0 || lanes.is_empty() {
        return;
    }
    let column_s = longest_s / f64::from(width);
    let rates: Vec<_> = lanes.iter().map(|lane| lane.rates(usize::from(width), column_s)).collect();
    let highest = rates.iter().flatten().flatten().copied().fold(0.0_f32, f32::max);
    if highest <= 0.0 {
        return;
    }
    let heading =
        format!("records/s over {}, up to {}/s", number::seconds(longest_s), number::rate(f64::from(highest)));
    paint::text(buf, at.x, at.y, at.width, &heading, theme.popup.patch(theme.muted));
    let room = usize::from((at.height - 1) / LINES);
    for (index, (lane, rates)) in lanes.iter().zip(&rates).enumerate().take(room) {
        let top = at.y + 1 + number::cells(index) * LINES;
        let name = format!("{:>7}", number::count(lane.workers.into()));
        paint::text(buf, at.x + 2, top + COLUMN_LINES - 1, label_columns, &name, theme.popup.patch(theme.muted));
        for (column, per_s) in rates.iter().enumerate() {
            let Some(per_s) = per_s else { continue };
            let filled = number::eighths(f64::from(per_s / highest), COLUMN_LINES).max(1);
            for line in 0..COLUMN_LINES {
                let eighths = filled.saturating_sub(u32::from(line) * 8).min(8);
                let block = paint::BLOCKS[usize::try_from(eighths).unwrap_or(8)];
                if eighths > 0 {
                    let (x, y) = (at.x + label_columns + number::cells(column), top + COLUMN_LINES - 1 - line);
                    paint::text(buf, x, y, 1, block.encode_utf8(&mut [0; 4]), theme.popup.patch(theme.chart));
                }
            }
        }
    }
}
