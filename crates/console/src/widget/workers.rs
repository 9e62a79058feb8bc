//! The worker panel: state, throughput, time by state, and owned partitions.

use kreplay_model::feed::{WorkerState, WorkerView};
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
};

use super::{charges, frame, paint, partitions::place, symbol};
use crate::{
    hit_map::HitMap,
    layout::Panel,
    number,
    state::{Scrollable, State},
    text::{clean, shorten, width},
    theme::Theme,
};

/// Column widths. The number has the name of its process if several are shown.
const NUMBER_WIDTH: u16 = 4;
const MAX_LABEL_WIDTH: u16 = 14;
const STATE_WIDTH: u16 = 9;
const COUNT_WIDTH: u16 = 9;
const RATE_WIDTH: u16 = 7;
const PERCENT_WIDTH: u16 = 5;
/// Minimum width for listing partition names.
const MIN_NAMES_WIDTH: u16 = 16;

pub(crate) fn render(buf: &mut Buffer, hits: &mut HitMap, area: Rect, state: &State, theme: &Theme) {
    let over = state.run().is_some_and(|run| run.state.is_over());
    let workers = state.run().map_or(&[][..], |run| &run.workers);
    let height = usize::from(area.height.saturating_sub(3));
    let first = state.user.workers_from.min(workers.len().saturating_sub(height));
    hits.add_extent(Scrollable::Panel(Panel::Workers), workers.len(), height);
    let busy = workers.iter().filter(|worker| worker.state == WorkerState::Busy).count();
    let mut title = Line::from("Workers");
    if !workers.is_empty() {
        title.push_span(Span::styled(format!("  {}", workers.len()), theme.base));
        title.push_span(Span::styled(format!(" ({busy} busy)"), theme.muted));
    }
    let remark = place(first, height, workers.len());
    let inner = frame::panel(buf, area, title, &remark, state.user.focus == Panel::Workers, theme);
    if workers.is_empty() {
        let centre = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        paint::aligned(buf, centre, "no workers yet", theme.muted, Alignment::Center);
        return;
    }
    let labels = workers.iter().filter(|worker| worker.origin.is_some()).map(|worker| width(&clean(&worker.label())));
    let number_width = number::cells(labels.max().unwrap_or(0)).clamp(NUMBER_WIDTH, MAX_LABEL_WIDTH);
    let columns = columns(inner, number_width, workers.iter().any(|worker| !worker.partitions.is_empty()));
    let owned = if columns[5].width < MIN_NAMES_WIDTH { "own" } else { "own partitions" };
    let heads = ["#", "state", "handled", "rate/s", "busy", owned];
    for (at, name) in columns.iter().zip(heads).filter(|(at, name)| usize::from(at.width) >= name.len()) {
        let side = if matches!(name, "state" | "own" | "own partitions") { Alignment::Left } else { Alignment::Right };
        paint::aligned(buf, *at, name, theme.column, side);
    }
    for (line, worker) in workers.iter().skip(first).take(height).enumerate() {
        row(buf, &columns, 1 + number::cells(line), worker, over, theme);
    }
}

/// The columns. If lanes are shared, no worker owns partitions, and bars use the width of the names.
fn columns(inner: Rect, number_width: u16, owned: bool) -> [Rect; 6] {
    let fixed = number_width + STATE_WIDTH + COUNT_WIDTH + RATE_WIDTH + PERCENT_WIDTH + 5;
    let rest = inner.width.saturating_sub(fixed);
    let bar = if owned { rest.saturating_sub(30).min(12) } else { rest.saturating_sub(1).min(30) };
    // One extra column before the names, and one before the border.
    let names = rest.saturating_sub(bar + 2);
    let widths = [number_width, STATE_WIDTH, COUNT_WIDTH, RATE_WIDTH, PERCENT_WIDTH + bar, names];
    let mut x = inner.x;
    let mut columns = widths.map(|width| {
        let at = Rect::new(x, inner.y, width.min(inner.right().saturating_sub(x)), 1);
        x += width + 1;
        at
    });
    columns[5].x += 1;
    columns
}

fn row(buf: &mut Buffer, columns: &[Rect; 6], line: u16, worker: &WorkerView, over: bool, theme: &Theme) {
    let [number_at, state_at, handled_at, rate_at, busy_at, own_at] =
        columns.map(|column| Rect { y: column.y + line, ..column });
    let (sign, word, style) = symbol::worker(worker.state, theme);
    let label = worker.label();
    let label = shorten(&clean(&label), usize::from(number_at.width)).into_owned();
    paint::aligned(buf, number_at, &label, theme.base, Alignment::Right);
    paint::text(buf, state_at.x, state_at.y, state_at.width, &format!("{sign} {word}"), style);
    let handled = number::counts(worker.handled);
    paint::aligned(buf, handled_at, handled.fit(handled_at.width), theme.base, Alignment::Right);
    if over {
        // The last rates are meaningless once the workers have exited.
        paint::aligned(buf, rate_at, "–", theme.muted, Alignment::Right);
        paint::aligned(buf, busy_at, "–", theme.muted, Alignment::Right);
    } else {
        let rate = number::rates(worker.records_per_s);
        paint::aligned(buf, rate_at, rate.fit(rate_at.width), theme.base, Alignment::Right);
        paint::aligned(buf, busy_at, &number::percent(worker.busy), theme.base, Alignment::Right);
    }
    if busy_at.width >= PERCENT_WIDTH + 5 {
        let bar = Rect::new(busy_at.x + 1, busy_at.y, busy_at.width - PERCENT_WIDTH - 2, 1);
        match charges::bar(&worker.charges, bar.width, theme) {
            Some(charges) => {
                paint::line(buf, bar.x, bar.y, bar.width, &charges);
            }
            None if over => {}
            // A snapshot of an earlier version has no time by state.
            None => paint::bar(buf, bar, worker.busy, theme.bar, theme.bar_rest),
        }
    }
    if own_at.width < 3 {
        return;
    }
    let (own, style) = own(worker, own_at.width, theme);
    paint::text(buf, own_at.x, own_at.y, own_at.width, &own, style);
}

/// The owned partitions by name if there is room, otherwise their number.
fn own(worker: &WorkerView, room: u16, theme: &Theme) -> (String, ratatui::style::Style) {
    match (worker.partitions.len(), room) {
        (0, _) => ("–".to_owned(), theme.muted),
        (count, 0..MIN_NAMES_WIDTH) => (count.to_string(), theme.base),
        (count, _) => {
            // Limited to what fits: a worker may own a thousand partitions.
            let names: Vec<String> =
                worker.partitions.iter().take(8).map(|own| clean(&own.to_string()).into_owned()).collect();
            (format!("{count}: {}", names.join(", ")), theme.base)
        }
    }
}
