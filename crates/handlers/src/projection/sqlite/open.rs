//! Opens an SQLite file for a projection.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    error_class, ledger,
    parameter_use::{ParameterUse, parameter_uses},
};
use crate::{
    HandlerError, Positions,
    projection::{
        definition::Definition,
        settings::{Durability, ProjectionSettings},
        statement::{Dialect, Statement},
        store::{settings_error, target_error},
    },
};

/// The size to which SQLite truncates its write-ahead log, in bytes.
const MAX_WAL_BYTES: i64 = 64 << 20;
/// The number of 4 KiB pages in the write-ahead log that triggers a checkpoint.
const WAL_CHECKPOINT_PAGES: i64 = 4000;
/// The size of SQLite's page cache: a negative number is in KiB.
const CACHE_SIZE: i64 = -32 * 1024;

/// An SQLite file with a projection in it.
pub(super) struct SqliteDatabase {
    pub(super) connection: Connection,
    pub(super) definition: Arc<Definition>,
    /// The statements in SQLite's SQL.
    pub(super) sql: Vec<String>,
    /// How each statement uses its parameters.
    pub(super) uses: Vec<Vec<ParameterUse>>,
    /// Whether a statement or trigger may fail after it has changed some rows: then each record needs a savepoint.
    pub(super) needs_savepoints: bool,
    /// The claimed partitions, by their index within the run.
    pub(super) partitions: Vec<Option<ledger::PartitionLedger>>,
    pub(super) positions: Option<Arc<dyn Positions>>,
    /// SQLite's `data_version` when the tokens were last checked. It changes when another connection writes.
    pub(super) compared_data_version: Option<i64>,
    /// Whether several processes may share the run.
    pub(super) is_group_run: bool,
    /// Whether this is a rebuild: applied records are counted and summed up, to be verified.
    pub(super) rebuild: bool,
    path: PathBuf,
    identity: (u64, u64),
}

impl SqliteDatabase {
    /// Opens a file, creates the missing tables, and prepares all statements.
    pub(super) fn open(
        path: &Path,
        definition: &Arc<Definition>,
        settings: &ProjectionSettings,
        is_group_run: bool,
    ) -> Result<Self, HandlerError> {
        let failed = |what: &str, error: &rusqlite::Error| {
            let path = path.display();
            target_error(format!("{path}: {what}: {}", error_class::ClassifiedError::classify(error).text))
        };
        if path == Path::new(":memory:") {
            return Err(settings_error(
                "a projection in memory would be lost at the end of the run; name a file: sqlite:FILE",
            ));
        }
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|error| failed("cannot open the file", &error))?;
        configure(&connection, settings).map_err(|error| failed("cannot configure the database", &error))?;
        if connection.is_readonly("main").unwrap_or_default() {
            return Err(target_error(format!("{} is read-only; make it writable", path.display())));
        }
        connection.set_prepared_statement_cache_capacity(definition.statements.len() + 32);
        if let Some(schema) = &definition.schema {
            run_schema(&connection, schema).map_err(|error| match error_class::ClassifiedError::classify(&error) {
                fault if fault.is_record_error => {
                    settings_error(format!("{}: schema: {}", definition.origin.display(), fault.text))
                }
                fault => target_error(format!("{}: cannot run the schema: {}", path.display(), fault.text)),
            })?;
        }
        ledger::create_tables(&connection).map_err(|error| failed("cannot create kreplay's tables", &error))?;
        let sql = definition.statements.iter().map(|statement| statement.text(Dialect::Sqlite)).collect::<Vec<_>>();
        check_statements(&connection, definition, &sql)?;
        let uses = parameter_uses_of(&connection, definition, &sql)
            .map_err(|error| failed("cannot inspect the database", &error))?;
        let identity = identity(path).map_err(|error| target_error(format!("{}: {error}", path.display())))?;
        let needs_savepoints =
            may_fail_partially(&connection, &sql).map_err(|error| failed("cannot inspect the database", &error))?;
        Ok(Self {
            connection,
            definition: Arc::clone(definition),
            sql,
            uses,
            needs_savepoints,
            partitions: Vec::new(),
            positions: None,
            compared_data_version: None,
            is_group_run,
            rebuild: false,
            path: path.to_owned(),
            identity,
        })
    }

    /// Checks that the file still has its name: SQLite continues to write to a deleted file, and everything would be
    /// lost.
    pub(super) fn check_file(&self) -> Result<(), error_class::ClassifiedError> {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            return Ok(());
        }
        let text = format!(
            "{} was deleted or replaced during the run, and later writes are not in it; restore it and resume the run, \
             or start a new one",
            self.path.display()
        );
        Err(error_class::ClassifiedError::of_target(text, crate::Advice::Stop))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

fn configure(connection: &Connection, settings: &ProjectionSettings) -> rusqlite::Result<()> {
    connection.busy_timeout(settings.busy_timeout)?;
    // Otherwise a misspelt "name" would be a string literal.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = match settings.durability {
        Durability::Process => "normal",
        Durability::Power => "full",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "journal_size_limit", MAX_WAL_BYTES)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", CACHE_SIZE)?;
    connection.pragma_update(None, "temp_store", "memory")
}

/// Runs the schema in one transaction, unless it contains transaction statements itself.
fn run_schema(connection: &Connection, schema: &str) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let run = connection.execute_batch(schema);
    if connection.is_autocommit() {
        return run;
    }
    let ended = run.and_then(|()| connection.execute_batch("COMMIT"));
    if ended.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    ended
}

/// Prepares all statements in a database.
///
/// # Errors
/// A statement is invalid; the error has its line.
pub(in crate::projection) fn check_statements(
    connection: &Connection,
    definition: &Definition,
    sql: &[String],
) -> Result<(), HandlerError> {
    definition.statements.iter().zip(sql).try_for_each(|(statement, sql)| check(connection, definition, statement, sql))
}

fn check(
    connection: &Connection,
    definition: &Definition,
    statement: &Statement,
    sql: &str,
) -> Result<(), HandlerError> {
    let place = || match statement.line {
        0 => definition.origin.display().to_string(),
        line => format!("{}:{line}", definition.origin.display()),
    };
    if !statement.changes_rows() {
        return Err(settings_error(format!(
            "{}: sql: a statement must insert, update or delete; move anything else to schema",
            place()
        )));
    }
    match connection.prepare_cached(sql) {
        Ok(prepared) if prepared.parameter_count() == statement.parameters().len() => Ok(()),
        Ok(_) => Err(settings_error(format!(
            "{}: sql: it contains placeholders of SQLite; use named parameters such as :key",
            place()
        ))),
        Err(error) => {
            let text = error_class::message(&error);
            let next = if text.contains("no such") { "; is it missing in schema?" } else { "" };
            Err(settings_error(format!("{}: sql: {text}{next}", place())))
        }
    }
}

/// How all statements use their parameters.
///
/// # Errors
/// SQLite cannot explain a statement.
pub(in crate::projection) fn parameter_uses_of(
    connection: &Connection,
    definition: &Definition,
    sql: &[String],
) -> rusqlite::Result<Vec<Vec<ParameterUse>>> {
    let statements = definition.statements.iter().zip(sql);
    statements.map(|(statement, sql)| parameter_uses(connection, sql, statement.parameters().len())).collect()
}

/// Whether a statement may fail after it has changed some rows: `OR FAIL` and `RAISE(FAIL)` keep earlier changes.
fn may_fail_partially(connection: &Connection, sql: &[String]) -> rusqlite::Result<bool> {
    let contains_fail = |text: &str| text.to_ascii_lowercase().contains("fail");
    let triggers: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%fail%'",
        [],
        |row| row.get(0),
    )?;
    Ok(triggers > 0 || sql.iter().any(|sql| contains_fail(sql)))
}
