//! The comparison window: the finished runs of this session.

use kreplay_model::feed::RunState;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
};

use crate::{
    layout::{centred, inside},
    number,
    state::{Compared, DigestMatch, State, compare},
    text::{self, DIGEST_CELLS, clean},
    theme::Theme,
    widget::{frame, paint, symbol},
};

/// Lines around the rows: frame, gaps, headings, and the summary below.
const LINES_AROUND: u16 = 8;

struct Column {
    head: &'static str,
    width: u16,
    side: Alignment,
}

const fn column(head: &'static str, width: u16, side: Alignment) -> Column {
    Column { head, width, side }
}

pub(super) const TITLE: &str = "Runs of this session";

const COLUMNS: [Column; 10] = [
    column("run", 3, Alignment::Right),
    column("state", 11, Alignment::Left),
    column("ordering", 9, Alignment::Left),
    column("workers", 7, Alignment::Right),
    column("handled", 10, Alignment::Right),
    column("time", 8, Alignment::Right),
    column("records/s", 9, Alignment::Right),
    column("speed-up", 8, Alignment::Right),
    column("efficiency", 10, Alignment::Right),
    column("limit", 9, Alignment::Left),
];

/// A selection of columns, their gap, and the width of the digest column.
struct Layout {
    shown: &'static [usize],
    gap: u16,
    digest: u16,
}

const WIDE: Layout = Layout { shown: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], gap: 2, digest: 22 };
/// Without `handled`, `records/s`, and `limit`, and without the digests themselves.
const NARROW: Layout = Layout { shown: &[0, 1, 2, 3, 5, 7, 8], gap: 1, digest: 12 };

pub(super) fn render(buf: &mut Buffer, from: usize, state: &State, theme: &Theme) {
    let runs = compare(&state.feed.snapshot.finished);
    let area = area(state);
    let inner = frame::window(buf, area, TITLE, "↑ ↓ scroll   Esc closes", theme);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    if runs.is_empty() {
        let middle = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        paint::aligned(buf, middle, "no run has ended yet", theme.muted, Alignment::Center);
        return;
    }
    let layout = layout(state.screen());
    head(buf, inner, layout, theme);
    let page = page(area);
    let from = from.min(runs.len().saturating_sub(page));
    for (line, (at, run)) in runs.iter().enumerate().skip(from).take(page).enumerate() {
        let y = inner.y + 2 + number::cells(line);
        row(buf, Rect { y, height: 1, ..inner }, layout, at, run, theme);
    }
    let (summary, style) = summary(&runs, theme);
    paint::text(buf, inner.x, inner.bottom().saturating_sub(2), inner.width, &summary, style);
}

pub(super) fn max_scroll(state: &State) -> usize {
    state.feed.snapshot.finished.len().saturating_sub(page(area(state)))
}

fn layout(screen: Rect) -> &'static Layout {
    if screen.width >= 136 { &WIDE } else { &NARROW }
}

fn area(state: &State) -> Rect {
    let layout = layout(state.screen());
    let columns = layout.shown.iter().map(|at| COLUMNS[*at].width + layout.gap).sum::<u16>();
    let rows = number::cells(state.feed.snapshot.finished.len().max(1));
    centred(state.screen(), columns + layout.digest + 6, rows.saturating_add(LINES_AROUND))
}

fn page(area: Rect) -> usize {
    usize::from((inside(area).height + 2).saturating_sub(LINES_AROUND).max(1))
}

fn head(buf: &mut Buffer, inner: Rect, layout: &Layout, theme: &Theme) {
    let mut x = inner.x;
    let style = theme.popup.patch(theme.column);
    for column in layout.shown.iter().map(|at| &COLUMNS[*at]) {
        paint::aligned(buf, Rect::new(x, inner.y + 1, column.width, 1), column.head, style, column.side);
        x += column.width + layout.gap;
    }
    paint::text(buf, x, inner.y + 1, inner.right().saturating_sub(x), "digest", style);
}

fn row(buf: &mut Buffer, at: Rect, layout: &Layout, number: usize, compared: &Compared<'_>, theme: &Theme) {
    let run = compared.run;
    let (sign, style) = symbol::run(run.state, theme);
    let dash = || "–".to_owned();
    let changed = if run.concurrency_changed { "*" } else { "" };
    let cells: [(String, Style); 10] = [
        ((number + 1).to_string(), theme.muted),
        (format!("{sign} {}", run.state), style),
        (run.ordering.to_string(), theme.popup),
        (format!("{}{changed}", run.concurrency), theme.strong),
        (number::counts(run.handled).fit(COLUMNS[4].width).to_owned(), theme.popup),
        (number::exact_times(run.handling_s).fit(COLUMNS[5].width).to_owned(), theme.strong),
        (number::rates(run.records_per_s).fit(COLUMNS[6].width).to_owned(), theme.popup),
        (compared.speed_up.map_or_else(dash, times), theme.strong),
        (run.efficiency.map_or_else(dash, |share| format!("{} %", number::rates(share * 100.0).fit(7))), theme.popup),
        (run.limit.map_or_else(dash, |limit| limit.to_string()), theme.popup),
    ];
    let mut x = at.x;
    for index in layout.shown {
        let (column, (text, style)) = (&COLUMNS[*index], &cells[*index]);
        paint::aligned(buf, Rect { x, width: column.width, ..at }, text, *style, column.side);
        x += column.width + layout.gap;
    }
    let (text, style) = digest(compared, layout, theme);
    paint::text(buf, x, at.y, at.right().saturating_sub(x), &text, style);
}

fn times(speed_up: f64) -> String {
    if speed_up < 1000.0 { format!("{speed_up:.2} ×") } else { format!("{} ×", number::rates(speed_up).fit(6)) }
}

fn digest(compared: &Compared<'_>, layout: &Layout, theme: &Theme) -> (String, Style) {
    let (words, style) = match compared.digest {
        DigestMatch::Base => ("base", theme.muted),
        DigestMatch::Same => ("✓ equal", theme.good),
        DigestMatch::Differs => ("✗ DIFFERS", theme.bad),
        DigestMatch::Unordered => ("no order", theme.notice),
        DigestMatch::Unknown => ("incomplete", theme.muted),
    };
    if layout.digest == NARROW.digest {
        return (words.to_owned(), style);
    }
    let digest = clean(&compared.run.digest);
    (format!("{} {words}", text::head(&digest, DIGEST_CELLS)), style)
}

/// A summary of the digests.
fn summary(runs: &[Compared<'_>], theme: &Theme) -> (String, Style) {
    let changed = runs.iter().any(|run| run.run.concurrency_changed);
    let note = if changed { "   * changed" } else { "" };
    let done = runs.iter().filter(|run| run.run.state == RunState::Done).count();
    let differ = runs.iter().filter(|run| run.digest == DigestMatch::Differs).count();
    let same = runs.iter().filter(|run| run.digest == DigestMatch::Same).count();
    if differ > 0 {
        (format!("✗ {differ} of {done} finished runs differ from the base{note}"), theme.bad)
    } else if same > 0 {
        (format!("✓ {} runs: same records, in the same order per key{note}", same + 1), theme.good)
    } else {
        (format!("at least two finished runs are needed to compare{note}"), theme.muted)
    }
}
