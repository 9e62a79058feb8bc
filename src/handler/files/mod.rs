//! `csv`, `parquet`, `ndjson:DIR/`: files by size.

/// `[export]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportSettings {}
