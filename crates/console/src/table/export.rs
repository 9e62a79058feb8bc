//! Export of tables and charts: all columns that have values and, of a table, the rows that pass the filter, in their
//! order.
//!
//! A column's name says the unit of its numbers, such as `p95_s` for seconds ([`Kind::export_suffix`]). Hidden columns
//! are exported too.
//!
//! [`Kind::export_suffix`]: super::Kind::export_suffix

mod csv;
mod json;
mod sheet;

pub use csv::csv;
pub use json::json;
pub use sheet::Sheet;

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

    /// The sheet in this format.
    ///
    /// # Errors
    /// As [`json()`].
    pub fn write(self, sheet: &Sheet<'_>) -> Result<String, serde_json::Error> {
        match self {
            Self::Csv => Ok(csv(sheet)),
            Self::Json => json(sheet).map(|text| text + "\n"),
        }
    }
}
