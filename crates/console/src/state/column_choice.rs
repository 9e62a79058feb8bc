//! The choice of the columns that a table shows.

use super::TableId;

/// The window in which columns are shown and hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnChoice {
    /// The table.
    pub table: TableId,
    /// The index of the column under the cursor.
    pub row: usize,
}

impl ColumnChoice {
    /// Moves the cursor up (negative) or down.
    pub(crate) fn step(&mut self, by: isize) {
        self.select(self.row.saturating_add_signed(by));
    }

    /// Moves the cursor to a column, or to the last one.
    pub(crate) fn select(&mut self, row: usize) {
        self.row = row.min(self.table.columns().len().saturating_sub(1));
    }
}
