//! The quarantine window: the quarantined keys and the failed record of each.

use kreplay_model::feed::QuarantinedKey;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
};

use crate::{
    hit_map::{HitMap, Target},
    layout::{centred, inside},
    number,
    state::{ScreenId, Scrollable, State},
    table::TableState,
    text::{clean, width, wrap_at_most},
    theme::Theme,
    widget::{
        frame, paint,
        partitions::place,
        table::{self, TableTargets, TableView},
    },
};

mod columns;

/// The first word of the title.
pub(super) const TITLE: &str = "Quarantine";
const MAX_WIDTH: u16 = 120;
/// Lines around the rows: the frame, headings, a gap, and the error.
const LINES_AROUND: usize = 6;
/// Lines below the rows: a gap and the error.
const LINES_BELOW: u16 = 3;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let keys = state.feed.quarantined();
    hits.add(state.screen(), Target::Quarantine);
    let (rows, from) = rows(state);
    hits.add_extent(Scrollable::Screen(ScreenId::Quarantine), keys.len(), usize::from(rows.height));
    let foot = place(from, usize::from(rows.height), keys.len());
    let inner = frame::window(buf, area(state), &title(state), &foot, theme);
    if keys.is_empty() {
        let middle = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        paint::aligned(buf, middle, "no key is in quarantine", theme.muted, Alignment::Center);
        return;
    }
    let selected = state.quarantined_row();
    let view = TableView {
        area: Rect { y: rows.y.saturating_sub(1), height: rows.height + 1, ..rows },
        padding: (0, 0),
        gap: 2..=2,
        rows: keys,
        shown: &(0..keys.len()).collect::<Vec<_>>(),
        state: &TableState::default(),
        first: from,
        selected,
        heading: |theme| theme.popup.patch(theme.column),
    };
    let targets =
        TableTargets { heading: &|_| None, row: &|key: &QuarantinedKey| Some(Target::QuarantinedKey(key.hash)) };
    table::render(buf, hits, &view, &targets, theme);
    let Some(one) = selected.and_then(|row| keys.get(row)) else {
        let text = "the selected key is being retried or has left quarantine";
        paint::text(buf, rows.x, rows.bottom() + 1, rows.width, text, theme.muted);
        return;
    };
    let times = number::number_of_times(one.attempts);
    let text = clean(&format!("failed {times}; last error: {}", one.error)).into_owned();
    let lines = wrap_at_most(&text, usize::from(rows.width), usize::from(LINES_BELOW) - 1);
    for (row, text) in lines.iter().enumerate() {
        let y = rows.bottom() + 1 + number::cells(row);
        paint::text(buf, rows.x, y, rows.width, text, theme.bad);
    }
}

/// The area of the rows, and the index of the first visible key.
fn rows(state: &State) -> (Rect, usize) {
    let inner = inside(area(state));
    let height = inner.height.saturating_sub(1 + LINES_BELOW).max(1);
    let rows = Rect { x: inner.x + 1, y: inner.y + 1, width: inner.width.saturating_sub(2), height };
    (rows, (state.quarantined_row().unwrap_or(0) + 1).saturating_sub(usize::from(height)))
}

/// The window. The banner, the messages, and the key hints stay visible.
fn area(state: &State) -> Rect {
    let screen = state.screen();
    let room = state.areas().map_or(screen, |parts| {
        let top = parts.header.y + 1;
        Rect { y: top, height: parts.footer.y.saturating_sub(top), ..screen }
    });
    centred(room, MAX_WIDTH, number::cells(state.feed.quarantined().len().max(1) + LINES_AROUND))
}

fn title(state: &State) -> String {
    let Some(run) = state.run() else { return TITLE.to_owned() };
    let named = state.feed.quarantined().len();
    let first = if named < run.quarantine.keys { format!(", the oldest {named} shown") } else { String::new() };
    let keys = number::counted_short(run.quarantine.keys as u64, "key");
    let records = number::counted_short(run.quarantine.records, "record");
    let wait = number::by_count(run.quarantine.records, "waits", "wait");
    let room = usize::from(area(state).width).saturating_sub(6);
    let all = format!("{TITLE}: {keys}{first}, {records} {wait}");
    if width(&all) > room { format!("{TITLE}: {keys}, {records} {wait}") } else { all }
}
