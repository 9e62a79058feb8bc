//! `csv:DIR`, `parquet:DIR` and `ndjson:DIR/`: files by size.
//!
//! Rows of a file that is not complete stand in `DIR/.kreplay/`, and what is in them in a database beside them (`ledger`).
//! A batch is one append to each of its files and then one transaction; what was appended without one is cut off again. So
//! every record that counts as handled is in the files exactly once, also after `kill -9`: the next attempt of the run is told
//! by the database which records are there already. Complete files appear in `DIR` under their final name by one renaming.

mod cell;
mod column;
mod complete;
mod csv;
mod filing;
mod form;
mod hold;
mod ledger;
mod ledger_error;
mod name;
mod packed;
mod parquet;
mod part;
mod parts;
mod preview;
mod recover;
mod settings;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod written;

pub use column::{Column, ColumnError};
pub use form::FileFormat;
pub use name::{NameError, NamePattern};
pub use settings::{Compression, ExportSettings, Series};
pub(super) use source::{FilesSource, RehearsedFiles};
