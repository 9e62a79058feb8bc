//! The keys that were put aside, and the record that each of them waits for.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
};

use crate::{
    console::{
        layout::centred,
        number,
        state::State,
        text::{clean, cut},
        theme::Theme,
        widget::{frame, paint},
    },
    feed::QuarantinedKey,
};

const WIDEST: u16 = 120;
/// Lines around the rows: the frame, heads, a gap, and what failed.
const AROUND: usize = 8;
const RECORDS: u16 = 9;
const SINCE: u16 = 8;
const PLACE: u16 = 28;

pub(super) fn render(buf: &mut Buffer, state: &State, theme: &Theme) {
    let keys = state.quarantined();
    let area = centred(buf.area, WIDEST.min(buf.area.width), number::cells(keys.len().max(1) + AROUND));
    let title = state.run().map_or_else(String::new, |run| {
        format!(
            "Quarantine: {} keys, {} records",
            number::count(run.quarantine.keys as u64),
            number::count(run.quarantine.records)
        )
    });
    let inner = frame::window(buf, area, &title, "r release   d dead-letter   R D all   Esc closes", theme);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    if keys.is_empty() {
        let middle = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        paint::aligned(buf, middle, "no key is in quarantine", theme.muted, Alignment::Center);
        return;
    }
    let key = inner.width.saturating_sub(RECORDS + SINCE + PLACE + 6);
    let columns = [("key", key), ("records", RECORDS), ("since", SINCE), ("failed at", PLACE)];
    let line = |buf: &mut Buffer, y: u16, cells: [&str; 4], style| {
        let mut x = inner.x;
        for ((_, width), text) in columns.iter().zip(cells) {
            paint::text(buf, x, y, *width, &cut(text, usize::from(*width)), style);
            x += width + 2;
        }
    };
    line(buf, inner.y, columns.map(|(head, _)| head), theme.popup.patch(theme.column));
    let page = usize::from(inner.height).saturating_sub(4).max(1);
    let selected = state.quarantined_row();
    let from = (selected + 1).saturating_sub(page);
    for (row, (place, one)) in keys.iter().enumerate().skip(from).take(page).enumerate() {
        let cells = cells(one);
        let style = if place == selected { theme.selected } else { theme.popup };
        let y = inner.y + 1 + number::cells(row);
        if place == selected {
            buf.set_style(Rect { y, height: 1, ..inner }, style);
        }
        line(buf, y, [&cells[0], &cells[1], &cells[2], &cells[3]], style);
    }
    if let Some(one) = keys.get(selected) {
        let text = format!("failed {} times, last with: {}", one.attempts, clean(&one.error));
        let y = inner.bottom().saturating_sub(2);
        paint::text(buf, inner.x, y, inner.width, &cut(&text, usize::from(inner.width)), theme.bad);
    }
}

fn cells(one: &QuarantinedKey) -> [String; 4] {
    [
        clean(&one.key).into_owned(),
        number::count(one.records),
        format!("{:.0} s", one.for_s),
        format!("{} at {}", clean(&one.partition.to_string()), one.offset),
    ]
}
