//! Executes the statements of records.

use kreplay_model::domain::json::Number;
use rusqlite::{
    CachedStatement, Connection,
    types::{ToSqlOutput, ValueRef},
};

use super::parameter_use::{ParameterUse, ValueUse};
use crate::projection::{
    batch::{Batch, BoundRecord, BoundStatement, Value},
    store::StatementCounts,
};

/// The maximum number of characters of a number that an error shows.
const MAX_SHOWN_DIGITS: usize = 60;

/// The statements of a definition, prepared on first use.
pub(super) struct StatementCache<'p, 'c> {
    pub(super) connection: &'c Connection,
    pub(super) sql: &'p [String],
    pub(super) uses: &'p [Vec<ParameterUse>],
    pub(super) statements: &'p mut [Option<CachedStatement<'c>>],
}

/// Executes the statements of one record: all of them or none. An error has the index of its statement.
pub(super) fn execute_record(
    cache: StatementCache<'_, '_>,
    batch: &Batch,
    record: &BoundRecord,
    use_savepoint: bool,
    counts: &mut [StatementCounts],
) -> Result<(), (usize, rusqlite::Error)> {
    let StatementCache { connection, sql, uses, statements } = cache;
    let execute_sql = |text: &str| connection.prepare_cached(text).and_then(|mut statement| statement.raw_execute());
    let without_statement = |error| (usize::MAX, error);
    if use_savepoint {
        execute_sql("SAVEPOINT kreplay_record").map_err(without_statement)?;
    }
    let mut executed = [(0, 0); 1];
    let mut more = Vec::new();
    for (number, bound) in batch.statements_of(record).iter().enumerate() {
        let run = || -> rusqlite::Result<u64> {
            let statement = match &mut statements[bound.index] {
                Some(statement) => statement,
                none => none.insert(connection.prepare_cached(&sql[bound.index])?),
            };
            bind(statement, batch, bound, &uses[bound.index])?;
            if statement.column_count() == 0 {
                return Ok(statement.raw_execute()? as u64);
            }
            // The rows of a RETURNING clause are discarded.
            let before = connection.total_changes();
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
            Ok(connection.total_changes() - before)
        };
        match { run }() {
            Ok(rows) if number == 0 => executed[0] = (bound.index, rows),
            Ok(rows) => more.push((bound.index, rows)),
            Err(error) => {
                if use_savepoint && !connection.is_autocommit() {
                    execute_sql("ROLLBACK TO kreplay_record").map_err(without_statement)?;
                    execute_sql("RELEASE kreplay_record").map_err(without_statement)?;
                }
                return Err((bound.index, error));
            }
        }
    }
    if use_savepoint {
        execute_sql("RELEASE kreplay_record").map_err(without_statement)?;
    }
    let count = record.statements.len();
    for (statement, rows) in executed.into_iter().take(count).chain(more) {
        counts[statement].executions += 1;
        counts[statement].rows += rows;
    }
    Ok(())
}

/// A number that SQLite would round.
#[derive(Debug, thiserror::Error)]
#[error(
    "the number {0} would be rounded: SQLite stores only 64-bit integers and doubles; a column of type TEXT keeps its \
     digits"
)]
struct RoundedNumberError(String);

/// A number that is not a 64-bit integer, in the form that its target stores.
fn number(text: &str, to: ParameterUse) -> Result<ValueRef<'_>, RoundedNumberError> {
    let number = Number::parse(text);
    let as_text = ValueRef::Text(text.as_bytes());
    let rounded_error = || RoundedNumberError(text.chars().take(MAX_SHOWN_DIGITS).collect());
    // An integer may be an id, which must always be stored as text and never by chance as a double.
    let is_id = number.is_some_and(Number::is_plain_integer);
    if to.is_only(ValueUse::Text) || is_id && !to.has(ValueUse::Number) && !to.has(ValueUse::Double) {
        return Ok(as_text);
    }
    // A number in any notation may be a double or an integer: 1e3, or 9007199254740993.0.
    match (number.and_then(Number::as_exact_f64), number.and_then(Number::as_i64)) {
        (Some(double), _) => Ok(ValueRef::Real(double)),
        (None, Some(integer)) => Ok(ValueRef::Integer(integer)),
        (None, None) if to.has(ValueUse::Number) => Err(rounded_error()),
        (None, None) if to.is_only(ValueUse::Double) => {
            number.and_then(Number::as_f64).map(ValueRef::Real).ok_or_else(rounded_error)
        }
        (None, None) => Ok(as_text),
    }
}

/// Binds values to a prepared statement.
///
/// # Errors
/// An error of SQLite, or a number that would be rounded.
pub(in crate::projection) fn bind(
    statement: &mut rusqlite::Statement<'_>,
    batch: &Batch,
    bound: &BoundStatement,
    uses: &[ParameterUse],
) -> rusqlite::Result<()> {
    for (at, value) in batch.values(bound).iter().enumerate() {
        let value = match value {
            Value::Null => ValueRef::Null,
            Value::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Number(range) => number(batch.text(range), uses.get(at).copied().unwrap_or_default())
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?,
            Value::Text(range) | Value::Json(range) => ValueRef::Text(batch.text(range).as_bytes()),
            Value::Bytes(range) => ValueRef::Blob(batch.bytes(range)),
        };
        statement.raw_bind_parameter(at + 1, ToSqlOutput::Borrowed(value))?;
    }
    Ok(())
}
