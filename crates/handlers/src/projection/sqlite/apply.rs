//! Applies batches: as many records as possible in one transaction, each record exactly once.

use std::ops::Range;

use kreplay_engine::handler::as_commit;
use rusqlite::{CachedStatement, Connection};

use super::{
    error_class::ClassifiedError,
    execute::{StatementCache, execute_record},
    open::SqliteDatabase,
};
use crate::{
    Advice, BatchProgress, RecordIndex,
    projection::{
        batch::Batch,
        store::{BatchOutcome, StatementCounts},
    },
};

/// The number of transactions that may be ended by single records (`ON CONFLICT ROLLBACK`) before each record gets its
/// own transaction.
const MAX_RESTARTS: usize = 3;

/// The records of a run that a transaction applies.
struct RunSlice {
    batch: usize,
    run: usize,
    /// The indexes of the records in the run.
    records: Range<usize>,
}

/// Why a transaction failed.
enum AttemptError {
    /// The target cannot be written.
    Target(ClassifiedError),
    /// An error of this record of a batch has ended the transaction.
    TransactionEnded { batch: usize, at: RecordIndex, fault: ClassifiedError },
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
    /// The failed records, each with the index of its batch.
    failures: Vec<(usize, RecordIndex, ClassifiedError)>,
    executed: Vec<StatementCounts>,
    already_applied: u64,
}

/// Applies batches and returns an outcome for each. The counts of all batches are in the first outcome.
pub(super) fn apply(database: &mut SqliteDatabase, batches: &[Batch]) -> Vec<BatchOutcome> {
    let mut work = Work::new(batches);
    for _ in 0..MAX_RESTARTS {
        match attempt(database, batches, &work.slices()) {
            Ok(done) => {
                work.applied(done);
                return work.outcomes();
            }
            Err(AttemptError::Target(fault)) => {
                return batches.iter().map(|batch| BatchOutcome::failed(batch, &fault.text, fault.advice)).collect();
            }
            Err(AttemptError::TransactionEnded { batch, at, fault }) => work.progress[batch].fail(at, fault),
            Err(AttemptError::AtCommit(_)) => break,
        }
    }
    apply_one_by_one(database, batches, &mut work);
    work.outcomes()
}

/// Applies each record in its own transaction: slow, but it finds the failing record.
fn apply_one_by_one(database: &mut SqliteDatabase, batches: &[Batch], work: &mut Work) {
    for RunSlice { batch, run, records } in work.slices() {
        for index in records {
            let at = RecordIndex { run, index };
            match attempt(database, batches, &[RunSlice { batch, run, records: index..index + 1 }]) {
                Ok(done) => {
                    work.applied(done);
                    if !work.progress[batch].is_left(at) {
                        break;
                    }
                    work.progress[batch].handle_through(at);
                }
                Err(
                    AttemptError::Target(fault)
                    | AttemptError::TransactionEnded { fault, .. }
                    | AttemptError::AtCommit(fault),
                ) => {
                    work.progress[batch].fail(at, fault);
                    break;
                }
            }
        }
    }
}

/// Batches that are being applied.
struct Work {
    progress: Vec<BatchProgress>,
    executed: Vec<StatementCounts>,
    already_applied: u64,
}

impl Work {
    fn new(batches: &[Batch]) -> Self {
        let progress = |batch: &Batch| BatchProgress::of_lengths(batch.runs.iter().map(Range::len));
        Self { progress: batches.iter().map(progress).collect(), executed: Vec::new(), already_applied: 0 }
    }

    /// What is left of each run.
    fn slices(&self) -> Vec<RunSlice> {
        let batches = self.progress.iter().enumerate();
        batches
            .flat_map(|(batch, progress)| {
                progress.runs_left().map(move |(run, records)| RunSlice { batch, run, records })
            })
            .collect()
    }

    /// Adds the result of a transaction. Records that it did not fail remain to be marked as handled.
    fn applied(&mut self, done: AttemptResult) {
        for (batch, at, fault) in done.failures {
            self.progress[batch].fail(at, fault);
        }
        self.executed.resize(done.executed.len().max(self.executed.len()), StatementCounts::default());
        for (total, more) in self.executed.iter_mut().zip(done.executed) {
            total.executions += more.executions;
            total.rows += more.rows;
        }
        self.already_applied += done.already_applied;
    }

    /// The outcomes, when all records that are left are applied.
    fn outcomes(self) -> Vec<BatchOutcome> {
        let outcome = |mut progress: BatchProgress| {
            progress.handle_all();
            BatchOutcome { failures: progress.failures(), ..BatchOutcome::default() }
        };
        let mut outcomes: Vec<BatchOutcome> = self.progress.into_iter().map(outcome).collect();
        if let Some(first) = outcomes.first_mut() {
            (first.executed, first.already_applied) = (self.executed, self.already_applied);
        }
        outcomes
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
        let committed =
            as_commit(|| database.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.raw_execute()));
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
        connection, partitions, positions, sql, uses, needs_savepoints, is_group_run, definition, ..
    } = database;
    let connection: &Connection = connection;
    let mut statements: Vec<Option<CachedStatement<'_>>> = sql.iter().map(|_| None).collect();
    let mut done = AttemptResult { executed: vec![StatementCounts::default(); sql.len()], ..AttemptResult::default() };
    for slice in slices {
        let batch = &batches[slice.batch];
        let first = batch.runs[slice.run].start;
        for at in slice.records.clone() {
            let record = &batch.records[first + at];
            let at = RecordIndex { run: slice.run, index: at };
            let index = record.partition as usize;
            let Some(Some(partition)) = partitions.get_mut(index) else {
                let text = "the partition was not claimed; resume the run";
                done.failures.push((slice.batch, at, ClassifiedError::of_target(text, Advice::Stop)));
                break;
            };
            if partition.lost {
                done.failures.push((slice.batch, at, lost_error(*is_group_run)));
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
            let cache = StatementCache { connection, sql, uses, statements: &mut statements };
            if let Err((statement, error)) = execute_record(cache, batch, record, use_savepoint, &mut done.executed) {
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
                    return Err(AttemptError::TransactionEnded { batch: slice.batch, at, fault });
                }
                done.failures.push((slice.batch, at, fault));
                break;
            }
            partition.add(record);
            if let Some(offsets) = new_offsets.get_mut(index) {
                offsets.push(record.offset);
            }
        }
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
        // The group will revoke the partition soon.
        return ClassifiedError::of_target("another process of the group has claimed this partition", Advice::Fenced);
    }
    let text = "another run has claimed this projection, and two runs must not write it at once; stop one of them, then \
                resume the other";
    ClassifiedError::of_target(text, Advice::Stop)
}
