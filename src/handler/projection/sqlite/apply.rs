//! Applying batches: one transaction for as much as possible, each record exactly once.

use std::ops::Range;

use rusqlite::{
    CachedStatement, Connection,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    destination::{Destination, Use},
    fault::Fault,
    open::Database,
};
use crate::domain::json::Number;
use crate::handler::{
    Advice, LaneFailure,
    projection::{
        batch::{Batch, BoundRecord, Step, Value},
        store::{Executed, Outcome},
    },
};

/// After so many transactions that single records have ended (`ON CONFLICT ROLLBACK`), each record gets its own.
const RESTARTS: usize = 3;

/// The longest part of a number that an error shows, in characters.
const MAX_SHOWN_DIGITS: usize = 60;

/// A part of a run that is to be applied.
struct Piece {
    batch: usize,
    run: usize,
    /// Its records within the batch, and where the run begins.
    records: Range<usize>,
    start: usize,
    /// What is known of the record after them.
    failure: Option<LaneFailure>,
}

/// Why a transaction came to nothing.
enum Trouble {
    /// Nothing can be written just now, or ever.
    Target(Fault),
    /// A record's error has ended the transaction: which piece, which record, and why.
    Ended { piece: usize, at: usize, fault: Fault },
    /// Something that is only checked at the end: no record is known to be at fault.
    AtEnd(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Target(fault)
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Target(Fault::of(&error))
    }
}

/// What a transaction has done.
#[derive(Default)]
struct Done {
    failures: Vec<(usize, LaneFailure)>,
    executed: Vec<Executed>,
    already_applied: u64,
}

/// Applies batches; answers for each. What was carried out is told with the first.
pub(super) fn apply(database: &mut Database, batches: &[Batch]) -> Vec<Outcome> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        let runs = batch.runs.iter().enumerate();
        pieces.extend(runs.map(|(run, records)| Piece {
            batch: at,
            run,
            records: records.clone(),
            start: records.start,
            failure: None,
        }));
    }
    let mut outcomes: Vec<Outcome> = batches.iter().map(|_| Outcome::default()).collect();
    for _ in 0..RESTARTS {
        match attempt(database, batches, &pieces) {
            Ok(done) => {
                tell(&mut outcomes, done);
                return outcomes;
            }
            Err(Trouble::Target(fault)) => {
                return batches.iter().map(|batch| Outcome::failed(batch, &fault.text, fault.advice)).collect();
            }
            Err(Trouble::Ended { piece, at, fault }) => {
                let piece = &mut pieces[piece];
                piece.records.end = at;
                piece.failure = Some(failure(piece.run, at - piece.start, fault));
            }
            Err(Trouble::AtEnd(_)) => break,
        }
    }
    singly(database, batches, pieces, &mut outcomes);
    outcomes
}

fn failure(run: usize, done: usize, fault: Fault) -> LaneFailure {
    LaneFailure { run, done, error: fault.text, advice: fault.advice }
}

fn tell(outcomes: &mut [Outcome], done: Done) {
    for (batch, failure) in done.failures {
        outcomes[batch].failures.push(failure);
    }
    if let Some(first) = outcomes.first_mut() {
        first.executed.resize(done.executed.len().max(first.executed.len()), Executed::default());
        for (sum, more) in first.executed.iter_mut().zip(done.executed) {
            sum.times += more.times;
            sum.rows += more.rows;
        }
        first.already_applied += done.already_applied;
    }
}

/// A transaction for each record: slow, but the one that is at fault shows itself.
fn singly(database: &mut Database, batches: &[Batch], pieces: Vec<Piece>, outcomes: &mut [Outcome]) {
    for Piece { batch, run, records, start, failure: known } in pieces {
        let mut failed = known;
        for at in records {
            let single = Piece { batch, run, records: at..at + 1, start, failure: None };
            let fault = match attempt(database, batches, &[single]) {
                Ok(done) => {
                    let stop = done.failures.first().map(|(_, failure)| failure.clone());
                    tell(outcomes, Done { failures: Vec::new(), ..done });
                    match stop {
                        None => continue,
                        Some(failure) => {
                            failed = Some(failure);
                            break;
                        }
                    }
                }
                Err(Trouble::Target(fault) | Trouble::Ended { fault, .. } | Trouble::AtEnd(fault)) => fault,
            };
            failed = Some(failure(run, at - start, fault));
            break;
        }
        outcomes[batch].failures.extend(failed);
    }
}

fn attempt(database: &mut Database, batches: &[Batch], pieces: &[Piece]) -> Result<Done, Trouble> {
    database.check_file()?;
    if !database.connection.is_autocommit() {
        // Whoever wrote last has panicked in the middle.
        database.connection.execute_batch("ROLLBACK")?;
        database.partitions.iter_mut().flatten().for_each(|partition| partition.stale = true);
    }
    database.connection.prepare_cached("BEGIN IMMEDIATE")?.raw_execute()?;
    let mut fresh = vec![Vec::new(); database.partitions.len()];
    let result = within(database, batches, pieces, &mut fresh).and_then(|done| {
        let committed = database.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.raw_execute());
        match committed.map_err(|error| Fault::of(&error)) {
            Ok(_) => Ok(done),
            Err(fault) if fault.of_record => Err(Trouble::AtEnd(fault)),
            Err(fault) => Err(Trouble::Target(fault)),
        }
    });
    if result.is_err() {
        if !database.connection.is_autocommit() {
            let _ = database.connection.execute_batch("ROLLBACK");
        }
        // What became of a commit that failed is not known either.
        let touched = database.partitions.iter_mut().zip(&fresh).filter(|(_, offsets)| !offsets.is_empty());
        for partition in touched.filter_map(|(partition, _)| partition.as_mut()) {
            partition.stale = true;
        }
    }
    result
}

fn within(
    database: &mut Database,
    batches: &[Batch],
    pieces: &[Piece],
    fresh: &mut [Vec<i64>],
) -> Result<Done, Trouble> {
    compare_tokens(database)?;
    let Database { connection, partitions, positions, sql, destinations, cautious, shared, definition, .. } = database;
    let connection: &Connection = connection;
    let mut statements: Vec<Option<CachedStatement<'_>>> = sql.iter().map(|_| None).collect();
    let mut done = Done { executed: vec![Executed::default(); sql.len()], ..Done::default() };
    for (number, piece) in pieces.iter().enumerate() {
        let batch = &batches[piece.batch];
        let mut failed = piece.failure.clone();
        for at in piece.records.clone() {
            let record = &batch.records[at];
            let fail = |fault: Fault| Some(failure(piece.run, at - piece.start, fault));
            let index = record.partition as usize;
            let Some(Some(partition)) = partitions.get_mut(index) else {
                let text = "the partition was not claimed; resume the run";
                failed = fail(Fault::of_target(text, Advice::Stop));
                break;
            };
            if partition.lost {
                failed = fail(lost(*shared));
                break;
            }
            if partition.stale {
                partition.load(connection)?;
            }
            if partition.has(record.offset) {
                done.already_applied += 1;
                continue;
            }
            let savepoint = *cautious || record.steps.len() > 1;
            let prepared = Prepared { connection, sql, destinations, statements: &mut statements };
            if let Err((step, error)) = carry_out(prepared, batch, record, savepoint, &mut done) {
                let mut fault = Fault::of(&error);
                if !fault.of_record {
                    return Err(Trouble::Target(fault));
                }
                if let Some(line) =
                    definition.statements.get(step).map(|statement| statement.line).filter(|line| *line > 0)
                {
                    fault.text = format!("{} (statement at line {line})", fault.text);
                }
                if connection.is_autocommit() {
                    return Err(Trouble::Ended { piece: number, at, fault });
                }
                failed = fail(fault);
                break;
            }
            partition.add(record);
            if let Some(offsets) = fresh.get_mut(index) {
                offsets.push(record.offset);
            }
        }
        done.failures.extend(failed.map(|failure| (piece.batch, failure)));
    }
    for (index, offsets) in (0_u32..).zip(fresh.iter()).filter(|(_, offsets)| !offsets.is_empty()) {
        if let Some(Some(partition)) = partitions.get_mut(index as usize) {
            partition.note(connection, offsets, positions.as_ref().map(|positions| positions.position(index)))?;
        }
    }
    Ok(done)
}

/// As long as nobody else has written to the file, the tokens in it are what they were.
fn compare_tokens(database: &mut Database) -> Result<(), Trouble> {
    let Database { connection, partitions, compared, .. } = database;
    let now = connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get::<_, i64>(0))?;
    if *compared == Some(now) {
        return Ok(());
    }
    for partition in partitions.iter_mut().flatten() {
        partition.lost = !partition.is_ours(connection)?;
    }
    *compared = Some(now);
    Ok(())
}

fn lost(shared: bool) -> Fault {
    if shared {
        // The group is about to say so.
        let after = Advice::After(std::time::Duration::from_secs(5));
        return Fault::of_target("another process of the group has taken this partition over", after);
    }
    let text = "another run has taken this projection over, and two must not write it at once; stop one of them, then resume \
                the other";
    Fault::of_target(text, Advice::Stop)
}

/// The statements of a definition, prepared as they are needed.
struct Prepared<'p, 'c> {
    connection: &'c Connection,
    sql: &'p [String],
    destinations: &'p [Vec<Destination>],
    statements: &'p mut [Option<CachedStatement<'c>>],
}

/// The statements of one record: all of them, or none.
fn carry_out(
    prepared: Prepared<'_, '_>,
    batch: &Batch,
    record: &BoundRecord,
    savepoint: bool,
    done: &mut Done,
) -> Result<(), (usize, rusqlite::Error)> {
    let Prepared { connection, sql, destinations, statements } = prepared;
    let plain = |text: &str| connection.prepare_cached(text).and_then(|mut statement| statement.raw_execute());
    let whole = |error| (usize::MAX, error);
    if savepoint {
        plain("SAVEPOINT kreplay_record").map_err(whole)?;
    }
    let mut executed = [(0, 0); 1];
    let mut more = Vec::new();
    for (number, step) in batch.steps(record).iter().enumerate() {
        let run = || -> rusqlite::Result<u64> {
            let statement = match &mut statements[step.statement] {
                Some(statement) => statement,
                none => none.insert(connection.prepare_cached(&sql[step.statement])?),
            };
            bind(statement, batch, step, &destinations[step.statement])?;
            if statement.column_count() == 0 {
                return Ok(statement.raw_execute()? as u64);
            }
            // RETURNING: the rows are of no use.
            let before = connection.total_changes();
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
            Ok(connection.total_changes() - before)
        };
        match { run }() {
            Ok(rows) if number == 0 => executed[0] = (step.statement, rows),
            Ok(rows) => more.push((step.statement, rows)),
            Err(error) => {
                if savepoint && !connection.is_autocommit() {
                    plain("ROLLBACK TO kreplay_record").map_err(whole)?;
                    plain("RELEASE kreplay_record").map_err(whole)?;
                }
                return Err((step.statement, error));
            }
        }
    }
    if savepoint {
        plain("RELEASE kreplay_record").map_err(whole)?;
    }
    let steps = record.steps.len();
    for (statement, rows) in executed.into_iter().take(steps).chain(more) {
        done.executed[statement].times += 1;
        done.executed[statement].rows += rows;
    }
    Ok(())
}

/// A number that would be rounded.
#[derive(Debug, thiserror::Error)]
#[error(
    "the number {0} is neither a whole number of 64 bits nor a double, the numbers that SQLite has, and would be rounded; a \
     column of type TEXT keeps its digits"
)]
struct Rounded(String);

/// A number that is not a whole one of 64 bits, as its destination keeps it.
fn number(text: &str, to: Destination) -> Result<ValueRef<'_>, Rounded> {
    let number = Number::parse(text);
    let digits = ValueRef::Text(text.as_bytes());
    let rounded = || Rounded(text.chars().take(MAX_SHOWN_DIGITS).collect());
    // An id that is sometimes a text and sometimes, by chance, a double would be of no use.
    let is_id = number.is_some_and(Number::is_plain_integer);
    if to.is_only(Use::Text) || is_id && !to.has(Use::Number) && !to.has(Use::Double) {
        return Ok(digits);
    }
    // However it is written it may be one: 1e3, or 9007199254740993.0.
    match (number.and_then(Number::as_exact_f64), number.and_then(Number::as_i64)) {
        (Some(double), _) => Ok(ValueRef::Real(double)),
        (None, Some(whole)) => Ok(ValueRef::Integer(whole)),
        (None, None) if to.has(Use::Number) => Err(rounded()),
        (None, None) if to.is_only(Use::Double) => {
            number.and_then(Number::as_f64).map(ValueRef::Real).ok_or_else(rounded)
        }
        (None, None) => Ok(digits),
    }
}

/// Binds the values of a step to its statement.
///
/// # Errors
/// What SQLite says; a number that would be rounded.
pub(in crate::handler::projection) fn bind(
    statement: &mut rusqlite::Statement<'_>,
    batch: &Batch,
    step: &Step,
    destinations: &[Destination],
) -> rusqlite::Result<()> {
    for (at, value) in batch.values(step).iter().enumerate() {
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
