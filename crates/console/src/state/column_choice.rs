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
