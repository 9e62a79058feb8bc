//! Projections in an SQLite file.
//!
//! All workers share one connection. One thread at a time writes, for itself and for all threads that wait
//! (`group_commit`): SQLite is not faster with several writers, and many small batches share a commit.

mod apply;
mod error_class;
mod execute;
mod group_commit;
mod ledger;
mod open;
mod parameter_use;
#[cfg(test)]
mod sqlite_test;

use std::{path::Path, sync::Arc};

use parking_lot::Mutex;
use rusqlite::types::ValueRef;

pub(super) use self::{
    error_class::ClassifiedError,
    execute::bind,
    open::{check_statements, parameter_uses_of},
    parameter_use::ParameterUse,
};
use kreplay_model::domain::{Offset, OffsetSet, TopicPartition, printable};

use self::{group_commit::GroupCommit, ledger::PartitionLedger, open::SqliteDatabase};
use super::{
    batch::Batch,
    definition::Definition,
    log_identity::{LogMismatch, check_logs},
    store::{BatchOutcome, PartitionSum, ProjectionStore, RunPartition, StoreSession, target_error},
};
use crate::setup::HandlerSetup;
use crate::{Advice, HandlerError, Logs, Positions};

/// The maximum number of records of several batches in one transaction.
const MAX_TRANSACTION_RECORDS: usize = 10_000;

/// A projection in an SQLite file.
pub(super) struct SqliteStore {
    inner: Arc<SqliteStoreInner>,
    run_id: String,
}

struct SqliteStoreInner {
    database: Mutex<SqliteDatabase>,
    group_commit: GroupCommit<Batch, BatchOutcome>,
}

impl SqliteStore {
    /// Opens or creates a file. For a `rebuild` the applied records are counted and summed up.
    ///
    /// # Errors
    /// The file cannot be used, or the schema or a statement does not match its contents.
    pub(super) fn open(
        path: &Path,
        definition: &Arc<Definition>,
        context: &HandlerSetup,
        rebuild: bool,
    ) -> Result<Self, HandlerError> {
        let settings = &context.settings.projection;
        let mut database = SqliteDatabase::open(path, definition, settings, context.group.is_some())?;
        database.rebuild = rebuild;
        let inner = SqliteStoreInner {
            database: Mutex::new(database),
            group_commit: GroupCommit::new(MAX_TRANSACTION_RECORDS),
        };
        Ok(Self { inner: Arc::new(inner), run_id: context.run_id.clone() })
    }
}

impl ProjectionStore for SqliteStore {
    fn claim(&self, partitions: &[RunPartition], logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        let mut database = self.inner.database.lock();
        let token = format!("{}-{:016x}", self.run_id, rand::random::<u64>());
        let claimed = database.claim(partitions, logs, &token).map_err(|fault| {
            target_error(format!("{}: cannot claim partitions: {}", database.path().display(), fault.text))
        })?;
        let claimed = claimed.map_err(|mismatch| mismatch.to_error(&database.path().display().to_string()))?;
        let positions = claimed.iter().map(|partition| partition.contiguous_position().and_then(Offset::new)).collect();
        for (RunPartition { index, .. }, partition) in partitions.iter().zip(claimed) {
            let index = *index as usize;
            if database.partitions.len() <= index {
                database.partitions.resize_with(index + 1, || None);
            }
            database.partitions[index] = Some(partition);
        }
        Ok(positions)
    }

    fn applied(&self, partition: u32) -> OffsetSet {
        let database = self.inner.database.lock();
        let claimed = database.partitions.get(partition as usize).and_then(Option::as_ref);
        claimed.map_or_else(OffsetSet::default, |partition| partition.applied.clone())
    }

    fn session(&self) -> Box<dyn StoreSession> {
        Box::new(SqliteWriter { inner: Arc::clone(&self.inner) })
    }

    fn set_positions(&self, positions: Arc<dyn Positions>) {
        self.inner.database.lock().positions = Some(positions);
    }

    fn finish(&self) -> Result<(), HandlerError> {
        let mut database = self.inner.database.lock();
        database.finish().map_err(|fault| {
            target_error(format!("{}: cannot write the final positions: {}", database.path().display(), fault.text))
        })
    }

    fn sums(&self) -> Result<Vec<PartitionSum>, HandlerError> {
        let database = self.inner.database.lock();
        database.sums().map_err(|fault| target_error(format!("{}: {}", database.path().display(), fault.text)))
    }

    fn check(&self, query: &str, max_rows: usize) -> Result<Vec<String>, HandlerError> {
        let database = self.inner.database.lock();
        first_rows(&database.connection, query, max_rows)
            .map_err(|error| target_error(ClassifiedError::classify(&error).text))
    }

    fn close(&self) -> Result<(), HandlerError> {
        let mut database = self.inner.database.lock();
        let failed = |error| target_error(ClassifiedError::classify(&error).text);
        // Later batches go to an empty database, so they fail.
        database.connection = rusqlite::Connection::open_in_memory().map_err(failed)?;
        Ok(())
    }
}

/// The first rows of a query's result, as text.
fn first_rows(connection: &rusqlite::Connection, query: &str, max_rows: usize) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(query)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut texts = Vec::new();
    while texts.len() < max_rows
        && let Some(row) = rows.next()?
    {
        let column = |at| match row.get_ref(at)? {
            ValueRef::Null => Ok("null".into()),
            ValueRef::Integer(number) => Ok(number.to_string()),
            ValueRef::Real(number) => Ok(number.to_string()),
            ValueRef::Text(text) | ValueRef::Blob(text) => {
                Ok::<_, rusqlite::Error>(printable(&String::from_utf8_lossy(text)).into_owned())
            }
        };
        texts.push((0..columns).map(column).collect::<Result<Vec<String>, _>>()?.join(", "));
    }
    Ok(texts)
}

struct SqliteWriter {
    inner: Arc<SqliteStoreInner>,
}

impl StoreSession for SqliteWriter {
    fn apply(&mut self, batch: Batch) -> BatchOutcome {
        let (weight, runs) = (batch.records.len(), batch.runs.len());
        let work = |batches: Vec<Batch>| apply::apply(&mut self.inner.database.lock(), &batches);
        self.inner.group_commit.submit(batch, weight, work).unwrap_or_else(|| {
            BatchOutcome::failed_runs(runs, "the worker that was writing this batch panicked", Advice::Retry)
        })
    }
}

impl SqliteDatabase {
    fn claim(
        &mut self,
        partitions: &[RunPartition],
        logs: &Logs,
        token: &str,
    ) -> Result<Result<Vec<PartitionLedger>, LogMismatch>, ClassifiedError> {
        let rebuild = self.rebuild;
        self.transaction(|Self { connection, definition, .. }| {
            let projection = &definition.name;
            if let Err(mismatch) = check_logs(ledger::logs(connection, projection)?, logs) {
                return Ok(Err(mismatch));
            }
            let claim = |RunPartition { id, .. }: &RunPartition| {
                let log = logs.of(&id.topic).unwrap_or_default();
                PartitionLedger::claim(connection, projection, id, &log, token, rebuild)
            };
            partitions.iter().map(claim).collect::<Result<_, ClassifiedError>>().map(Ok)
        })
    }

    /// Writes the positions of the partitions that are still claimed, and checkpoints the WAL into the main file.
    fn finish(&mut self) -> Result<(), ClassifiedError> {
        let positions = self.positions.clone();
        self.transaction(|Self { connection, partitions, .. }| {
            for (index, partition) in (0_u32..).zip(partitions.iter_mut()) {
                let Some(partition) = partition else { continue };
                if partition.is_ours(connection)? {
                    partition.advance(connection, positions.as_ref().map(|positions| positions.position(index)))?;
                }
            }
            Ok(())
        })?;
        // A concurrent reader prevents the checkpoint; the next writer then repeats it.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(())
    }

    fn sums(&self) -> Result<Vec<PartitionSum>, ClassifiedError> {
        let mut statement = self.connection.prepare(
            "SELECT topic, partition, records, digest FROM kreplay_positions JOIN kreplay_sums ON partition_id = id
             WHERE projection = ?1",
        )?;
        let rows = statement.query_map([&self.definition.name], |row| {
            Ok(PartitionSum {
                id: TopicPartition::new(row.get::<_, String>(0)?, row.get(1)?),
                records: row.get::<_, i64>(2)?.cast_unsigned(),
                digest: row.get::<_, i64>(3)?.cast_unsigned(),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn transaction<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, ClassifiedError>,
    ) -> Result<T, ClassifiedError> {
        self.check_file()?;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let result = body(self).and_then(|value| {
            self.connection.execute_batch("COMMIT")?;
            Ok(value)
        });
        if result.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        result
    }
}
