//! Projections in an SQLite file.
//!
//! There is one connection, and one thread at a time writes through it: for itself and for all who wait (`gathering`).
//! SQLite writes no faster with more, and this way many small batches share a commit.

mod apply;
mod destination;
mod fault;
mod gathering;
mod ledger;
mod open;
#[cfg(test)]
mod sqlite_test;

use std::{path::Path, sync::Arc};

use parking_lot::Mutex;
use rusqlite::types::ValueRef;

pub(super) use self::{
    apply::bind,
    destination::Destination,
    fault::Fault,
    open::{check_statements, destinations_of},
};
use self::{gathering::Gathering, ledger::Partition, open::Database};
use super::{
    batch::Batch,
    belonging::{Mismatch, check},
    definition::Definition,
    shadow::Sum,
    store::{Claimed, Outcome, Session, Store, target_error},
};
use crate::{
    domain::{Offset, TopicPartition},
    feed::printable,
    handler::{Advice, HandlerContext, HandlerError, Logs, Positions},
};

/// The most records of several batches in one transaction.
const MOST_RECORDS: usize = 10_000;

/// A projection in an SQLite file.
pub(super) struct SqliteStore {
    inner: Arc<Inner>,
    run_id: String,
}

struct Inner {
    database: Mutex<Database>,
    gathering: Gathering<Batch, Outcome>,
}

impl SqliteStore {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// The file cannot be used; or schema and statements do not fit to what is in it.
    pub(super) fn open(
        path: &Path,
        definition: &Arc<Definition>,
        context: &HandlerContext,
        rebuild: bool,
    ) -> Result<Self, HandlerError> {
        let settings = &context.settings.projection;
        let mut database = Database::open(path, definition, settings, context.group.is_some())?;
        database.rebuild = rebuild;
        let inner = Inner { database: Mutex::new(database), gathering: Gathering::new(MOST_RECORDS) };
        Ok(Self { inner: Arc::new(inner), run_id: context.run_id.clone() })
    }
}

impl Store for SqliteStore {
    fn claim(&self, partitions: &[Claimed], logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        let mut database = self.inner.database.lock();
        let token = format!("{}-{:016x}", self.run_id, rand::random::<u64>());
        let claimed = database.claim(partitions, logs, &token).map_err(|fault| {
            target_error(format!("{}: positions cannot be taken over: {}", database.path().display(), fault.text))
        })?;
        let claimed = claimed.map_err(|mismatch| mismatch.refusal(&database.path().display().to_string()))?;
        let stands = claimed.iter().map(|partition| partition.stands().and_then(Offset::new)).collect();
        for (Claimed { index, .. }, partition) in partitions.iter().zip(claimed) {
            let index = *index as usize;
            if database.partitions.len() <= index {
                database.partitions.resize_with(index + 1, || None);
            }
            database.partitions[index] = Some(partition);
        }
        Ok(stands)
    }

    fn session(&self) -> Box<dyn Session> {
        Box::new(Writer { inner: Arc::clone(&self.inner) })
    }

    fn watch(&self, positions: Arc<dyn Positions>) {
        self.inner.database.lock().positions = Some(positions);
    }

    fn finish(&self) -> Result<(), HandlerError> {
        let mut database = self.inner.database.lock();
        database.finish().map_err(|fault| {
            target_error(format!("{}: the last positions cannot be written: {}", database.path().display(), fault.text))
        })
    }

    fn sums(&self) -> Result<Vec<Sum>, HandlerError> {
        let database = self.inner.database.lock();
        database.sums().map_err(|fault| target_error(format!("{}: {}", database.path().display(), fault.text)))
    }

    fn check(&self, query: &str, most: usize) -> Result<Vec<String>, HandlerError> {
        let database = self.inner.database.lock();
        first_rows(&database.connection, query, most).map_err(|error| target_error(Fault::of(&error).text))
    }

    fn close(&self) -> Result<(), HandlerError> {
        let mut database = self.inner.database.lock();
        let failed = |error| target_error(Fault::of(&error).text);
        // Whatever still comes finds nothing that it could write to.
        database.connection = rusqlite::Connection::open_in_memory().map_err(failed)?;
        Ok(())
    }
}

/// The first rows of a query, as text.
fn first_rows(connection: &rusqlite::Connection, query: &str, most: usize) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(query)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut texts = Vec::new();
    while texts.len() < most
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

struct Writer {
    inner: Arc<Inner>,
}

impl Session for Writer {
    fn apply(&mut self, batch: Batch) -> Outcome {
        let (weight, runs) = (batch.records.len(), batch.runs.len());
        let work = |batches: Vec<Batch>| apply::apply(&mut self.inner.database.lock(), &batches);
        self.inner.gathering.submit(batch, weight, work).unwrap_or_else(|| {
            Outcome::failed_runs(runs, "another worker failed while it wrote this batch, too", Advice::Retry)
        })
    }
}

impl Database {
    fn claim(
        &mut self,
        partitions: &[Claimed],
        logs: &Logs,
        token: &str,
    ) -> Result<Result<Vec<Partition>, Mismatch>, Fault> {
        let rebuild = self.rebuild;
        self.transaction(|Self { connection, definition, .. }| {
            let projection = &definition.name;
            if let Err(mismatch) = check(ledger::logs(connection, projection)?, logs) {
                return Ok(Err(mismatch));
            }
            let claim = |Claimed { id, .. }: &Claimed| {
                let log = logs.of(&id.topic).unwrap_or_default();
                Partition::claim(connection, projection, id, &log, token, rebuild)
            };
            partitions.iter().map(claim).collect::<Result<_, Fault>>().map(Ok)
        })
    }

    /// Writes the positions of the partitions that are still ours, and makes one file of the database.
    fn finish(&mut self) -> Result<(), Fault> {
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
        // Where somebody reads just now, that is left for later.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(())
    }

    fn sums(&self) -> Result<Vec<Sum>, Fault> {
        let mut statement = self.connection.prepare(
            "SELECT topic, partition, records, digest FROM kreplay_positions JOIN kreplay_sums ON partition_id = id
             WHERE projection = ?1",
        )?;
        let rows = statement.query_map([&self.definition.name], |row| {
            Ok(Sum {
                id: TopicPartition::new(row.get::<_, String>(0)?, row.get(1)?),
                records: row.get::<_, i64>(2)?.cast_unsigned(),
                digest: row.get::<_, i64>(3)?.cast_unsigned(),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn transaction<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
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
