//! The window of failed records by kind of error.

use ratatui::{buffer::Buffer, layout::Rect};

use super::foot;
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::{centred, inside},
    number,
    state::{ErrorRow, ScreenId, Scrollable, State},
    text::{clean, wrap_at_most},
    theme::Theme,
    widget::{
        frame, paint,
        table::{self, TableTargets, TableView},
    },
};

/// The first word of the title.
pub(super) const TITLE: &str = "Errors";
const MAX_WIDTH: u16 = 150;
/// Lines around the rows: the frame, headings, and what is below.
const LINES_AROUND: usize = 7;
/// Lines below the rows: a gap, the last error, and a remark.
const LINES_BELOW: u16 = 4;
const ERROR_LINES: usize = 2;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let (rows, shown) = (state.error_rows(), state.shown_errors().shown);
    hits.add(state.screen(), Target::Errors);
    let area = centred(buf.area, MAX_WIDTH, number::cells(rows.len().max(1) + LINES_AROUND));
    let keys: [(&[Action], &str); 2] = [(&[Action::Inspect], "shows the record"), (&[Action::Close], "closes")];
    let inner = frame::window(buf, area, &title(state), &foot::of_keys(state, Mode::Errors, &keys), theme);
    let height = inside(area).height.saturating_sub(1 + LINES_BELOW).max(1);
    let table = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), height: height + 1, ..inner };
    hits.add_extent(Scrollable::Screen(ScreenId::Errors), rows.len(), usize::from(height));
    if rows.is_empty() {
        paint::text(buf, table.x, table.y, table.width, "no record has failed yet", theme.muted);
        return;
    }
    let selected = state.user.errors.selected_row(&shown, &rows);
    let view = TableView {
        area: table,
        padding: (0, 0),
        gap: 2..=2,
        rows: &rows,
        shown: &shown,
        state: &state.user.errors,
        first: state.user.errors.first_row(&shown, &rows, usize::from(height)),
        selected,
        heading: |theme| theme.popup.patch(theme.column),
    };
    let row = |row: &ErrorRow<'_>| Some(Target::ErrorKind(row.kind.pattern.clone()));
    table::render(buf, hits, &view, &TableTargets { heading: &|_| None, row: &row }, theme);
    below(buf, Rect { y: table.bottom() + 1, height: LINES_BELOW - 1, ..table }, state, theme);
}

/// The last error of the selected kind in full, and what the counts leave out.
fn below(buf: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let Some(kind) = state.selected_error() else { return };
    let times = number::number_of_times(kind.last.attempt);
    let key = kind.last.key.as_ref().map_or_else(String::new, |key| format!("key {key} "));
    let text = format!("{key}failed {times}; last error: {}", kind.last.error);
    let lines = wrap_at_most(&clean(&text), usize::from(area.width), ERROR_LINES);
    let remark = remark(state).map(|text| (text, theme.muted));
    let lines = lines.into_iter().map(|line| (line, theme.bad)).chain(remark);
    for ((line, style), y) in lines.zip(area.y..area.bottom()) {
        paint::text(buf, area.x, y, area.width, &line, style);
    }
}

/// What the counts leave out. Many failures have no event of their own. Of quarantined records, the run has no total.
fn remark(state: &State) -> Option<String> {
    let counted = state.feed.errors.of_run();
    let totals = &state.run()?.totals;
    let failed = totals.retried.saturating_add(totals.skipped).saturating_add(totals.dead_lettered);
    (failed > counted.retried + counted.skipped + counted.dead_lettered).then(|| {
        format!("{} in this run; after the first ones, only a sample is logged", number::counted(failed, "failure"))
    })
}

fn title(state: &State) -> String {
    let kinds = state.feed.errors.kinds().len();
    let events: u64 = state.feed.errors.kinds().iter().map(|kind| kind.counts.total()).sum();
    let of_run = state.feed.errors.of_run().total();
    // The events of earlier runs are listed, too.
    let of_run = if of_run < events { format!(", {} in this run", number::short(of_run)) } else { String::new() };
    let (kinds, events) = (number::counted_short(kinds as u64, "kind"), number::counted_short(events, "event"));
    format!("{TITLE}: {kinds} in {events}{of_run}")
}
