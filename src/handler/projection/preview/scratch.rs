//! A database of the definition's schema that nobody keeps.

use std::{path::Path, sync::Arc};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{steady::Steady, watch::Changes};
use crate::domain::Record;
use crate::handler::{
    HandlerError, PreviewedEffect, Unbuilt,
    projection::{
        batch::Batch,
        definition::Definition,
        sqlite::{Destination, Fault, bind, check_statements, destinations_of},
        statement::Dialect,
        store::{settings_error, target_error},
        target::Target,
    },
};

/// After so many records SQLite may forget what it would need to go back.
const COMMIT_EVERY: u32 = 1000;

/// A database of the definition's schema that nobody keeps: in memory, and beyond what fits there in a file without a name.
/// Tables of the target that the schema does not make are there, too, without their rows.
pub(in crate::handler::projection) struct Scratch {
    connection: Connection,
    sql: Vec<String>,
    destinations: Vec<Vec<Destination>>,
    changes: Changes,
    steady: Steady,
    since_commit: u32,
}

impl Scratch {
    /// Runs the schema and prepares all statements.
    ///
    /// # Errors
    /// What of the definition is wrong.
    pub(in crate::handler::projection) fn open(
        definition: &Arc<Definition>,
        now_ms: i64,
    ) -> Result<Self, HandlerError> {
        let failed = |error: rusqlite::Error| target_error(format!("a scratch database: {}", Fault::of(&error).text));
        // An empty name is a database that SQLite deletes when it is closed.
        let connection = Connection::open("").map_err(failed)?;
        prepare(&connection).map_err(failed)?;
        let steady = Steady::install(&connection, now_ms).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(definition.statements.len() + 32);
        if let Some(schema) = &definition.schema {
            connection.execute_batch(schema).map_err(|error| {
                settings_error(format!("{}: schema: {}", definition.origin.display(), Fault::of(&error).text))
            })?;
        }
        if let Target::Sqlite(path) = &definition.target {
            // What the schema does not make may be in the target already. A target that cannot be read says so itself.
            let _ = copy_schema(path, &connection);
        }
        let sql: Vec<_> = definition.statements.iter().map(|statement| statement.text(Dialect::Sqlite)).collect();
        check_statements(&connection, definition, &sql)?;
        let destinations = destinations_of(&connection, definition, &sql).map_err(failed)?;
        let changes = Changes::install(&connection).map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        Ok(Self { connection, sql, destinations, changes, steady, since_commit: 0 })
    }

    /// Applies the one record of a batch, and appends the rows that it changes.
    ///
    /// # Errors
    /// What would fail the record, of which nothing is left then; or what is wrong with the scratch database.
    pub(super) fn apply(
        &mut self,
        record: &Record,
        batch: &Batch,
        effects: &mut Vec<PreviewedEffect>,
    ) -> Result<(), Unbuilt> {
        let Self { connection, sql, destinations, changes, steady, since_commit } = self;
        if batch.steps.is_empty() {
            return Ok(());
        }
        steady.begin(record);
        changes.forget();
        let run = |text: &str| connection.prepare_cached(text)?.raw_execute();
        let carry_out = || -> rusqlite::Result<()> {
            if connection.is_autocommit() {
                run("BEGIN")?;
            }
            run("SAVEPOINT kreplay_record")?;
            for step in &batch.steps {
                let mut statement = connection.prepare_cached(&sql[step.statement])?;
                bind(&mut statement, batch, step, &destinations[step.statement])?;
                let mut rows = statement.raw_query();
                while rows.next()?.is_some() {}
            }
            run("RELEASE kreplay_record").map(drop)
        };
        if let Err(error) = carry_out() {
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK TO kreplay_record; RELEASE kreplay_record");
            }
            return Err(unbuilt(&error));
        }
        // What the record did is done; from here on it is no fault of the record's.
        let failed = |error: rusqlite::Error| Unbuilt::Stop(in_scratch(&Fault::of(&error).text));
        changes.take(effects);
        *since_commit += 1;
        if *since_commit >= COMMIT_EVERY {
            *since_commit = 0;
            connection.execute_batch("COMMIT; BEGIN").map_err(failed)?;
        }
        Ok(())
    }
}

fn unbuilt(error: &rusqlite::Error) -> Unbuilt {
    let fault = Fault::of(error);
    if fault.of_record { Unbuilt::Record(fault.text) } else { Unbuilt::Stop(in_scratch(&fault.text)) }
}

/// SQLite puts what does not fit into memory where `SQLITE_TMPDIR` or `TMPDIR` say.
fn in_scratch(text: &str) -> String {
    format!("a scratch database (in TMPDIR, or /var/tmp): {text}")
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.pragma_update(None, "journal_mode", "memory")?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -64 * 1024)
}

/// Makes what is in a target and not in the scratch database.
fn copy_schema(path: &Path, scratch: &Connection) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let target = Connection::open_with_flags(path, flags)?;
    let query = "SELECT sql, name FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'kreplay%'
        ORDER BY type <> 'table', type <> 'index', type <> 'view', rowid";
    let mut query = target.prepare(query)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (sql, name): (String, String) = (row.get(0)?, row.get(1)?);
        let known: bool =
            scratch
                .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1)", [name], |row| row.get(0))?;
        if !known {
            scratch.execute_batch(&sql)?;
        }
    }
    Ok(())
}
