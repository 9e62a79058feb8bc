//! `csv:DIR`, `parquet:DIR` and `ndjson:DIR/`: exports to files that are rotated by size and age.
//!
//! Files that are not complete are in `DIR/.kreplay/`, and their contents are recorded in a database next to them
//! (`ledger`). A batch is one append to each of its files and then one transaction; what was appended without a
//! committed transaction is cut off. So every handled record is in the files exactly once, even after `kill -9`: the
//! database tells the run's next attempt which records are already exported. A complete file is renamed to its final
//! name in `DIR` in one step.

mod cell;
mod column;
mod complete;
mod csv;
mod format;
mod handlers;
mod hold;
mod ledger;
mod ledger_error;
mod name;
mod parquet;
mod part_file;
mod parts;
mod preview;
mod recover;
mod row_encoding;
mod settings;
mod table;
#[cfg(test)]
mod tests;
mod writer;

use crate::FileFormat;
pub use column::{Column, ColumnError};
pub(super) use handlers::{DryRunFiles, FilesHandlers};
pub use name::{NameError, NamePattern};
pub use settings::{Compression, ExportSettings, Series};
