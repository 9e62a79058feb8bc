//! The keys with the most records as the run has counted them or the plan has found them, and those in quarantine.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{run_page, watch_page};
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    number,
    state::{Filters, HotKeyRow, ScreenId, Scrollable, State},
    text::{clean, shorten, wrap_at_most},
    theme::Theme,
    widget::{
        input::with_cursor,
        paint,
        partitions::place,
        table::{self, TableTargets, TableView},
    },
};

pub(super) const TITLE: &str = "Hot keys";
/// Lines below the table: a gap, two lines about the selected key, and where the counts are from.
const LINES_BELOW: u16 = 4;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let rows = state.hot_key_rows();
    let shown = state.shown_hot_keys(&rows).shown;
    let Some(area) = watch_page::area(state) else { return };
    let height = usize::from(area.height.saturating_sub(3 + LINES_BELOW));
    let first = state.user.hot_keys.first_row(&shown, &rows, height);
    hits.add_extent(Scrollable::Screen(ScreenId::HotKeys), shown.len(), height);
    let foot = place(first, height, shown.len());
    let Some(inner) = run_page::frame(buf, hits, &title(state, shown.len(), rows.len()), &foot, state, theme) else {
        return;
    };
    if shown.is_empty() {
        watch_page::remark(buf, inner, &nothing(state, rows.is_empty()), theme);
        return;
    }
    let selected = state.user.hot_keys.selected_row(&shown, &rows);
    let view = TableView {
        area: Rect { height: inner.height.saturating_sub(LINES_BELOW), ..inner },
        padding: (0, 0),
        gap: 1..=3,
        rows: &rows,
        shown: &shown,
        state: &state.user.hot_keys,
        first,
        selected,
        heading: |theme| theme.popup.patch(theme.column),
    };
    let targets = TableTargets {
        heading: &|column| Some(Target::HotKeyColumn(column)),
        row: &|row: &HotKeyRow<'_>| Some(Target::HotKey(row.name.clone())),
    };
    table::render(buf, hits, &view, &targets, theme);
    let below = Rect { y: inner.bottom().saturating_sub(LINES_BELOW - 1), height: 1, ..inner };
    if let Some(row) = selected.and_then(|row| rows.get(*shown.get(row)?)) {
        for (line, text) in wrap_at_most(&about(row), usize::from(below.width), 2).iter().enumerate() {
            paint::text(buf, below.x, below.y + number::cells(line), below.width, text, theme.popup);
        }
    }
    paint::text(buf, below.x, below.y + 2, below.width, &source(state), theme.popup.patch(theme.muted));
}

/// What is known about a key besides its columns.
fn about(row: &HotKeyRow<'_>) -> String {
    match row.quarantined {
        Some(key) => format!(
            "{} is in quarantine: {} at {} failed {}: {}",
            clean(row.name),
            clean(&key.partition.to_string()),
            number::count(u64::try_from(key.offset.get()).unwrap_or(0)),
            number::number_of_times(key.attempts),
            clean(&key.error),
        ),
        None => clean(row.name).into_owned(),
    }
}

/// Where the counts are from.
fn source(state: &State) -> String {
    let counted = state.run().map(|run| &run.hot_keys).filter(|hot| !hot.keys.is_empty());
    if let Some(hot) = counted {
        return format!(
            "counted live in a sample of {} of {}; from–to: 95 % confidence",
            number::short(hot.counted),
            number::counted_short(hot.records, "record"),
        );
    }
    match state.coverage_of_keys() {
        None => "no keys counted and no plan made yet: only keys in quarantine are known".to_owned(),
        Some(coverage) if coverage.full => "counted by the plan, which has read all records".to_owned(),
        Some(coverage) => format!(
            "estimated by the plan from {} of {}; from–to: 95 % confidence",
            number::short(coverage.offsets_read),
            number::counted_short(coverage.offsets, "offset"),
        ),
    }
}

/// The number of keys, of shown ones while a filter hides some, and the filter.
fn title(state: &State, shown: usize, all: usize) -> String {
    let of = if shown < all { format!(" of {}", number::count(all as u64)) } else { String::new() };
    let title = format!("{TITLE}  {}{of}", number::count(shown as u64));
    let room = usize::from(state.size.width).saturating_sub(title.len() + 12);
    if let Some(prompt) = state.filter_prompt(Filters::HotKeys) {
        return format!("{title}  /{}", with_cursor(&prompt.input, room + 1));
    }
    match clean(state.user.hot_keys.filter.text()) {
        filter if filter.is_empty() => title,
        filter => format!("{title}  /{}", shorten(&filter, room)),
    }
}

fn nothing(state: &State, no_keys: bool) -> String {
    if no_keys && state.shows_several_processes() {
        return "several processes are shown; attach to one of them for its keys".to_owned();
    }
    if no_keys {
        let plan = state.with_key(Action::Plan, |key| format!("; on the dashboard, {key} makes one"));
        return format!("no record with a key was counted, and there is no plan of these topics{plan}");
    }
    let clear = state.key_of(Action::Close, Mode::Listing).map_or(String::new(), |key| format!("; {key} clears it"));
    format!("no key matches the filter{clear}")
}
