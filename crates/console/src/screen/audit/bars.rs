//! Bars for numbers of records, and the rows of hot keys.

use kreplay_model::audit::{Bounds, HotKey};
use ratatui::text::{Line, Span};

use crate::{
    number,
    text::{clean, shorten, width},
    theme::Theme,
};

/// Cells of the name of a bar.
const NAME_CELLS: usize = 7;
/// Cells after a bar: records, share, and the note.
const CELLS_AFTER: usize = 42;
/// Cells of the numbers of a key.
const KEY_NUMBERS_CELLS: usize = 32;

/// The records of a partition.
pub(super) struct Bar {
    /// The number of the partition.
    pub(super) name: String,
    /// Its records.
    pub(super) records: u64,
    /// What else there is to say.
    pub(super) note: &'static str,
}

impl Bar {
    /// A bar relative to the longest one, with the share of all records.
    pub(super) fn line(&self, longest: u64, total: u64, room: u16, theme: &Theme) -> Line<'static> {
        let cells = usize::from(room).saturating_sub(NAME_CELLS + CELLS_AFTER).clamp(4, 60);
        let share = if longest == 0 { 0.0 } else { number::share(self.records, longest) };
        let filled = usize::try_from(number::eighths(share, number::cells(cells)).div_ceil(8)).unwrap_or(0).min(cells);
        let of_total = if total == 0 { 0.0 } else { number::share(self.records, total) };
        Line::from(vec![
            Span::styled(format!("{:>1$} ", self.name, NAME_CELLS - 1), theme.popup),
            Span::styled("━".repeat(filled), theme.chart),
            Span::styled(format!(" {}  {}", number::short(self.records), number::percent(of_total)), theme.popup),
            Span::styled(self.note, theme.warning),
        ])
    }
}

/// The heading of the hottest keys.
pub(super) fn key_heading(room: u16, theme: &Theme) -> Line<'static> {
    let first = usize::from(room).saturating_sub(KEY_NUMBERS_CELLS);
    Line::styled(format!("{:<first$}{:>22}{:>10}", "hottest keys", "records", "share"), theme.column)
}

/// A key with the bounds of its records, and of its share of the records with a key.
pub(super) fn key(key: &HotKey, keyed: u64, room: u16, theme: &Theme) -> Line<'static> {
    let first = usize::from(room).saturating_sub(KEY_NUMBERS_CELLS);
    let name = clean(&key.key);
    let name = shorten(&name, first.saturating_sub(1));
    let gap = " ".repeat(first.saturating_sub(width(&name)));
    let Bounds { low, high } = key.records;
    let share = if keyed == 0 { 0.0 } else { number::share(high, keyed) };
    let share = number::percent(share);
    let share = if key.records.is_exact() { share } else { format!("≤ {share}") };
    let records =
        if low == high { number::short(low) } else { format!("{} to {}", number::short(low), number::short(high)) };
    Line::from(vec![
        Span::styled(format!("{name}{gap}"), theme.popup),
        Span::styled(format!("{records:>22}"), theme.popup),
        Span::styled(format!("{share:>10}"), theme.popup),
    ])
}
