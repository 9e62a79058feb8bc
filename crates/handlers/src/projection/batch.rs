//! Batches of records with bound statements. A database applies a batch in one transaction.

use std::ops::Range;

use kreplay_model::domain::json::{Json, Number};

/// The value of a parameter. Its text and bytes are stored in the batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is not a 64-bit integer, as written in the record.
    Number(Range<usize>),
    /// UTF-8; may contain NUL characters.
    Text(Range<usize>),
    Bytes(Range<usize>),
    /// JSON text: a list, an object, or a whole value.
    Json(Range<usize>),
}

/// One statement of one record, with its values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BoundStatement {
    /// The index of the definition's statement.
    pub(super) index: usize,
    /// The range of its values in [`Batch::values`], in the order of the statement's parameters.
    pub(super) values: Range<usize>,
}

/// A record with its statements, possibly none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BoundRecord {
    /// The partition's index within the run.
    pub(super) partition: u32,
    pub(super) offset: i64,
    /// A hash of its offset and contents. Sums of fingerprints show whether a record was lost or applied twice.
    pub(super) fingerprint: u64,
    /// The range of its statements in [`Batch::statements`].
    pub(super) statements: Range<usize>,
}

/// Bound records of some lanes. It owns all data, so that it can be sent to another thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Batch {
    /// The records, run by run, in order.
    pub(super) records: Vec<BoundRecord>,
    /// The range of records of each lane run. A run ends before a record that could not be bound.
    pub(super) runs: Vec<Range<usize>>,
    pub(super) statements: Vec<BoundStatement>,
    pub(super) values: Vec<Value>,
    texts: String,
    bytes: Vec<u8>,
}

impl Batch {
    /// The values of a statement.
    pub(super) fn values(&self, bound: &BoundStatement) -> &[Value] {
        self.values.get(bound.values.clone()).unwrap_or_default()
    }

    /// The statements of a record.
    pub(super) fn statements_of(&self, record: &BoundRecord) -> &[BoundStatement] {
        self.statements.get(record.statements.clone()).unwrap_or_default()
    }

    /// The text of [`Value::Number`], [`Value::Text`] or [`Value::Json`].
    pub(super) fn text(&self, range: &Range<usize>) -> &str {
        self.texts.get(range.clone()).unwrap_or_default()
    }

    /// The bytes of [`Value::Bytes`].
    pub(super) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// Stores bytes: as text if they are UTF-8.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Value {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.keep_text(text);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Value::Bytes(start..self.bytes.len())
    }

    /// Stores a text.
    pub(super) fn keep_text(&mut self, text: &str) -> Value {
        Value::Text(self.push(text))
    }

    /// Stores a number that is not a 64-bit integer.
    pub(super) fn keep_number(&mut self, number: Number<'_>) -> Value {
        Value::Number(self.push(number.text()))
    }

    /// Stores a JSON value as compact text.
    pub(super) fn keep_json(&mut self, value: Json<'_>) -> Value {
        Value::Json(self.push(&value.compact()))
    }

    fn push(&mut self, text: &str) -> Range<usize> {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }
}
