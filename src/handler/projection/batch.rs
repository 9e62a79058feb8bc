//! Records whose statements are bound: what a database applies in one transaction.

use std::ops::Range;

use crate::domain::json::{Json, Number};

/// A value of a parameter. Texts and bytes lie in the batch that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is not a whole one of 64 bits, as it is written.
    Number(Range<usize>),
    /// UTF-8; it may hold NUL characters.
    Text(Range<usize>),
    Bytes(Range<usize>),
    /// A list or an object, as JSON text.
    Json(Range<usize>),
}

/// One statement of one record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// Which of the definition's statements.
    pub(super) statement: usize,
    /// Its values within [`Batch::values`], in the order of the statement's parameters.
    pub(super) values: Range<usize>,
}

/// What one record does. It has its place in the log whether it does anything or not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BoundRecord {
    /// Its partition, by its index within the run.
    pub(super) partition: u32,
    pub(super) offset: i64,
    /// A hash of its offset and contents: sums of these tell whether a record was lost or applied twice.
    pub(super) fingerprint: u64,
    /// Its statements within [`Batch::steps`].
    pub(super) steps: Range<usize>,
}

/// Bound records of some lanes. It owns everything, so that it can be handed to another thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Batch {
    /// The records, run by run, in their order.
    pub(super) records: Vec<BoundRecord>,
    /// The lane runs: which of the records. A run may be cut short where a record could not be bound.
    pub(super) runs: Vec<Range<usize>>,
    pub(super) steps: Vec<Step>,
    pub(super) values: Vec<Value>,
    texts: String,
    bytes: Vec<u8>,
}

impl Batch {
    /// The values of a step.
    pub(super) fn values(&self, step: &Step) -> &[Value] {
        self.values.get(step.values.clone()).unwrap_or_default()
    }

    /// The statements of a record.
    pub(super) fn steps(&self, record: &BoundRecord) -> &[Step] {
        self.steps.get(record.steps.clone()).unwrap_or_default()
    }

    /// The text of [`Value::Number`], [`Value::Text`] or [`Value::Json`].
    pub(super) fn text(&self, range: &Range<usize>) -> &str {
        self.texts.get(range.clone()).unwrap_or_default()
    }

    /// The bytes of [`Value::Bytes`].
    pub(super) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// Keeps bytes: as text where they are UTF-8.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Value {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.keep_text(text);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Value::Bytes(start..self.bytes.len())
    }

    /// Keeps a text.
    pub(super) fn keep_text(&mut self, text: &str) -> Value {
        Value::Text(self.push(text))
    }

    /// Keeps a number that is not a whole one of 64 bits.
    pub(super) fn keep_number(&mut self, number: Number<'_>) -> Value {
        Value::Number(self.push(number.text()))
    }

    /// Keeps a value of JSON as its text, without the space between its parts.
    pub(super) fn keep_json(&mut self, value: Json<'_>) -> Value {
        Value::Json(self.push(&value.compact()))
    }

    fn push(&mut self, text: &str) -> Range<usize> {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }
}
