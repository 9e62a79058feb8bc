//! The comparison window: the finished runs of this session.

use kreplay_model::feed::RunState;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
};

use super::foot;
use crate::{
    hit_map::HitMap,
    key::Mode,
    layout::{centred, inside},
    number,
    state::{Compared, DigestMatch, ScreenId, Scrollable, State, compare},
    table::TableState,
    theme::Theme,
    widget::{
        frame, paint,
        table::{self, TableTargets, TableView},
    },
};

mod columns;

use columns::CompareRow;

/// Lines around the rows: frame, gaps, headings, and the summary below.
const LINES_AROUND: u16 = 8;

/// The title.
pub(super) const TITLE: &str = "Runs of this session";

/// A selection of columns, their gap, and the width of the digest column.
struct Layout {
    hidden: &'static [&'static str],
    gap: u16,
    digest: u16,
}

const WIDE: Layout = Layout { hidden: &[], gap: 2, digest: 22 };
/// Without `handled`, `records/s`, and `limit`, and without the digests themselves.
const NARROW: Layout = Layout { hidden: &["handled", "rate", "limit"], gap: 1, digest: 12 };
/// Also without `ordering` and `efficiency`.
const NARROWEST: Layout =
    Layout { hidden: &["handled", "rate", "limit", "ordering", "efficiency"], gap: 1, digest: 12 };

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, from: usize, state: &State, theme: &Theme) {
    let runs = compare(&state.feed.snapshot.finished);
    let area = area(state);
    let foot = foot::of_window(state, Mode::Reading, true);
    let inner = frame::window(buf, area, TITLE, &foot, theme);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    if runs.is_empty() {
        let middle = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        paint::aligned(buf, middle, "no run has ended yet", theme.muted, Alignment::Center);
        return;
    }
    let layout = layout(state.screen());
    let page = page(area);
    hits.add_extent(Scrollable::Screen(ScreenId::Compare), runs.len(), page);
    let rows: Vec<CompareRow<'_>> =
        runs.iter().zip(1..).map(|(compared, number)| CompareRow { number, compared: compared.clone() }).collect();
    let view = TableView {
        area: Rect { y: inner.y + 1, height: number::cells(page + 1), ..inner },
        padding: (0, 0),
        gap: layout.gap..=layout.gap,
        rows: &rows,
        shown: &(0..rows.len()).collect::<Vec<_>>(),
        state: &TableState { hidden: layout.hidden.iter().copied().collect(), ..TableState::default() },
        first: from.min(runs.len().saturating_sub(page)),
        selected: None,
        heading: |theme| theme.popup.patch(theme.column),
    };
    table::render(buf, hits, &view, &TableTargets { heading: &|_| None, row: &|_| None }, theme);
    let (summary, style) = summary(&runs, theme);
    paint::text(buf, inner.x, inner.bottom().saturating_sub(2), inner.width, &summary, style);
}

fn layout(screen: Rect) -> &'static Layout {
    match screen.width {
        0..80 => &NARROWEST,
        80..136 => &NARROW,
        136.. => &WIDE,
    }
}

fn area(state: &State) -> Rect {
    let layout = layout(state.screen());
    let columns: u16 = columns::fixed_widths(layout.hidden).map(|width| width + layout.gap).sum();
    let rows = number::cells(state.feed.snapshot.finished.len().max(1));
    centred(state.screen(), columns + layout.digest + 6, rows.saturating_add(LINES_AROUND))
}

fn page(area: Rect) -> usize {
    usize::from((inside(area).height + 2).saturating_sub(LINES_AROUND).max(1))
}

/// A summary of the digests.
fn summary(runs: &[Compared<'_>], theme: &Theme) -> (String, Style) {
    let changed = runs.iter().any(|run| run.run.concurrency_changed);
    let note = if changed { "   * changed" } else { "" };
    let done = runs.iter().filter(|run| run.run.state == RunState::Done).count();
    let differ = runs.iter().filter(|run| run.digest == DigestMatch::Differs).count();
    let same = runs.iter().filter(|run| run.digest == DigestMatch::Same).count();
    if differ > 0 {
        (
            format!(
                "✗ {differ} of {done} finished runs {} from the base{note}",
                number::by_count(differ, "differs", "differ")
            ),
            theme.bad,
        )
    } else if same > 0 {
        (format!("✓ {} runs: same records, in the same order per key{note}", same + 1), theme.good)
    } else {
        (format!("at least two finished runs are needed to compare{note}"), theme.muted)
    }
}
