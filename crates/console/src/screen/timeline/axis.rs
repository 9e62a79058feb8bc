//! What is above and below the figures: marks, times, and a map of the whole time.

use kreplay_model::{
    feed::Severity,
    timeline::{Moment, TimeRange},
};
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
};

use super::{LABEL_WIDTH, View};
use crate::{
    hit_map::{HitMap, Target},
    number,
    state::TimelineSubject,
    text::width,
    widget::paint,
};

/// Distances between two times of the axis in milliseconds. Longer ones are whole days.
const STEPS_MS: [i64; 21] = [
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
];
/// Minimum distance between two times of the axis, in columns.
const MIN_COLUMNS_BETWEEN: i64 = 14;

/// Draws the signs of what happened once. Those that find no place are left out; the words below the figures have them.
pub(super) fn marks(buf: &mut Buffer, area: Rect, view: &View<'_>) {
    let theme = view.theme;
    let ground = theme.base.patch(theme.popup);
    let range = view.columns.range();
    // A column has the moment at its end, not the one at its start.
    let range = TimeRange::new(range.from().plus_ms(1), range.to().plus_ms(1));
    let mut marks = view.state.timeline_marks(range);
    // Of several in one place, the most severe is shown.
    marks.sort_by_key(|mark| (view.columns.index_of(mark.at), std::cmp::Reverse(mark.severity)));
    let mut free_from = area.x;
    for mark in &marks {
        let Some(x) = view.x(area, mark.at).filter(|x| *x >= free_from) else { continue };
        let cells = number::cells(width(&mark.sign));
        if x + cells > area.right() {
            continue;
        }
        let style = match mark.severity {
            Severity::Info => theme.muted,
            Severity::Notice => theme.notice,
            Severity::Warning => theme.warning,
            Severity::Error => theme.bad,
        };
        paint::text(buf, x, area.y, cells, &mark.sign, ground.patch(style));
        free_from = x + cells;
    }
}

/// Draws the times below the figures, and where the cursor is.
pub(super) fn labels(buf: &mut Buffer, area: Rect, view: &View<'_>) {
    let theme = view.theme;
    let ground = theme.base.patch(theme.popup);
    let columns = view.columns;
    let step_ms = step(columns.length_ms());
    let start = match view.subject {
        TimelineSubject::Runs => view.state.run_at(view.cursor).map_or(0, |run| run.started.ms()),
        TimelineSubject::Group(_) => 0,
    };
    let range = columns.range();
    let first = (range.from().ms() - start).div_euclid(step_ms);
    // Nothing is before the start of a run.
    let first = if view.subject == TimelineSubject::Runs { first.max(0) } else { first };
    let decimals = usize::from(step_ms % 1_000 != 0);
    let mut free_from = area.x;
    for at in (first..).map(|number| start.saturating_add(number.saturating_mul(step_ms))) {
        if at > range.to().ms() {
            break;
        }
        let at = Moment::from_ms(at);
        let Some(x) = view.x(area, at).filter(|x| *x >= free_from) else { continue };
        let text = view.state.clock(view.subject, at, decimals);
        let cells = number::cells(width(&text));
        if x + cells > area.right() {
            break;
        }
        paint::text(buf, x, area.y, cells, &text, ground.patch(theme.axis));
        free_from = x + cells + 1;
    }
    if let Some(x) = view.state.user.timeline.cursor.and(view.x(area, view.cursor)) {
        // A time stays readable below the cursor.
        if buf.cell((x, area.y)).is_some_and(|cell| cell.symbol() != " ") {
            buf.set_style(Rect { x, width: 1, height: 1, ..area }, theme.selected);
        } else {
            paint::text(buf, x, area.y, 1, "┴", ground.patch(theme.strong));
        }
    }
}

fn step(column_ms: i64) -> i64 {
    let least = column_ms.saturating_mul(MIN_COLUMNS_BETWEEN);
    let day = 86_400_000;
    STEPS_MS.into_iter().find(|step_ms| *step_ms >= least).unwrap_or_else(|| (least / day + 1) * day)
}

/// Draws the whole time in one line, with what is visible and where the cursor is.
pub(super) fn map(buf: &mut Buffer, hits: &mut HitMap, area: Rect, view: &View<'_>) {
    let theme = view.theme;
    let ground = theme.base.patch(theme.popup);
    let Some(whole) = view.state.timeline_range() else { return };
    let name = Rect { x: area.x - LABEL_WIDTH, width: LABEL_WIDTH - 1, ..area };
    paint::aligned(buf, name, "all", ground.patch(theme.muted), Alignment::Left);
    let count = usize::from(area.width);
    let shown = view.columns.range();
    let is_shown = |part: TimeRange| part.from() < shown.to() && part.to() > shown.from();
    let has = |part: TimeRange, at: Moment| part.from() < at && at <= part.to();
    for index in 0..count {
        let part = whole.column(index, count);
        let (sign, style) = if has(part, view.cursor) {
            ("┃", theme.strong)
        } else if is_shown(part) {
            ("▓", theme.bar)
        } else {
            ("░", theme.bar_rest)
        };
        let at = Rect { x: area.x + number::cells(index), width: 1, ..area };
        paint::text(buf, at.x, at.y, 1, sign, ground.patch(style));
        hits.add(at, Target::Moment(part.to()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::COLUMN_LENGTHS_MS;

    #[test]
    fn times_of_the_axis_are_far_enough_apart() {
        for length_ms in COLUMN_LENGTHS_MS {
            let step_ms = step(length_ms);
            assert!(step_ms >= MIN_COLUMNS_BETWEEN * length_ms, "{length_ms}");
            assert!(step_ms <= 4 * MIN_COLUMNS_BETWEEN * length_ms, "{length_ms}");
        }
    }
}
