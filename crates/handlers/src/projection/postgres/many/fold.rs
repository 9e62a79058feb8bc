//! Merges the records of one key into one row.
//!
//! A row that is updated ten times in a transaction costs ten row versions. A statement that copies every column from
//! the record (`SET x = excluded.x`) leaves the values of the last record. The earlier records need not be sent if none
//! of them could have failed. The built-in projection chains hashes and counts records; both are computed here.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;

use super::{
    super::{
        super::{
            batch::{Batch, BoundStatement, Value},
            builtin,
            definition::Definition,
        },
        placeholders::Placeholders,
    },
    ArrayParameter,
    array::to_binary,
    shape::{ConflictAction, InsertStatement},
    table::{TableColumn, TableInfo},
};

/// The maximum length of JSON that is checked, in bytes. A record with longer JSON is sent.
const MAX_JSON_BYTES: usize = 16_000;
/// The maximum number of opening brackets in JSON: the server limits the depth.
const MAX_JSON_BRACKETS: usize = 1000;
/// The maximum number of columns: the server limits the size of a row, in which a long value takes a pointer.
const MAX_COLUMNS: usize = 100;

/// The types whose values can be checked here.
const CHECKABLE_TYPES: [Type; 9] =
    [Type::BOOL, Type::INT2, Type::INT4, Type::INT8, Type::TEXT, Type::VARCHAR, Type::BYTEA, Type::JSON, Type::JSONB];

/// How the records of one key are merged into one row.
pub enum Fold {
    /// Only the last record is sent, if the earlier ones meet these constraints.
    Last(Vec<ValueConstraint>),
    /// Counts and hashes are merged, with this SQL: the built-in projection ([`builtin::MULTI_RECORD_UPSERT`]).
    Chain(String),
}

/// A constraint on a value. The server accepts every value that meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueConstraint {
    /// The index of the statement's parameter.
    parameter: usize,
    sql_type: Type,
    /// The maximum number of characters.
    max_chars: Option<usize>,
    is_never_null: bool,
}

impl Fold {
    /// How the records of one key are merged for a statement; `None` if they cannot be merged.
    pub fn of(
        insert: &InsertStatement,
        table: &TableInfo,
        columns: &[&TableColumn],
        placeholders: &Placeholders,
        types: &[Type],
        definition: &Definition,
    ) -> Option<Self> {
        let ConflictAction::Update(update) = &insert.conflict else { return None };
        let is_simple = table.has_one_unique_index && !table.numbers_rows && !table.checks_rows;
        if !is_simple || columns.len() > MAX_COLUMNS {
            return None;
        }
        if definition.is_builtin {
            return Some(Self::Chain(builtin::MULTI_RECORD_UPSERT.to_owned()));
        }
        let sets_every_column =
            columns.iter().all(|column| update.key.contains(&column.name) || update.copies_new_value(&column.name));
        if update.has_condition || !sets_every_column || update.set.len() > columns.len() {
            return None;
        }
        let mut constraints = Vec::new();
        let mut seen = BTreeSet::new();
        for (value, column) in insert.values.iter().zip(columns) {
            let mut uses = InsertStatement::uses(value);
            let Some(number) = uses.next() else { continue };
            let placeholder = placeholders.uses()[number];
            let (kind, parameter) = (types.get(placeholder)?, placeholders.parameters()[placeholder]);
            let has_modifier = column.type_modifier >= 0;
            let max_chars = match *kind {
                // The type modifier of a varchar is its length plus 4.
                Type::VARCHAR if has_modifier => Some(usize::try_from(column.type_modifier - 4).ok()?),
                _ if has_modifier => return None,
                _ => None,
            };
            if value.len() != 1 || kind.oid() != column.type_oid || !CHECKABLE_TYPES.contains(kind) {
                return None;
            }
            // Rows with a null in the key do not conflict with each other.
            let is_never_null = column.is_not_null || update.key.contains(&column.name);
            if seen.insert((parameter, max_chars, is_never_null)) {
                constraints.push(ValueConstraint { parameter, sql_type: kind.clone(), max_chars, is_never_null });
            }
        }
        Some(Self::Last(constraints))
    }
}

impl ValueConstraint {
    #[cfg(test)]
    pub fn new(parameter: usize, sql_type: Type, max_chars: Option<usize>, is_never_null: bool) -> Self {
        Self { parameter, sql_type, max_chars, is_never_null }
    }

    /// Whether the value is certain to be accepted.
    pub fn accepts(&self, batch: &Batch, values: &[Value]) -> bool {
        let Some(value) = values.get(self.parameter) else { return false };
        match value {
            Value::Null => !self.is_never_null,
            Value::Json(range) if self.sql_type == Type::JSONB => is_accepted_as_jsonb(batch.text(range)),
            Value::Json(range) if self.sql_type == Type::JSON => !batch.text(range).contains("\\u"),
            Value::Text(range) if self.max_chars.is_some_and(|max| batch.text(range).chars().count() > max) => false,
            Value::Json(_) if self.max_chars.is_some() => false,
            value => to_binary(batch, value, &self.sql_type).is_some(),
        }
    }
}

/// Whether JSON is certain to be accepted as JSONB: no escaped characters, no large exponents, and not deeply nested.
fn is_accepted_as_jsonb(json: &str) -> bool {
    let bytes = json.as_bytes();
    let exponent =
        |part: &[u8]| matches!(part[0], b'e' | b'E') && part[1..].iter().all(|c| b"+-0123456789".contains(c));
    bytes.len() <= MAX_JSON_BYTES
        && !json.contains("\\u")
        && bytes.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() <= MAX_JSON_BRACKETS
        && !bytes.windows(5).any(exponent)
}

/// The additional arrays of the built-in projection's statement: the number of records of each row, and the chain
/// factors by number of records.
pub(super) fn chain_arrays() -> [ArrayParameter; 2] {
    [0, 1].map(|_| ArrayParameter { array: Type::INT8_ARRAY, sql_name: "bigint[]".into() })
}

/// Extends a chain by a record. Its hash is the last parameter of the built-in projection.
pub fn extend_chain(batch: &Batch, chain: i64, bound: &BoundStatement) -> i64 {
    match batch.values(bound).last() {
        Some(Value::Integer(hash)) => builtin::extend_chain(chain, *hash),
        _ => chain,
    }
}
