//! A temporary database with the definition's schema.

use std::{path::Path, sync::Arc};

use kreplay_model::domain::Record;
use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{change_capture::ChangeCapture, deterministic_functions::DeterministicFunctions};
use crate::{
    HandlerError, PreviewError, PreviewedEffect,
    projection::{
        batch::Batch,
        definition::Definition,
        sqlite::{ClassifiedError, ParameterUse, bind, check_statements, parameter_uses_of},
        statement::Dialect,
        store::{settings_error, target_error},
        target::ProjectionTarget,
    },
};

/// The number of records per transaction. A commit lets SQLite discard its rollback data.
const RECORDS_PER_COMMIT: u32 = 1000;

/// A temporary database with the definition's schema: in memory, and in an unnamed file if it grows. It also has the
/// target's tables that the schema does not create, without their rows.
pub(in crate::projection) struct ScratchDatabase {
    connection: Connection,
    sql: Vec<String>,
    uses: Vec<Vec<ParameterUse>>,
    changes: ChangeCapture,
    functions: DeterministicFunctions,
    since_commit: u32,
}

impl ScratchDatabase {
    /// Runs the schema and prepares all statements.
    ///
    /// # Errors
    /// The definition is invalid.
    pub(in crate::projection) fn open(definition: &Arc<Definition>, now_ms: i64) -> Result<Self, HandlerError> {
        let failed = |error: rusqlite::Error| {
            target_error(format!("cannot open a scratch database: {}", ClassifiedError::classify(&error).text))
        };
        // SQLite deletes a database with an empty name when it is closed.
        let connection = Connection::open("").map_err(failed)?;
        prepare(&connection).map_err(failed)?;
        let functions = DeterministicFunctions::install(&connection, now_ms).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(definition.statements.len() + 32);
        if let Some(schema) = &definition.schema {
            connection.execute_batch(schema).map_err(|error| {
                settings_error(format!(
                    "{}: schema: {}",
                    definition.origin.display(),
                    ClassifiedError::classify(&error).text
                ))
            })?;
        }
        if let ProjectionTarget::Sqlite(path) = &definition.target {
            // The target may contain tables that the schema does not create. If it cannot be read, a missing table is
            // reported below.
            let _ = copy_schema(path, &connection);
        }
        let sql: Vec<_> = definition.statements.iter().map(|statement| statement.text(Dialect::Sqlite)).collect();
        check_statements(&connection, definition, &sql)?;
        let uses = parameter_uses_of(&connection, definition, &sql).map_err(failed)?;
        let changes = ChangeCapture::install(&connection).map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        Ok(Self { connection, sql, uses, changes, functions, since_commit: 0 })
    }

    /// Applies the only record of a batch, and appends the rows that it changes to `effects`.
    ///
    /// # Errors
    /// The record fails, and its changes are undone; or the scratch database fails.
    pub(super) fn apply(
        &mut self,
        record: &Record,
        batch: &Batch,
        effects: &mut Vec<PreviewedEffect>,
    ) -> Result<(), PreviewError> {
        let Self { connection, sql, uses, changes, functions, since_commit } = self;
        if batch.statements.is_empty() {
            return Ok(());
        }
        functions.begin(record);
        changes.discard();
        let run = |text: &str| connection.prepare_cached(text)?.raw_execute();
        let execute = || -> rusqlite::Result<()> {
            if connection.is_autocommit() {
                run("BEGIN")?;
            }
            run("SAVEPOINT kreplay_record")?;
            for bound in &batch.statements {
                let mut statement = connection.prepare_cached(&sql[bound.index])?;
                bind(&mut statement, batch, bound, &uses[bound.index])?;
                let mut rows = statement.raw_query();
                while rows.next()?.is_some() {}
            }
            run("RELEASE kreplay_record").map(drop)
        };
        if let Err(error) = execute() {
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK TO kreplay_record; RELEASE kreplay_record");
            }
            return Err(preview_error(&error));
        }
        // The record is applied, so later errors are not errors of the record.
        let failed =
            |error: rusqlite::Error| PreviewError::Stop(scratch_error(&ClassifiedError::classify(&error).text));
        changes.drain_into(effects);
        *since_commit += 1;
        if *since_commit >= RECORDS_PER_COMMIT {
            *since_commit = 0;
            connection.execute_batch("COMMIT; BEGIN").map_err(failed)?;
        }
        Ok(())
    }
}

fn preview_error(error: &rusqlite::Error) -> PreviewError {
    let classified = ClassifiedError::classify(error);
    if classified.is_record_error {
        PreviewError::Record(classified.text)
    } else {
        PreviewError::Stop(scratch_error(&classified.text))
    }
}

/// An error of the scratch database. SQLite puts what does not fit into memory into `SQLITE_TMPDIR` or `TMPDIR`.
fn scratch_error(text: &str) -> String {
    format!("the scratch database (in TMPDIR or /var/tmp) failed: {text}")
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.pragma_update(None, "journal_mode", "memory")?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -64 * 1024)
}

/// Creates the tables, indexes, views and triggers of a target that the scratch database does not have.
fn copy_schema(path: &Path, scratch: &Connection) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let target = Connection::open_with_flags(path, flags)?;
    let query = "SELECT sql, name FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'kreplay%'
        ORDER BY type <> 'table', type <> 'index', type <> 'view', rowid";
    let mut query = target.prepare(query)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (sql, name): (String, String) = (row.get(0)?, row.get(1)?);
        let exists: bool =
            scratch
                .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1)", [name], |row| row.get(0))?;
        if !exists {
            scratch.execute_batch(&sql)?;
        }
    }
    Ok(())
}
