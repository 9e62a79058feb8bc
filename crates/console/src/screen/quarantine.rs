//! The quarantine window: the quarantined keys and the failed record of each.

use kreplay_model::feed::QuarantinedKey;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
};

use crate::{
    hit_map::{HitMap, Target},
    layout::{centred, inside},
    number,
    state::State,
    text::{clean, shorten, width, wrap},
    theme::Theme,
    widget::{frame, paint, partitions::place},
};

/// The first word of the title.
pub(super) const TITLE: &str = "Quarantine";
const MAX_WIDTH: u16 = 120;
/// Lines around the rows: the frame, headings, a gap, and the error.
const LINES_AROUND: usize = 6;
/// Lines below the rows: a gap and the error.
const LINES_BELOW: u16 = 3;
const RECORDS_WIDTH: u16 = 8;
const WAITS_WIDTH: u16 = 8;
/// Minimum width of the key column.
const MIN_KEY_WIDTH: u16 = 12;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let keys = state.feed.quarantined();
    hits.add(state.screen(), Target::Quarantine);
    let (rows, from) = rows(state);
    let foot = place(from, usize::from(rows.height), keys.len());
    let inner = frame::window(buf, area(state), &title(state), &foot, theme);
    if keys.is_empty() {
        let middle = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        paint::aligned(buf, middle, "no key is in quarantine", theme.muted, Alignment::Center);
        return;
    }
    let columns = columns(rows, keys);
    let head = Rect { y: rows.y.saturating_sub(1), height: 1, ..rows };
    line(buf, head, columns, &["key", "records", "waits", "failed at"], theme.popup.patch(theme.column));
    let selected = state.quarantined_row();
    for (row, (at, one)) in keys.iter().enumerate().skip(from).take(usize::from(rows.height)).enumerate() {
        let place = Rect { y: rows.y + number::cells(row), height: 1, ..rows };
        let style = if Some(at) == selected { theme.selected } else { theme.popup };
        buf.set_style(place, style);
        hits.add(place, Target::QuarantinedKey(one.hash));
        let cells = cells(one, columns);
        line(buf, place, columns, &cells.each_ref().map(String::as_str), style);
    }
    let Some(one) = selected.and_then(|row| keys.get(row)) else {
        let text = "the selected key is being retried or has left quarantine";
        paint::text(buf, rows.x, rows.bottom() + 1, rows.width, text, theme.muted);
        return;
    };
    let times = if one.attempts == 1 { "once" } else { &format!("{} times", one.attempts) };
    let text = clean(&format!("failed {times}; last error: {}", one.error)).into_owned();
    for (row, text) in wrap(&text, usize::from(rows.width)).iter().take(usize::from(LINES_BELOW) - 1).enumerate() {
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
    let counted =
        |count: u64, name: &str| format!("{} {name}{}", number::short(count), if count == 1 { "" } else { "s" });
    let named = state.feed.quarantined().len();
    let first = if named < run.quarantine.keys { format!(", the oldest {named} shown") } else { String::new() };
    let (keys, records) = (counted(run.quarantine.keys as u64, "key"), counted(run.quarantine.records, "record"));
    let room = usize::from(area(state).width).saturating_sub(6);
    let all = format!("{TITLE}: {keys}{first}, {records} wait");
    if width(&all) > room { format!("{TITLE}: {keys}, {records} wait") } else { all }
}

/// The columns. The key column gets the remaining width; if that is too little, the place column shrinks, never the
/// numbers.
fn columns(rows: Rect, keys: &[QuarantinedKey]) -> [Rect; 4] {
    let longest = keys.iter().map(|one| width(&where_it_failed(one))).max().unwrap_or(0);
    let left = rows.width.saturating_sub(RECORDS_WIDTH + WAITS_WIDTH + 6);
    let place = number::cells(longest).max(9).min(left.saturating_sub(MIN_KEY_WIDTH).max(left / 2));
    let mut x = rows.x;
    [left.saturating_sub(place), RECORDS_WIDTH, WAITS_WIDTH, place].map(|cells| {
        let at = Rect::new(x, rows.y, cells, 1);
        x += cells + 2;
        at
    })
}

fn line(buf: &mut Buffer, at: Rect, columns: [Rect; 4], cells: &[&str; 4], style: Style) {
    let sides = [Alignment::Left, Alignment::Right, Alignment::Right, Alignment::Left];
    for ((column, text), side) in columns.into_iter().zip(cells).zip(sides) {
        let place = Rect { y: at.y, ..column };
        paint::aligned(buf, place, text, style, side);
    }
}

fn cells(one: &QuarantinedKey, columns: [Rect; 4]) -> [String; 4] {
    let [key, records, waits, place] = columns.map(|column| column.width);
    let waited =
        if one.for_s < 59.5 { format!("{:.0} s", one.for_s) } else { number::times(one.for_s).fit(waits).to_owned() };
    // Only names are shortened, never numbers.
    let at = format!(" at {}", one.offset);
    let partition = clean(&one.partition.to_string()).into_owned();
    let partition = shorten(&partition, usize::from(place).saturating_sub(at.len())).into_owned();
    let failed_at = if usize::from(place) > at.len() { format!("{partition}{at}") } else { partition };
    [
        shorten(&clean(&one.key), usize::from(key)).into_owned(),
        number::counts(one.records).fit(records).to_owned(),
        waited,
        failed_at,
    ]
}

fn where_it_failed(one: &QuarantinedKey) -> String {
    format!("{} at {}", clean(&one.partition.to_string()), one.offset)
}
