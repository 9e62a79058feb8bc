//! Distributes the width of a table over its columns.
//!
//! First, each column gets the width of its content up to its start width. If there is too little room, columns shrink
//! or disappear. Spare room goes to the content that did not fit, then to the gaps, and then to columns that may grow.
//! No column is narrower than its heading.

use std::ops::RangeInclusive;

use crate::{
    number,
    table::{Column, TableRow, Width},
    text,
};

/// This many rows, with the data they refer to, fit into the fast caches of a core.
const ROWS_MEASURED_TOGETHER: usize = 64;

/// A column with its position and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The index of the column.
    pub(super) column: usize,
    pub(super) x: u16,
    pub(super) width: u16,
}

/// Distributes `room` cells from column `x` on. The content of all rows counts, so that columns do not move while the
/// table is scrolled.
pub(super) fn place<R: TableRow>(
    columns: &[Column<R>],
    rows: &[R],
    x: u16,
    room: u16,
    gaps: &RangeInclusive<u16>,
) -> Vec<Slot> {
    let measured = measure(columns, rows);
    let bounds = columns.iter().zip(&measured);
    let start = |column: &Column<R>, content: u16| {
        let min = column.width.min.max(heading(column));
        content.clamp(min, column.width.start.max(min))
    };
    let widths = bounds.map(|(column, content)| start(column, *content)).collect();
    let mut sizes = Sizes { widths, gap: *gaps.start(), joins: columns.iter().map(|one| one.joins_next).collect() };
    sizes.shrink(columns, room);
    let mut left = room.saturating_sub(sizes.used());
    let mut turns: Vec<u8> = columns.iter().map(|column| column.width.turn).collect();
    turns.sort_unstable();
    turns.dedup();
    for turn in turns {
        for (at, column) in columns.iter().enumerate().filter(|(_, column)| column.width.turn == turn) {
            let natural = measured.get(at).copied().unwrap_or(0).min(column.width.natural);
            sizes.widen(at, natural, &mut left);
        }
    }
    sizes.widen_gaps(*gaps.end(), &mut left);
    let grows = |share: bool| {
        let is_share = move |width: Width| (width.most == u16::MAX) == share;
        columns.iter().enumerate().filter(move |(_, column)| is_share(column.width))
    };
    for (at, column) in grows(false).chain(grows(true)) {
        sizes.widen(at, column.width.most, &mut left);
    }
    sizes.slots(x, room)
}

/// The width of a column's heading.
fn heading<R>(column: &Column<R>) -> u16 {
    number::cells(text::width(column.heading))
}

/// The width to which a column may shrink. Its heading is never cut.
fn shrunk<R>(column: &Column<R>) -> Option<u16> {
    Some(column.width.shrunk?.max(heading(column)))
}

/// The widths of the content of columns. One without a measure is as wide as it may be.
///
/// Some rows are measured for all columns before the next ones: what a row refers to is then read from memory once, not
/// once for each column.
fn measure<R>(columns: &[Column<R>], rows: &[R]) -> Vec<u16> {
    let mut widths: Vec<usize> = columns.iter().map(|column| usize::from(column.width.min)).collect();
    for some in rows.chunks(ROWS_MEASURED_TOGETHER) {
        for (column, width) in columns.iter().zip(&mut widths) {
            let Some(measure) = column.measure else { continue };
            *width = some.iter().map(measure).fold(*width, usize::max);
        }
    }
    let of = |(column, width): (&Column<R>, usize)| match column.measure {
        Some(_) => number::cells(width),
        None => column.width.natural,
    };
    columns.iter().zip(widths).map(of).collect()
}

/// The widths of the columns; 0 for one that has disappeared.
struct Sizes {
    widths: Vec<u16>,
    gap: u16,
    joins: Vec<bool>,
}

impl Sizes {
    /// The width of all columns with the gaps between them.
    fn used(&self) -> u16 {
        let mut sum = 0_u16;
        let mut gap_before = 0;
        for (at, width) in self.widths.iter().enumerate().filter(|(_, width)| **width > 0) {
            sum = sum.saturating_add(gap_before).saturating_add(*width);
            gap_before = self.gap_after(at);
        }
        sum
    }

    fn gap_after(&self, column: usize) -> u16 {
        if self.joins.get(column).copied().unwrap_or(false) { self.gap.min(1) } else { self.gap }
    }

    fn set(&mut self, column: usize, width: u16) {
        if let Some(at) = self.widths.get_mut(column) {
            *at = width.min(*at);
        }
    }

    /// Makes the columns fit: those that may disappear shrink and then disappear, the lowest number first. Then the
    /// others shrink, from left to right.
    fn shrink<R>(&mut self, columns: &[Column<R>], room: u16) {
        let mut order: Vec<(u8, usize)> =
            columns.iter().enumerate().filter_map(|(at, column)| column.disappears.map(|order| (order, at))).collect();
        order.sort_unstable();
        for (_, at) in order {
            for width in [columns.get(at).and_then(shrunk), Some(0)].into_iter().flatten() {
                if self.used() <= room {
                    return;
                }
                self.set(at, width);
            }
        }
        for (at, column) in columns.iter().enumerate().filter(|(_, column)| column.disappears.is_none()) {
            let over = self.used().saturating_sub(room);
            let now = self.widths.get(at).copied().unwrap_or(0);
            if let Some(shrunk) = shrunk(column).filter(|_| over > 0) {
                self.set(at, now.saturating_sub(over).max(shrunk));
            }
        }
    }

    /// Widens a column that is shown, up to `most`.
    fn widen(&mut self, column: usize, most: u16, left: &mut u16) {
        if let Some(width) = self.widths.get_mut(column).filter(|width| **width > 0) {
            let more = most.saturating_sub(*width).min(*left);
            *width += more;
            *left -= more;
        }
    }

    /// Widens all gaps by the same number of cells.
    fn widen_gaps(&mut self, most: u16, left: &mut u16) {
        let gaps = number::cells(self.widths.iter().filter(|width| **width > 0).count().saturating_sub(1)).max(1);
        let more = (*left / gaps).min(most.saturating_sub(self.gap));
        self.gap += more;
        *left -= more * gaps;
    }

    /// The last columns are dropped if even those that never disappear do not fit.
    fn slots(&self, from: u16, room: u16) -> Vec<Slot> {
        let mut x = from;
        let end = from.saturating_add(room);
        let mut slots = Vec::with_capacity(self.widths.len());
        for (column, width) in self.widths.iter().copied().enumerate().filter(|(_, width)| *width > 0) {
            if x.saturating_add(width) > end {
                break;
            }
            slots.push(Slot { column, x, width });
            x = x.saturating_add(width).saturating_add(self.gap_after(column));
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::test_row::{Group, groups};

    /// Ids and widths of the columns.
    fn placed(rows: &[Group], room: u16) -> Vec<(&'static str, u16)> {
        let columns = Group::columns();
        let slots = place(&columns, rows, 0, room, &(1..=3));
        slots.iter().map(|slot| (columns[slot.column].id, slot.width)).collect()
    }

    #[test]
    fn a_narrow_table_drops_columns_by_their_order_and_then_shrinks_the_name() {
        let rows = ["a-group-with-a-long-name"].map(Group::named);
        assert_eq!(placed(&rows, 36), [("sign", 1), ("name", 17), ("state", 8), ("lag", 7)]);
        assert_eq!(placed(&rows, 26), [("sign", 1), ("name", 16), ("lag", 7)]);
        assert_eq!(placed(&rows, 20), [("sign", 1), ("name", 10), ("lag", 7)]);
        assert_eq!(placed(&rows, 15), [("sign", 1), ("name", 5), ("lag", 7)], "numbers do not shrink");
        assert_eq!(placed(&rows, 5), [("sign", 1)], "what does not fit is not drawn");
    }

    #[test]
    fn spare_width_goes_to_the_content_then_to_the_gaps_and_then_to_shares() {
        let rows = ["a-group-with-a-long-name"].map(Group::named);
        let all = |name| [("sign", 1), ("name", name), ("state", 8), ("lag", 7), ("p95", 7)];
        assert_eq!(placed(&rows, 51), all(24));
        assert_eq!(placed(&rows, 57), all(26), "each gap has one more cell, the rest is too little for another");
        assert_eq!(placed(&rows, 80), all(45));
    }

    proptest! {
        #[test]
        fn columns_fit_and_do_not_overlap(rows in groups(), x in 0_u16..10, room in 0_u16..200) {
            let columns = Group::columns();
            let slots = place(&columns, &rows, x, room, &(1..=3));
            prop_assert!(slots.windows(2).all(|pair| pair[0].x + pair[0].width < pair[1].x));
            let end = slots.last().map_or(x, |slot| slot.x + slot.width);
            prop_assert!(end <= x + room, "{slots:?}");
            for slot in &slots {
                let width = columns[slot.column].width;
                prop_assert!(slot.width >= width.shrunk.unwrap_or(width.min));
            }
        }
    }
}
