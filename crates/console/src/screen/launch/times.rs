//! The records of the chosen topics by time, below the fields of the range.

use std::ops::Range;

use kreplay_model::{control::RunField, time_counts::TimeCounts};
use ratatui::{
    style::Style,
    text::{Line, Span},
};

use super::{
    super::foot,
    row::{LABEL, Row},
};
use crate::{
    action::Action,
    key::Mode,
    number,
    state::{FormField, State, TimeCountsView},
    text::{clean, shorten, width, wrap_at_most},
    theme::Theme,
    widget::paint::BLOCKS,
};

/// Lines of the columns, and those on a small screen.
const PLOT_LINES: u32 = 3;
const SMALL_PLOT_LINES: u32 = 1;
/// Minimum height of the screen for the larger plot.
const TALL: u16 = 20;
/// Maximum cells of a bucket.
const MAX_BUCKET_CELLS: usize = 3;
/// Maximum number of lines of a problem.
const MAX_PROBLEM_LINES: usize = 3;
const DAY_MS: i64 = 86_400_000;

/// The lines of the chart: how many records there are, their columns, the range, and the times at both ends.
pub(super) fn rows(state: &State, room: u16, theme: &Theme) -> Vec<Row> {
    let view = &state.user.launch.time_counts;
    let is_focused = state.user.launch.focus == FormField::Times;
    let label = if is_focused { theme.key } else { theme.muted };
    let mut lines = Lines { rows: Vec::new(), cells: room, is_focused, label };
    let room = usize::from(room).saturating_sub(LABEL + 1);
    match &view.counts {
        Some(counts) if counts.counts.is_empty() => lines.text("the topics have no records", theme.muted),
        Some(counts) => chart(&mut lines, counts, state, room, theme),
        None => lines.message(view, state, room, theme),
    }
    lines.rows
}

/// The lines, of which the first has the label.
struct Lines {
    rows: Vec<Row>,
    /// The cells of a line.
    cells: u16,
    is_focused: bool,
    label: Style,
}

impl Lines {
    fn text(&mut self, text: &str, style: Style) {
        self.spans(vec![Span::styled(text.to_owned(), style)]);
    }

    fn spans(&mut self, spans: Vec<Span<'static>>) {
        let label = if self.rows.is_empty() { "by time" } else { "" };
        let mut all = vec![Span::styled(format!("{label:<LABEL$}"), self.label)];
        all.extend(spans);
        let whole = (0, self.cells, FormField::Times);
        self.rows.push(Row { line: Line::from(all), fields: vec![whole], buckets: None, has_focus: true });
    }

    /// Why there is no chart.
    fn message(&mut self, view: &TimeCountsView, state: &State, room: usize, theme: &Theme) {
        if let Some(problem) = &view.problem {
            for line in wrap_at_most(&format!("not known: {}", clean(problem)), room, MAX_PROBLEM_LINES) {
                self.text(&line, theme.warning);
            }
        } else if let Some(lookups) = view.lookups {
            let text = format!("looking up when records were written ({} lookups)", number::count(lookups.into()));
            self.text(&shorten(&text, room), theme.muted);
        } else if state.draft().value(RunField::Topics).is_empty() {
            self.text(&shorten("choose topics to see when their records were written", room), theme.muted);
        } else {
            self.text(&shorten("their records by time appear here", room), theme.muted);
        }
    }
}

fn chart(lines: &mut Lines, counts: &TimeCounts, state: &State, room: usize, theme: &Theme) {
    let view = &state.user.launch.time_counts;
    let buckets = counts.counts.len();
    let cells = (room / buckets).clamp(1, MAX_BUCKET_CELLS);
    let shown = buckets.min(room / cells);
    let range = view.in_range(&state.draft()).unwrap_or(0..0);
    lines.text(&shorten(&head(view, counts, &range, lines.is_focused), room), theme.popup);
    let most = counts.counts.iter().copied().max().unwrap_or(0).max(1);
    let height = if state.size.height >= TALL { PLOT_LINES } else { SMALL_PLOT_LINES };
    for line in (0..height).rev() {
        let column = |bucket: usize| {
            let filled = eighths(counts.counts[bucket], most, height).saturating_sub(line * 8).min(8);
            let block = BLOCKS[usize::try_from(filled).unwrap_or(8)].to_string().repeat(cells);
            let style = if range.contains(&bucket) { theme.chart } else { theme.axis };
            Span::styled(block, style)
        };
        lines.spans((0..shown).map(column).collect());
        lines.has_buckets(shown, cells);
    }
    // The range can be told from the rest without colours.
    let axis = |bucket: usize| match (lines.is_focused && bucket == view.cursor, range.contains(&bucket)) {
        (true, _) => Span::styled("▲".repeat(cells), theme.key),
        (false, true) => Span::styled("━".repeat(cells), theme.chart),
        (false, false) => Span::styled("─".repeat(cells), theme.axis),
    };
    let axis = (0..shown).map(axis).collect();
    lines.spans(axis);
    lines.has_buckets(shown, cells);
    let (first, last) = (counts.borders_ms[0], counts.borders_ms[shown]);
    let has_days = last - first >= DAY_MS;
    let (first, last) = (label(first, true, has_days), label(last, has_days, has_days));
    let gap = (shown * cells).saturating_sub(width(&first) + width(&last)).max(1);
    lines.text(&shorten(&format!("{first}{}{last}", " ".repeat(gap)), room), theme.axis);
    lines.text(&shorten(&hint(state, lines.is_focused), room), theme.muted);
}

/// The keys of the chart, or the one that leads to it.
fn hint(state: &State, is_focused: bool) -> String {
    if !is_focused {
        return foot::of_keys(state, Mode::Launching, &[(&[Action::Down], "picks the range here")]);
    }
    let keys: [(&[Action], &str); 2] =
        [(&[Action::InputLeft, Action::InputRight], "moves"), (&[Action::DeleteAll], "whole log")];
    format!("Space begins, ends   {}", foot::of_keys(state, Mode::Launching, &keys))
}

impl Lines {
    /// Notes where the buckets are on the last line, for the mouse.
    fn has_buckets(&mut self, buckets: usize, cells: usize) {
        if let Some(row) = self.rows.last_mut() {
            row.buckets = Some((number::cells(LABEL), number::cells(cells), buckets));
        }
    }
}

/// How many records are in the range, and under the cursor.
fn head(view: &TimeCountsView, counts: &TimeCounts, range: &Range<usize>, is_focused: bool) -> String {
    let inside: u64 = counts.counts.get(range.clone()).unwrap_or_default().iter().sum();
    let all = format!("{} record{}", number::short(counts.total()), if counts.total() == 1 { "" } else { "s" });
    let in_range = if range.len() == counts.counts.len() {
        all
    } else if range.is_empty() {
        format!("{all}; range not given as times")
    } else {
        format!("{} of {all}", number::short(inside))
    };
    let (borders, cursor) = (&counts.borders_ms, view.cursor.min(counts.counts.len() - 1));
    let bucket_ms = borders[1] - borders[0];
    if !is_focused {
        return format!("{in_range}, by {}", duration(bucket_ms));
    }
    let has_days = borders[counts.counts.len()] - borders[0] > DAY_MS;
    let at = label(borders[cursor], has_days, bucket_ms >= DAY_MS);
    format!("{in_range}   ▲ {at} for {}: {}", duration(bucket_ms), number::short(counts.counts[cursor]))
}

/// The eighths of a cell that a column fills. Any record is visible.
#[allow(clippy::cast_precision_loss, reason = "a column has few eighths")]
fn eighths(count: u64, most: u64, height: u32) -> u32 {
    let height = u16::try_from(height).unwrap_or(1);
    number::eighths(count as f64 / most as f64, height).max(u32::from(count > 0))
}

/// A time of a border. Borders of whole days need no clock, and the same day is not repeated.
fn label(at_ms: i64, with_day: bool, is_long: bool) -> String {
    let Some(at) = chrono::DateTime::from_timestamp_millis(at_ms) else { return String::new() };
    let form = match (with_day, is_long, at_ms % 60_000 == 0, at_ms % 1_000 == 0) {
        (true, true, true, _) if at_ms % DAY_MS == 0 => "%Y-%m-%d",
        (true, _, true, _) => "%Y-%m-%d %H:%M",
        (true, _, false, true) => "%Y-%m-%d %H:%M:%S",
        (true, _, false, false) => "%Y-%m-%d %H:%M:%S%.3f",
        (false, _, true, _) => "%H:%M",
        (false, _, false, true) => "%H:%M:%S",
        (false, _, false, false) => "%H:%M:%S%.3f",
    };
    at.format(form).to_string()
}

/// The width of a bucket, which is a round time.
fn duration(ms: i64) -> String {
    for (unit, name) in [(DAY_MS, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")] {
        if ms >= unit && ms % unit == 0 {
            return format!("{} {name}", ms / unit);
        }
    }
    format!("{ms} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_digits_that_they_need() {
        let day = 1_767_225_600_000;
        assert_eq!(label(day, true, true), "2026-01-01");
        assert_eq!(label(day, true, false), "2026-01-01 00:00");
        assert_eq!(label(day + 1_500, true, false), "2026-01-01 00:00:01.500");
        assert_eq!(label(day + 3_600_000, false, false), "01:00");
        assert_eq!(label(i64::MAX, true, true), "");
        assert_eq!(
            ["1 d", "12 h", "5 min", "30 s", "200 ms"],
            [duration(DAY_MS), duration(43_200_000), duration(300_000), duration(30_000), duration(200),]
        );
    }

    #[test]
    fn a_single_record_is_visible() {
        assert_eq!((eighths(0, 1_000_000, 3), eighths(1, 1_000_000, 3), eighths(5, 5, 3)), (0, 1, 24));
        assert_eq!(eighths(u64::MAX, u64::MAX, 1), 8);
    }
}
