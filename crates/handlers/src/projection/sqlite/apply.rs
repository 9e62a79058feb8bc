//! Applies batches: as many records as possible in one transaction, each record exactly once.

use std::ops::Range;

use kreplay_model::domain::json::Number;
use rusqlite::{
    CachedStatement, Connection,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    destination::{Destination, ValueUse},
    error_class::ClassifiedError,
    open::SqliteDatabase,
};
use crate::{
    Advice, LaneFailure,
    projection::{
        batch::{Batch, BoundRecord, BoundStatement, Value},
        store::{BatchOutcome, StatementCounts},
    },
};

/// The number of transactions that may be ended by single records (`ON CONFLICT ROLLBACK`) before each record gets its
/// own transaction.
const MAX_RESTARTS: usize = 3;

/// The maximum number of characters of a number that an error shows.
const MAX_SHOWN_DIGITS: usize = 60;

/// The part of a run that is to be applied.
struct RunSlice {
    batch: usize,
    run: usize,
    /// The indexes of its records in the batch.
    records: Range<usize>,
    /// The index of the run's first record.
    start: usize,
    /// The known failure of the record after them.
    failure: Option<LaneFailure>,
}

/// Why a transaction failed.
enum AttemptError {
    /// The target cannot be written.
    Target(ClassifiedError),
    /// An error of the record at index `at` has ended the transaction.
    TransactionEnded { slice: usize, at: usize, fault: ClassifiedError },
    /// A constraint that is checked at the commit is violated. The failing record is unknown.
    AtCommit(ClassifiedError),
}

impl From<ClassifiedError> for AttemptError {
    fn from(fault: ClassifiedError) -> Self {
        Self::Target(fault)
    }
}

impl From<rusqlite::Error> for AttemptError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Target(ClassifiedError::classify(&error))
    }
}

/// The result of a committed transaction.
#[derive(Default)]
struct AttemptResult {
    /// The failures, each with the index of its batch.
    failures: Vec<(usize, LaneFailure)>,
    executed: Vec<StatementCounts>,
    already_applied: u64,
}

/// Applies batches and returns an outcome for each. The counts of all batches are in the first outcome.
pub(super) fn apply(database: &mut SqliteDatabase, batches: &[Batch]) -> Vec<BatchOutcome> {
    let mut slices: Vec<RunSlice> = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        let runs = batch.runs.iter().enumerate();
        slices.extend(runs.map(|(run, records)| RunSlice {
            batch: at,
            run,
            records: records.clone(),
            start: records.start,
            failure: None,
        }));
    }
    let mut outcomes: Vec<BatchOutcome> = batches.iter().map(|_| BatchOutcome::default()).collect();
    for _ in 0..MAX_RESTARTS {
        match attempt(database, batches, &slices) {
            Ok(done) => {
                add_result(&mut outcomes, done);
                return outcomes;
            }
            Err(AttemptError::Target(fault)) => {
                return batches.iter().map(|batch| BatchOutcome::failed(batch, &fault.text, fault.advice)).collect();
            }
            Err(AttemptError::TransactionEnded { slice, at, fault }) => {
                let slice = &mut slices[slice];
                slice.records.end = at;
                slice.failure = Some(failure(slice.run, at - slice.start, fault));
            }
            Err(AttemptError::AtCommit(_)) => break,
        }
    }
    apply_one_by_one(database, batches, slices, &mut outcomes);
    outcomes
}

fn failure(run: usize, done: usize, fault: ClassifiedError) -> LaneFailure {
    LaneFailure { run, done, error: fault.text, advice: fault.advice }
}

fn add_result(outcomes: &mut [BatchOutcome], done: AttemptResult) {
    for (batch, failure) in done.failures {
        outcomes[batch].failures.push(failure);
    }
    if let Some(first) = outcomes.first_mut() {
        first.executed.resize(done.executed.len().max(first.executed.len()), StatementCounts::default());
        for (total, more) in first.executed.iter_mut().zip(done.executed) {
            total.executions += more.executions;
            total.rows += more.rows;
        }
        first.already_applied += done.already_applied;
    }
}

/// Applies each record in its own transaction: slow, but it finds the failing record.
fn apply_one_by_one(
    database: &mut SqliteDatabase,
    batches: &[Batch],
    slices: Vec<RunSlice>,
    outcomes: &mut [BatchOutcome],
) {
    for RunSlice { batch, run, records, start, failure: known } in slices {
        let mut failed = known;
        for at in records {
            let single_record = RunSlice { batch, run, records: at..at + 1, start, failure: None };
            let fault = match attempt(database, batches, &[single_record]) {
                Ok(done) => {
                    let stop = done.failures.first().map(|(_, failure)| failure.clone());
                    add_result(outcomes, AttemptResult { failures: Vec::new(), ..done });
                    match stop {
                        None => continue,
                        Some(failure) => {
                            failed = Some(failure);
                            break;
                        }
                    }
                }
                Err(
                    AttemptError::Target(fault)
                    | AttemptError::TransactionEnded { fault, .. }
                    | AttemptError::AtCommit(fault),
                ) => fault,
            };
            failed = Some(failure(run, at - start, fault));
            break;
        }
        outcomes[batch].failures.extend(failed);
    }
}

fn attempt(
    database: &mut SqliteDatabase,
    batches: &[Batch],
    slices: &[RunSlice],
) -> Result<AttemptResult, AttemptError> {
    database.check_file()?;
    if !database.connection.is_autocommit() {
        // A thread has panicked within a transaction.
        database.connection.execute_batch("ROLLBACK")?;
        database.partitions.iter_mut().flatten().for_each(|partition| partition.stale = true);
    }
    database.connection.prepare_cached("BEGIN IMMEDIATE")?.raw_execute()?;
    let mut new_offsets = vec![Vec::new(); database.partitions.len()];
    let result = apply_in_transaction(database, batches, slices, &mut new_offsets).and_then(|done| {
        let committed = database.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.raw_execute());
        match committed.map_err(|error| ClassifiedError::classify(&error)) {
            Ok(_) => Ok(done),
            Err(fault) if fault.is_record_error => Err(AttemptError::AtCommit(fault)),
            Err(fault) => Err(AttemptError::Target(fault)),
        }
    });
    if result.is_err() {
        if !database.connection.is_autocommit() {
            let _ = database.connection.execute_batch("ROLLBACK");
        }
        // The outcome of a failed commit is unknown, too.
        let touched = database.partitions.iter_mut().zip(&new_offsets).filter(|(_, offsets)| !offsets.is_empty());
        for partition in touched.filter_map(|(partition, _)| partition.as_mut()) {
            partition.stale = true;
        }
    }
    result
}

fn apply_in_transaction(
    database: &mut SqliteDatabase,
    batches: &[Batch],
    slices: &[RunSlice],
    new_offsets: &mut [Vec<i64>],
) -> Result<AttemptResult, AttemptError> {
    compare_tokens(database)?;
    let SqliteDatabase {
        connection,
        partitions,
        positions,
        sql,
        destinations,
        needs_savepoints,
        is_group_run,
        definition,
        ..
    } = database;
    let connection: &Connection = connection;
    let mut statements: Vec<Option<CachedStatement<'_>>> = sql.iter().map(|_| None).collect();
    let mut done = AttemptResult { executed: vec![StatementCounts::default(); sql.len()], ..AttemptResult::default() };
    for (number, slice) in slices.iter().enumerate() {
        let batch = &batches[slice.batch];
        let mut failed = slice.failure.clone();
        for at in slice.records.clone() {
            let record = &batch.records[at];
            let fail = |fault: ClassifiedError| Some(failure(slice.run, at - slice.start, fault));
            let index = record.partition as usize;
            let Some(Some(partition)) = partitions.get_mut(index) else {
                let text = "the partition was not claimed; resume the run";
                failed = fail(ClassifiedError::of_target(text, Advice::Stop));
                break;
            };
            if partition.lost {
                failed = fail(lost_error(*is_group_run));
                break;
            }
            if partition.stale {
                partition.load(connection)?;
            }
            if partition.is_applied(record.offset) {
                done.already_applied += 1;
                continue;
            }
            let use_savepoint = *needs_savepoints || record.statements.len() > 1;
            let cache = StatementCache { connection, sql, destinations, statements: &mut statements };
            if let Err((statement, error)) = execute_record(cache, batch, record, use_savepoint, &mut done) {
                let mut fault = ClassifiedError::classify(&error);
                if !fault.is_record_error {
                    return Err(AttemptError::Target(fault));
                }
                if let Some(line) =
                    definition.statements.get(statement).map(|statement| statement.line).filter(|line| *line > 0)
                {
                    fault.text = format!("{} (statement at line {line})", fault.text);
                }
                if connection.is_autocommit() {
                    return Err(AttemptError::TransactionEnded { slice: number, at, fault });
                }
                failed = fail(fault);
                break;
            }
            partition.add(record);
            if let Some(offsets) = new_offsets.get_mut(index) {
                offsets.push(record.offset);
            }
        }
        done.failures.extend(failed.map(|failure| (slice.batch, failure)));
    }
    for (index, offsets) in (0_u32..).zip(new_offsets.iter()).filter(|(_, offsets)| !offsets.is_empty()) {
        if let Some(Some(partition)) = partitions.get_mut(index as usize) {
            partition.record_applied(
                connection,
                offsets,
                positions.as_ref().map(|positions| positions.position(index)),
            )?;
        }
    }
    Ok(done)
}

/// Checks the tokens of all partitions, if another connection has written to the file since the last check.
fn compare_tokens(database: &mut SqliteDatabase) -> Result<(), AttemptError> {
    let SqliteDatabase { connection, partitions, compared_data_version, .. } = database;
    let now = connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get::<_, i64>(0))?;
    if *compared_data_version == Some(now) {
        return Ok(());
    }
    for partition in partitions.iter_mut().flatten() {
        partition.lost = !partition.is_ours(connection)?;
    }
    *compared_data_version = Some(now);
    Ok(())
}

fn lost_error(is_group_run: bool) -> ClassifiedError {
    if is_group_run {
        // The group will report the revocation soon.
        let after = Advice::After(std::time::Duration::from_secs(5));
        return ClassifiedError::of_target("another process of the group has claimed this partition", after);
    }
    let text = "another run has claimed this projection, and two runs must not write it at once; stop one of them, then \
                resume the other";
    ClassifiedError::of_target(text, Advice::Stop)
}

/// The statements of a definition, prepared on first use.
struct StatementCache<'p, 'c> {
    connection: &'c Connection,
    sql: &'p [String],
    destinations: &'p [Vec<Destination>],
    statements: &'p mut [Option<CachedStatement<'c>>],
}

/// Executes the statements of one record: all of them or none. An error has the index of its statement.
fn execute_record(
    cache: StatementCache<'_, '_>,
    batch: &Batch,
    record: &BoundRecord,
    use_savepoint: bool,
    done: &mut AttemptResult,
) -> Result<(), (usize, rusqlite::Error)> {
    let StatementCache { connection, sql, destinations, statements } = cache;
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
            bind(statement, batch, bound, &destinations[bound.index])?;
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
        done.executed[statement].executions += 1;
        done.executed[statement].rows += rows;
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

/// A number that is not a 64-bit integer, in the form that its destination stores.
fn number(text: &str, to: Destination) -> Result<ValueRef<'_>, RoundedNumberError> {
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
    destinations: &[Destination],
) -> rusqlite::Result<()> {
    for (at, value) in batch.values(bound).iter().enumerate() {
        let value = match value {
            Value::Null => ValueRef::Null,
            Value::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Number(range) => number(batch.text(range), destinations.get(at).copied().unwrap_or_default())
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?,
            Value::Text(range) | Value::Json(range) => ValueRef::Text(batch.text(range).as_bytes()),
            Value::Bytes(range) => ValueRef::Blob(batch.bytes(range)),
        };
        statement.raw_bind_parameter(at + 1, ToSqlOutput::Borrowed(value))?;
    }
    Ok(())
}
