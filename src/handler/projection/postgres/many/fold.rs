//! Records of one key as one row.
//!
//! A row that is changed ten times in a transaction costs ten versions of it. A statement that only takes over what the record
//! says (`SET x = excluded.x` for every column) leaves what its last record says; the earlier ones need not be sent, where it
//! is certain that none of them would have failed. The built-in projection chains what it counts, which is computed here.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;

use super::{
    super::{
        super::{
            batch::{Batch, Step, Value},
            builtin,
            definition::Definition,
        },
        placeholders::Placeholders,
    },
    Element,
    array::binary,
    shape::{Conflict, Insert},
    table::{Column, Table},
};

/// The longest JSON that is looked at, in bytes; what is longer is sent.
const MAX_JSON_BYTES: usize = 16_000;
/// The most brackets in it: the server bounds the depth.
const MAX_JSON_BRACKETS: usize = 1000;
/// The most columns: the server bounds the size of a row, to which a long value adds a pointer.
const MAX_COLUMNS: usize = 100;

/// The types whose values can be judged here.
const CERTAIN: [Type; 9] =
    [Type::BOOL, Type::INT2, Type::INT4, Type::INT8, Type::TEXT, Type::VARCHAR, Type::BYTEA, Type::JSON, Type::JSONB];

/// How records of one key become one row.
pub enum Fold {
    /// The last one's row, where the earlier ones fit these columns.
    Last(Vec<Fit>),
    /// The built-in projection's, by this text: see [`builtin::CHAINED`].
    Chain(String),
}

/// What a value has to be so that it is certainly not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Which of the statement's parameters.
    parameter: usize,
    kind: Type,
    /// The most characters.
    limit: Option<usize>,
    is_never_null: bool,
}

impl Fold {
    /// How records of one key become one row of a statement; `None` where they do not.
    pub fn of(
        insert: &Insert,
        table: &Table,
        columns: &[&Column],
        placeholders: &Placeholders,
        types: &[Type],
        definition: &Definition,
    ) -> Option<Self> {
        let Conflict::Update(update) = &insert.conflict else { return None };
        let is_simple = table.has_one_unique_index && !table.numbers_rows && !table.checks_rows;
        if !is_simple || columns.len() > MAX_COLUMNS {
            return None;
        }
        if definition.is_builtin {
            return Some(Self::Chain(builtin::CHAINED.to_owned()));
        }
        let says_everything =
            columns.iter().all(|column| update.key.contains(&column.name) || update.takes_over(&column.name));
        if update.has_condition || !says_everything || update.set.len() > columns.len() {
            return None;
        }
        let mut fits = Vec::new();
        let mut seen = BTreeSet::new();
        for (value, column) in insert.values.iter().zip(columns) {
            let mut uses = Insert::uses(value);
            let Some(number) = uses.next() else { continue };
            let placeholder = placeholders.uses()[number];
            let (kind, parameter) = (types.get(placeholder)?, placeholders.parameters()[placeholder]);
            let has_limit = column.limit >= 0;
            let limit = match *kind {
                // Its length is kept with four added.
                Type::VARCHAR if has_limit => Some(usize::try_from(column.limit - 4).ok()?),
                _ if has_limit => return None,
                _ => None,
            };
            if value.len() != 1 || kind.oid() != column.kind || !CERTAIN.contains(kind) {
                return None;
            }
            // Two rows without a key are two rows.
            let is_never_null = column.is_never_null || update.key.contains(&column.name);
            if seen.insert((parameter, limit, is_never_null)) {
                fits.push(Fit { parameter, kind: kind.clone(), limit, is_never_null });
            }
        }
        Some(Self::Last(fits))
    }
}

impl Fit {
    /// What a value of a parameter has to be.
    #[cfg(test)]
    pub fn new(parameter: usize, kind: Type, limit: Option<usize>, is_never_null: bool) -> Self {
        Self { parameter, kind, limit, is_never_null }
    }

    /// Whether a value of a record is certainly taken.
    pub fn takes(&self, batch: &Batch, values: &[Value]) -> bool {
        let Some(value) = values.get(self.parameter) else { return false };
        match value {
            Value::Null => !self.is_never_null,
            Value::Json(range) if self.kind == Type::JSONB => is_plain(batch.text(range)),
            Value::Json(range) if self.kind == Type::JSON => !batch.text(range).contains("\\u"),
            Value::Text(range) if self.limit.is_some_and(|most| batch.text(range).chars().count() > most) => false,
            Value::Json(_) if self.limit.is_some() => false,
            value => binary(batch, value, &self.kind).is_some(),
        }
    }
}

/// Whether JSON is certainly taken as JSONB: no characters that its texts cannot hold, no number beyond its numbers, not deep.
fn is_plain(json: &str) -> bool {
    let bytes = json.as_bytes();
    let exponent =
        |part: &[u8]| matches!(part[0], b'e' | b'E') && part[1..].iter().all(|c| b"+-0123456789".contains(c));
    bytes.len() <= MAX_JSON_BYTES
        && !json.contains("\\u")
        && bytes.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() <= MAX_JSON_BRACKETS
        && !bytes.windows(5).any(exponent)
}

/// The arrays that the built-in projection's statement has beyond its parameters: how many records, and by how much each
/// number of records moves a chain.
pub(super) fn further_arrays() -> [Element; 2] {
    [0, 1].map(|_| Element { array: Type::INT8_ARRAY, shown: "bigint[]".into() })
}

/// A chain with one more record: its hash is the last of the built-in projection's parameters.
pub fn chained(batch: &Batch, chain: i64, step: &Step) -> i64 {
    match batch.values(step).last() {
        Some(Value::Integer(hash)) => builtin::chained(chain, *hash),
        _ => chain,
    }
}
