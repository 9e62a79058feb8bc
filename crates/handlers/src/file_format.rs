//! The formats of exported files.

use std::fmt;

/// The file formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Comma-separated values: a header line, then a line per record.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// A JSON line per record.
    Ndjson,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Ndjson => "ndjson",
        })
    }
}

#[cfg(feature = "files")]
impl FileFormat {
    /// The handler's name in errors.
    pub(super) fn handler(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Ndjson => "ndjson",
        }
    }
}
