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

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Lines of values separated by commas.
    Csv,
    /// An array of objects.
    Json,
}

impl ExportFormat {
    /// The format that the ending of a file's name says: `.csv` or `.json`, in upper or lower case.
    #[must_use]
    pub fn of_file(name: &str) -> Option<Self> {
        let ending = std::path::Path::new(name).extension()?.to_str()?;
        [(Self::Csv, "csv"), (Self::Json, "json")]
            .into_iter()
            .find_map(|(format, known)| ending.eq_ignore_ascii_case(known).then_some(format))
    }

    /// The table in this format.
    ///
    /// # Errors
    /// As [`json()`].
    pub fn write<R: TableRow>(self, state: &TableState<R::Key>, rows: &[R]) -> Result<String, serde_json::Error> {
        match self {
            Self::Csv => Ok(csv(state, rows)),
            Self::Json => json(state, rows).map(|text| text + "\n"),
        }
    }
}

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
