//! Named columns of values: what is exported of a table, or of a chart.

use std::borrow::Cow;

use crate::table::{Column, TableRow, TableState, Value, arrange};

/// Named columns of values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet<'a> {
    /// The names of the columns, with the unit of their numbers.
    pub columns: Vec<Cow<'static, str>>,
    /// The rows, each with a value for every column.
    pub rows: Vec<Vec<Value<'a>>>,
}

impl<'a> Sheet<'a> {
    /// All columns of a table that have values, and the rows that pass its filter, in their order.
    #[must_use]
    pub fn of_table<R: TableRow>(state: &TableState<R::Key>, rows: &'a [R]) -> Self {
        let field = |column: Column<R>| {
            let id = column.id;
            column.field.map(|field| (format!("{id}{}", field.kind.export_suffix()), field.value))
        };
        let (columns, values): (Vec<String>, Vec<_>) = R::columns().into_iter().filter_map(field).unzip();
        let shown = arrange(state, rows).shown;
        let row = |row: &'a R| values.iter().map(|value| value(row)).map(known).collect();
        Self {
            columns: columns.into_iter().map(Cow::Owned).collect(),
            rows: shown.iter().filter_map(|at| rows.get(*at)).map(row).collect(),
        }
    }
}

/// A value, or that it is unknown.
fn known(value: Value<'_>) -> Value<'_> {
    if value.is_unknown() { Value::Unknown } else { value }
}
