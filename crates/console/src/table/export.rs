//! Export of a table: all columns that have values, and the rows that pass the filter, in their order.
//!
//! A column's name says the unit of its numbers, such as `p95_s` for seconds ([`Kind::export_suffix`]). Hidden columns
//! are exported too.
//!
//! [`Kind::export_suffix`]: super::Kind::export_suffix

mod csv;
mod json;

pub use csv::csv;
pub use json::json;

use super::{Field, TableRow, TableState, Value, arrange};

/// The exported columns: names and fields.
struct Table<'a, R> {
    fields: Vec<(String, Field<R>)>,
    rows: Vec<&'a R>,
}

impl<'a, R: TableRow> Table<'a, R> {
    fn new(state: &TableState<R::Key>, rows: &'a [R]) -> Self {
        let field = |column: super::Column<R>| {
            let id = column.id;
            column.field.map(|field| (format!("{id}{}", field.kind.export_suffix()), field))
        };
        let fields = R::columns().into_iter().filter_map(field).collect();
        Self { fields, rows: arrange(state, rows).shown.iter().filter_map(|at| rows.get(*at)).collect() }
    }

    fn values(&self, row: &'a R) -> impl Iterator<Item = (&str, Value<'a>)> {
        self.fields.iter().map(move |(name, field)| {
            let value = (field.value)(row);
            (name.as_str(), if value.is_unknown() { Value::Unknown } else { value })
        })
    }
}
