//! The throughput chart of the whole run, with marks that explain changes.

use kreplay_model::feed::RunView;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
};

use super::{frame, paint};
use crate::{
    layout::Panel,
    number,
    state::{ChartMark, ChartMarkKind, RunHistory, State},
    text::width,
    theme::Theme,
};

/// Maximum distance of a mark from its time, in cells.
const MAX_MARK_SHIFT: u16 = 4;
/// Width of the labels of the vertical axis.
const LABEL_WIDTH: u16 = 8;
/// Time spans of the horizontal axis, in seconds. Longer runs use whole days.
const TIME_SPANS_S: [f64; 18] = [
    5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0,
    86_400.0, 172_800.0, 604_800.0,
];

pub(crate) fn render(buf: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let history = state.feed.run_history();
    let peak = history.and_then(|history| history.peak());
    let remark = peak.map_or(String::new(), |peak| format!("peak {}/s", number::rate(peak)));
    let title = title(state.run(), theme);
    let inner = frame::panel(buf, area, title, &remark, state.user.focus == Panel::Throughput, theme);
    let (Some(run), Some(history), Some(peak)) = (state.run(), history, peak) else {
        let centre = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        paint::aligned(buf, centre, "no measurements yet", theme.muted, Alignment::Center);
        return;
    };
    if inner.height < 3 || inner.width < LABEL_WIDTH + 10 {
        return;
    }
    let plot = Rect::new(inner.x + LABEL_WIDTH, inner.y + 1, inner.width - LABEL_WIDTH - 1, inner.height - 2);
    let span_s = span(run);
    let values = history.throughput(usize::from(plot.width), span_s);
    // The mean of a column never exceeds the highest cell, so the peak is an upper bound for all columns.
    let top = number::round_up(peak);
    vertical_axis(buf, plot, top, theme);
    for (at, value) in values.iter().enumerate() {
        if let Some(value) = value {
            column(buf, plot, number::cells(at), value / top, theme);
        }
    }
    horizontal_axis(buf, plot, span_s, theme);
    marks(buf, plot, span_s, history, theme);
}

fn title<'a>(run: Option<&RunView>, theme: &Theme) -> Line<'a> {
    let mut spans = vec![Span::raw("Throughput")];
    if let Some(run) = run.filter(|run| !run.state.is_over()) {
        spans.push(Span::styled(format!("  {} records/s", number::rate(run.throughput.records_per_s)), theme.strong));
    }
    Line::from(spans)
}

/// The time span of the chart. A finished run fills the chart; a running one uses the next larger span, which rarely
/// changes.
fn span(run: &RunView) -> f64 {
    if run.state.is_over() {
        return run.elapsed_s.max(0.1);
    }
    let day = 86_400.0;
    let longer = (run.elapsed_s / day).ceil() * day;
    TIME_SPANS_S.into_iter().find(|span| *span >= run.elapsed_s).unwrap_or(longer)
}

fn column(buf: &mut Buffer, plot: Rect, at: u16, share: f64, theme: &Theme) {
    // Any throughput above zero is visible.
    let filled = number::eighths(share, plot.height).max(u32::from(share > 0.0));
    for (row, y) in (plot.y..plot.bottom()).rev().enumerate() {
        let left = filled.saturating_sub(u32::from(number::cells(row)) * 8).min(8);
        if left == 0 {
            break;
        }
        let block = paint::BLOCKS[usize::try_from(left).unwrap_or(8)];
        paint::text(buf, plot.x + at, y, 1, block.encode_utf8(&mut [0; 4]), theme.chart);
    }
}

fn vertical_axis(buf: &mut Buffer, plot: Rect, top: f64, theme: &Theme) {
    let label = |row: u16| Rect::new(plot.x - LABEL_WIDTH, row, LABEL_WIDTH - 1, 1);
    let mut put = |row: u16, value: f64| {
        paint::aligned(buf, label(row), number::rates(value).fit(LABEL_WIDTH - 1), theme.axis, Alignment::Right);
    };
    put(plot.y, top);
    if plot.height >= 6 {
        put(plot.y + plot.height / 2, top / 2.0);
    }
    if plot.height >= 3 {
        put(plot.bottom() - 1, 0.0);
    }
}

fn horizontal_axis(buf: &mut Buffer, plot: Rect, span_s: f64, theme: &Theme) {
    let axis = Rect::new(plot.x, plot.bottom(), plot.width, 1);
    paint::aligned(buf, axis, &moment(0.0), theme.axis, Alignment::Left);
    paint::aligned(buf, axis, &moment(span_s / 2.0), theme.axis, Alignment::Center);
    paint::aligned(buf, axis, &moment(span_s), theme.axis, Alignment::Right);
}

fn moment(seconds: f64) -> String {
    if seconds < 59.95 && (seconds - seconds.round()).abs() < 0.05 {
        format!("{seconds:.0} s")
    } else {
        number::seconds(seconds)
    }
}

/// Draws the marks: a sign above the chart, and a dotted line where no bar hides it. If its place is taken, a sign
/// moves to the right; if that is too far from its time, it is left out.
fn marks(buf: &mut Buffer, plot: Rect, span_s: f64, history: RunHistory<'_>, theme: &Theme) {
    let row = plot.y - 1;
    let mut free_from = plot.x;
    let place = |mark: &ChartMark| plot.x + number::cell(mark.at_s / span_s, plot.width);
    let marks = history.marks();
    let mut marks = marks.iter().peekable();
    while let Some(mark) = marks.next() {
        let x = place(mark);
        // Of several changes of workers in one cell, only the last is shown.
        let alike = |next: &&ChartMark| place(next) == x && both_workers(mark.kind, next.kind);
        if marks.peek().is_some_and(alike) {
            continue;
        }
        for y in plot.y..plot.bottom() {
            if buf.cell((x, y)).is_some_and(|cell| cell.symbol() == " ") {
                paint::text(buf, x, y, 1, "┊", theme.axis);
            }
        }
        let label = match mark.kind {
            ChartMarkKind::Concurrency(workers) => format!("▾{workers}"),
            ChartMarkKind::Rebalance => "⇄".to_owned(),
        };
        let wide = number::cells(width(&label));
        // The sign of a rebalance is placed right after the change that caused it.
        let x = if x + MAX_MARK_SHIFT >= free_from { x.max(free_from) } else { continue };
        if x + wide <= plot.right() + 1 {
            paint::text(buf, x, row, wide, &label, theme.notice);
            free_from = x + wide;
        }
    }
}

fn both_workers(a: ChartMarkKind, b: ChartMarkKind) -> bool {
    matches!((a, b), (ChartMarkKind::Concurrency(_), ChartMarkKind::Concurrency(_)))
}
