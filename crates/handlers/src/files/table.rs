//! Rows of files.

use std::sync::Arc;

use kreplay_engine::rules::Rules;
use kreplay_model::domain::{Record, TopicPartition};

use super::{FileFormat, cell::Cell, csv, format::OutputFormat, row_encoding};
use crate::{Advice, failure::decoding_advice, ndjson::line};

/// Why a record cannot be written as a row.
#[derive(Debug)]
pub(super) struct RowError {
    pub(super) text: String,
    pub(super) advice: Advice,
}

/// Builds rows of one output format.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) output: OutputFormat,
    pub(super) rules: Arc<Rules>,
}

impl Table {
    /// The beginning of every file.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        if self.output.format == FileFormat::Csv {
            csv::append(&mut head, self.output.columns.iter().map(|column| Cell::Text(column.title().into())));
        }
        head
    }

    /// Appends the row of a record. On an error `out` is unchanged.
    ///
    /// # Errors
    /// The record cannot be decoded, or a part cannot be written as its column requires.
    pub(super) fn append(&self, out: &mut Vec<u8>, id: &TopicPartition, record: &Record) -> Result<(), RowError> {
        if self.output.format == FileFormat::Ndjson {
            return line::append_decoded(out, id, &self.rules, record)
                .map_err(|error| RowError { advice: error.advice(), text: error.to_string() });
        }
        let (before, format) = (out.len(), self.output.format);
        let examined = self.rules.examine(record);
        if let Some(error) = examined.undecodable() {
            return Err(RowError { text: error.to_string(), advice: decoding_advice(error) });
        }
        let cells: Result<Vec<_>, _> =
            self.output.columns.iter().map(|column| column.cell(format, id, record, &examined)).collect();
        let appended = cells.and_then(|cells| match format {
            FileFormat::Parquet => row_encoding::append(out, cells),
            FileFormat::Csv | FileFormat::Ndjson => {
                csv::append(out, cells);
                Ok(())
            }
        });
        if appended.is_err() {
            out.truncate(before);
        }
        appended.map_err(|text| RowError { text, advice: Advice::GiveUp })
    }
}
