//! Columns as values, and what a row must provide.

use std::{borrow::Cow, cmp::Ordering};

use ratatui::layout::Alignment;

use super::{
    cell::Cell,
    filter::FieldName,
    value::{Kind, Value},
    width::Width,
};

/// A row of a table. Its type describes the table.
pub trait TableRow: Sized {
    /// What identifies a row. Rows that are equal in the sort column are ordered by it.
    type Key: Clone + Ord;

    /// The columns, from left to right. Their ids are unique.
    fn columns() -> Vec<Column<Self>>;

    /// What identifies this row.
    fn key(&self) -> &Self::Key;

    /// The texts in which the filter looks for a plain word.
    fn words(&self) -> Vec<Cow<'_, str>>;
}

/// What a column holds, for sorting, filtering, and export.
#[derive(Debug)]
pub struct Field<R> {
    /// The kind of its values.
    pub kind: Kind,
    /// The value of a row.
    pub value: fn(&R) -> Value<'_>,
    /// The order of known values, if it is not that of the values themselves.
    pub compare: Option<fn(&R, &R) -> Ordering>,
    /// Whether the largest values come first by default.
    pub largest_first: bool,
}

/// A column of a table.
#[derive(Debug)]
pub struct Column<R> {
    /// Its name in filters, in the configuration, and in exports: lower case letters, digits, and `_`.
    pub id: &'static str,
    /// The heading; empty for a sign.
    pub heading: &'static str,
    /// The alignment of heading and cells.
    pub alignment: Alignment,
    /// The width.
    pub width: Width,
    /// When it disappears on a narrow terminal: the lowest number first. `None` never disappears.
    pub disappears: Option<u8>,
    /// Whether it belongs to the next column, from which it is then separated by a single cell.
    pub joins_next: bool,
    /// Formats the cell of a row. Called for visible rows only.
    pub cell: fn(&R) -> Cell,
    /// The width of a row's content. Called for all rows, so that columns do not move while the table is scrolled; it
    /// must not format. Without it, the content is as wide as the column may be.
    pub measure: Option<fn(&R) -> usize>,
    /// The values; `None` if it has none of its own.
    pub field: Option<Field<R>>,
    /// The column that a click on its heading sorts by.
    pub sorts_by: Option<&'static str>,
}

impl<R> Column<R> {
    /// A column aligned left, without values, that never disappears.
    #[must_use]
    pub fn new(id: &'static str, heading: &'static str, width: Width, cell: fn(&R) -> Cell) -> Self {
        Self {
            id,
            heading,
            alignment: Alignment::Left,
            width,
            disappears: None,
            joins_next: false,
            cell,
            measure: None,
            field: None,
            sorts_by: None,
        }
    }

    /// Aligns it right, as numbers are.
    #[must_use]
    pub fn right(mut self) -> Self {
        self.alignment = Alignment::Right;
        self
    }

    /// Disappears on a narrow terminal, the lowest number first.
    #[must_use]
    pub fn disappears(mut self, order: u8) -> Self {
        self.disappears = Some(order);
        self
    }

    /// Belongs to the next column.
    #[must_use]
    pub fn joins_next(mut self) -> Self {
        self.joins_next = true;
        self
    }

    /// Measures the content of a row.
    #[must_use]
    pub fn measured(mut self, measure: fn(&R) -> usize) -> Self {
        self.measure = Some(measure);
        self
    }

    /// Has values and is sorted by them.
    #[must_use]
    pub fn value(mut self, kind: Kind, value: fn(&R) -> Value<'_>) -> Self {
        self.field = Some(Field { kind, value, compare: None, largest_first: false });
        self.sorts_by = Some(self.id);
        self
    }

    /// Sorts the largest values first by default.
    #[must_use]
    pub fn largest_first(mut self) -> Self {
        if let Some(field) = &mut self.field {
            field.largest_first = true;
        }
        self
    }

    /// Orders known values by a function.
    #[must_use]
    pub fn compared(mut self, compare: fn(&R, &R) -> Ordering) -> Self {
        if let Some(field) = &mut self.field {
            field.compare = Some(compare);
        }
        self
    }

    /// Sorts by another column when its heading is clicked.
    #[must_use]
    pub fn sorts_by(mut self, id: &'static str) -> Self {
        self.sorts_by = Some(id);
        self
    }

    /// Cannot be sorted by.
    #[must_use]
    pub fn unsorted(mut self) -> Self {
        self.sorts_by = None;
        self
    }

    /// Whether the table can be sorted by its own values.
    #[must_use]
    pub fn is_sortable(&self) -> bool {
        self.sorts_by == Some(self.id)
    }
}

/// The columns that a filter can name.
#[must_use]
pub fn field_names<R: TableRow>() -> Vec<FieldName> {
    let name = |column: Column<R>| column.field.map(|field| FieldName { name: column.id, kind: field.kind });
    R::columns().into_iter().filter_map(name).collect()
}

/// Whether the largest values of a column come first by default.
pub(super) fn is_largest_first<R: TableRow>(column: &str) -> bool {
    let columns = R::columns();
    let column = columns.iter().find(|one| one.id == column);
    column.and_then(|column| column.field.as_ref()).is_some_and(|field| field.largest_first)
}
