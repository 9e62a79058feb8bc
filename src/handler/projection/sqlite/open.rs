//! Opening an SQLite file for a projection.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    destination::{Destination, destinations},
    fault, ledger,
};
use crate::handler::{
    HandlerError, Positions,
    projection::{
        definition::Definition,
        settings::{Durability, ProjectionSettings},
        statement::{Dialect, Statement},
        store::{settings_error, target_error},
    },
};

/// The log that SQLite writes ahead is cut back to this, in bytes.
const MOST_LOG: i64 = 64 << 20;
/// Pages of 4 KiB in that log before they are taken over into the database.
const CHECKPOINT: i64 = 4000;
/// SQLite's cache of pages, in KiB (a negative number means so many KiB).
const CACHE: i64 = -32 * 1024;

/// An SQLite file with a projection in it.
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) definition: Arc<Definition>,
    /// The statements as SQLite takes them.
    pub(super) sql: Vec<String>,
    /// Where the parameters of each statement go to.
    pub(super) destinations: Vec<Vec<Destination>>,
    /// Something here may fail after it has changed some of its rows.
    pub(super) cautious: bool,
    /// What is known of the partitions, by their index within the run.
    pub(super) partitions: Vec<Option<ledger::Partition>>,
    pub(super) positions: Option<Arc<dyn Positions>>,
    /// SQLite's mark for changes by others, when the tokens were compared last.
    pub(super) compared: Option<i64>,
    /// Several processes may share the run.
    pub(super) shared: bool,
    /// What is applied is summed up, for it will be verified.
    pub(super) rebuild: bool,
    path: PathBuf,
    identity: (u64, u64),
}

impl Database {
    /// Opens a file, makes what is not there, and prepares all statements.
    pub(super) fn open(
        path: &Path,
        definition: &Arc<Definition>,
        settings: &ProjectionSettings,
        shared: bool,
    ) -> Result<Self, HandlerError> {
        let failed = |what: &str, error: &rusqlite::Error| {
            let path = path.display();
            target_error(format!("{path}: {what}: {}", fault::Fault::of(error).text))
        };
        if path == Path::new(":memory:") {
            return Err(settings_error("a projection in memory would be lost at the end; name a file: sqlite:FILE"));
        }
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|error| failed("it cannot be opened", &error))?;
        prepare(&connection, settings).map_err(|error| failed("it cannot be used", &error))?;
        if connection.is_readonly("main").unwrap_or_default() {
            return Err(target_error(format!("{} is read-only; make it writable", path.display())));
        }
        connection.set_prepared_statement_cache_capacity(definition.statements.len() + 32);
        if let Some(schema) = &definition.schema {
            run_schema(&connection, schema).map_err(|error| match fault::Fault::of(&error) {
                fault if fault.of_record => {
                    settings_error(format!("{}: schema: {}", definition.origin.display(), fault.text))
                }
                fault => target_error(format!("{}: the schema cannot be run: {}", path.display(), fault.text)),
            })?;
        }
        ledger::prepare(&connection).map_err(|error| failed("kreplay's tables cannot be made", &error))?;
        let sql = definition.statements.iter().map(|statement| statement.text(Dialect::Sqlite)).collect::<Vec<_>>();
        check_statements(&connection, definition, &sql)?;
        let destinations =
            destinations_of(&connection, definition, &sql).map_err(|error| failed("it cannot be read", &error))?;
        let identity = identity(path).map_err(|error| target_error(format!("{}: {error}", path.display())))?;
        let cautious = may_half_fail(&connection, &sql).map_err(|error| failed("it cannot be read", &error))?;
        Ok(Self {
            connection,
            definition: Arc::clone(definition),
            sql,
            destinations,
            cautious,
            partitions: Vec::new(),
            positions: None,
            compared: None,
            shared,
            rebuild: false,
            path: path.to_owned(),
            identity,
        })
    }

    /// SQLite goes on writing into a file that was deleted, and everything would be lost.
    pub(super) fn check_file(&self) -> Result<(), fault::Fault> {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            return Ok(());
        }
        let text = format!(
            "{} was deleted or replaced during the run, and what was written since is not in it; put it back and resume the \
             run, or start again",
            self.path.display()
        );
        Err(fault::Fault::of_target(text, crate::handler::Advice::Stop))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

fn prepare(connection: &Connection, settings: &ProjectionSettings) -> rusqlite::Result<()> {
    connection.busy_timeout(settings.busy_timeout)?;
    // A misspelt "name" would be a string.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = match settings.durability {
        Durability::Process => "normal",
        Durability::Power => "full",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "journal_size_limit", MOST_LOG)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    connection.pragma_update(None, "temp_store", "memory")
}

/// All of it or nothing, where it does not say itself what a transaction is.
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

/// Prepares all statements against what is in a database.
///
/// # Errors
/// What of them is wrong, with its line.
pub(in crate::handler::projection) fn check_statements(
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
            "{}: sql: a statement has to insert, update or delete; anything else belongs into schema",
            place()
        )));
    }
    match connection.prepare_cached(sql) {
        Ok(prepared) if prepared.parameter_count() == statement.parameters().len() => Ok(()),
        Ok(_) => Err(settings_error(format!("{}: sql: it has placeholders of SQLite's own", place()))),
        Err(error) => {
            let text = fault::text(&error);
            let next = if text.contains("no such") { "; is it missing in schema?" } else { "" };
            Err(settings_error(format!("{}: sql: {text}{next}", place())))
        }
    }
}

/// Where the parameters of all statements go to.
///
/// # Errors
/// What SQLite says of a statement.
pub(in crate::handler::projection) fn destinations_of(
    connection: &Connection,
    definition: &Definition,
    sql: &[String],
) -> rusqlite::Result<Vec<Vec<Destination>>> {
    let statements = definition.statements.iter().zip(sql);
    statements.map(|(statement, sql)| destinations(connection, sql, statement.parameters().len())).collect()
}

/// `OR FAIL` and `RAISE(FAIL)` leave what was changed before the error.
fn may_half_fail(connection: &Connection, sql: &[String]) -> rusqlite::Result<bool> {
    let fails = |text: &str| text.to_ascii_lowercase().contains("fail");
    let triggers: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%fail%'",
        [],
        |row| row.get(0),
    )?;
    Ok(triggers > 0 || sql.iter().any(|sql| fails(sql)))
}
