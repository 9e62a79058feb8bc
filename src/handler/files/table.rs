//! A record as a row of a file.

use std::sync::Arc;

use super::{FileFormat, cell::Cell, csv, form::Form, packed};
use crate::{
    domain::{Record, TopicPartition},
    handler::{Advice, ndjson::line},
    plan::Rules,
};

/// Why a record has no row.
#[derive(Debug)]
pub(super) struct NoRow {
    pub(super) text: String,
    pub(super) advice: Advice,
}

/// Makes rows of one form.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) form: Form,
    pub(super) rules: Arc<Rules>,
}

impl Table {
    /// What every file begins with.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        if self.form.format == FileFormat::Csv {
            csv::append(&mut head, self.form.columns.iter().map(|column| Cell::Text(column.title().into())));
        }
        head
    }

    /// Appends the row of a record; on an error `out` is as it was.
    ///
    /// # Errors
    /// A part of the record that cannot be decoded, or not be written as its column asks.
    pub(super) fn append(&self, out: &mut Vec<u8>, id: &TopicPartition, record: &Record) -> Result<(), NoRow> {
        if self.form.format == FileFormat::Ndjson {
            return line::append_decoded(out, id, &self.rules, record)
                .map_err(|error| NoRow { advice: error.advice(), text: error.to_string() });
        }
        let (before, format) = (out.len(), self.form.format);
        let examined = self.rules.examine(record);
        if let Some(error) = examined.undecodable() {
            let advice = if error.is_passing() { Advice::Retry } else { Advice::GiveUp };
            return Err(NoRow { text: error.to_string(), advice });
        }
        let cells: Result<Vec<_>, _> =
            self.form.columns.iter().map(|column| column.cell(format, id, record, &examined)).collect();
        let appended = cells.and_then(|cells| match format {
            FileFormat::Parquet => packed::append(out, cells),
            FileFormat::Csv | FileFormat::Ndjson => {
                csv::append(out, cells);
                Ok(())
            }
        });
        if appended.is_err() {
            out.truncate(before);
        }
        appended.map_err(|text| NoRow { text, advice: Advice::GiveUp })
    }
}
