//! The database in a directory of exported files: what is in each file that is not complete, and which records of a partition
//! are in any file.
//!
//! It is shared by all processes that export into the directory. With `synchronous = NORMAL` it survives the end of its
//! processes; a loss of power may take the last batches, and then takes them whole.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{
    form::Form,
    ledger_error::Refusal,
    written::{Written, decode, encode},
};
use crate::domain::TopicPartition;

/// How long others may hold the database.
const BUSY: Duration = Duration::from_secs(10);
/// Written into the file, so that others know what it is: "krex".
const APPLICATION: i64 = 0x6B72_6578;
/// The form of what is in it.
const FORM: i64 = 1;
/// The log that `SQLite` writes ahead is cut back to this after it was taken over.
const MOST_LOG: i64 = 16 << 20;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS file (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, form TEXT NOT NULL, run TEXT NOT NULL,
        state INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL, hash INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS partition (
        id INTEGER PRIMARY KEY, run TEXT NOT NULL, topic TEXT NOT NULL, number INTEGER NOT NULL,
        position INTEGER NOT NULL, owner INTEGER NOT NULL, UNIQUE (run, topic, number));
    CREATE TABLE IF NOT EXISTS written (partition INTEGER NOT NULL, last INTEGER NOT NULL, stretches BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS written_of ON written (partition, last);
";

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileState {
    /// Rows are appended to it.
    Open,
    /// It has all its rows, they are on the disk, and it is about to get its final name.
    Complete,
    /// It has its final name.
    Done,
}

impl FileState {
    fn number(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Complete => 1,
            Self::Done => 2,
        }
    }
}

/// A file that has not got its final name yet.
#[derive(Clone, Debug)]
pub(super) struct FileRow {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) form: String,
    pub(super) run: String,
    pub(super) state: FileState,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) hash: u64,
}

/// What a file holds after a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileNote {
    pub(super) id: i64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) hash: u64,
}

/// What a batch holds of a partition.
#[derive(Clone, Debug)]
pub(super) struct PartitionNote {
    pub(super) row: i64,
    pub(super) owner: i64,
    pub(super) stretches: Vec<(i64, i64)>,
    /// Where the run stands, if that is to be noted as well.
    pub(super) position: Option<i64>,
}

/// The database.
#[derive(Debug)]
pub(super) struct Ledger {
    db: Connection,
    sync: bool,
}

impl Ledger {
    /// Opens it, or makes it.
    pub(super) fn open(path: &Path, sync: bool) -> Result<Self, String> {
        let said = |error: rusqlite::Error| format!("{}: {error}", path.display());
        let mut db = Connection::open(path).map_err(said)?;
        db.busy_timeout(BUSY).map_err(said)?;
        db.pragma_update(None, "journal_mode", "WAL").map_err(said)?;
        db.pragma_update(None, "journal_size_limit", MOST_LOG).map_err(said)?;
        db.pragma_update(None, "synchronous", if sync { "FULL" } else { "NORMAL" }).map_err(said)?;
        let change = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
        let form: i64 = change.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(said)?;
        match form {
            0 => {
                change.execute_batch(TABLES).map_err(said)?;
                change.pragma_update(None, "application_id", APPLICATION).map_err(said)?;
                change.pragma_update(None, "user_version", FORM).map_err(said)?;
            }
            FORM => {}
            other => {
                return Err(format!(
                    "{} has form {other}, and this kreplay knows {FORM}; use the version that wrote it, or another directory",
                    path.display()
                ));
            }
        }
        change.commit().map_err(said)?;
        db.set_prepared_statement_cache_capacity(32);
        Ok(Self { db, sync })
    }

    fn change(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.db.transaction_with_behavior(TransactionBehavior::Immediate)
    }

    /// Takes a partition over: from here on batches of earlier owners are refused. Gives its row and what is in files.
    pub(super) fn claim(&mut self, run: &str, id: &TopicPartition, owner: i64) -> Result<(i64, Written), Refusal> {
        let change = self.change()?;
        change
            .prepare_cached(
                "INSERT OR IGNORE INTO partition (run, topic, number, position, owner) VALUES (?, ?, ?, 0, 0)",
            )?
            .execute(params![run, &*id.topic, id.partition.0])?;
        let (row, position): (i64, i64) = change
            .prepare_cached(
                "UPDATE partition SET owner = ? WHERE run = ? AND topic = ? AND number = ? RETURNING id, position",
            )?
            .query_row(params![owner, run, &*id.topic, id.partition.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut written = Written::below(position);
        {
            let mut statement =
                change.prepare_cached("SELECT stretches FROM written WHERE partition = ? AND last >= ?")?;
            let mut rows = statement.query(params![row, position])?;
            while let Some(row) = rows.next()? {
                let stretches = decode(row.get_ref(0)?.as_blob().unwrap_or_default()).ok_or_else(|| {
                    Refusal::stop("the notes on what is in the files are damaged; export into another directory".into())
                })?;
                for (first, end) in stretches {
                    written.insert(first, end);
                }
            }
        }
        change.commit()?;
        Ok((row, written))
    }

    /// Notes a batch: all of it or nothing.
    pub(super) fn commit(&mut self, partitions: &[PartitionNote], files: &[FileNote]) -> Result<(), Refusal> {
        let change = self.change()?;
        for note in partitions {
            let owner: Option<i64> = change
                .prepare_cached("SELECT owner FROM partition WHERE id = ?")?
                .query_row([note.row], |row| row.get(0))
                .optional()?;
            if owner != Some(note.owner) {
                return Err(Refusal::retry("another process has taken the partition over".into()));
            }
            let last = note.stretches.last().map_or(0, |(_, end)| end - 1);
            change
                .prepare_cached("INSERT INTO written (partition, last, stretches) VALUES (?, ?, ?)")?
                .execute(params![note.row, last, encode(&note.stretches)])?;
            if let Some(position) = note.position {
                advance(&change, note.row, position)?;
            }
        }
        for note in files {
            let changed = change
                .prepare_cached("UPDATE file SET rows = ?, bytes = ?, hash = ? WHERE id = ? AND state = 0")?
                .execute(params![
                    note.rows.cast_signed(),
                    note.bytes.cast_signed(),
                    note.hash.cast_signed(),
                    note.id
                ])?;
            if changed != 1 {
                return Err(Refusal::stop(
                    "a file's entry is gone; somebody else has changed the directory's database".into(),
                ));
            }
        }
        change.commit()?;
        Ok(())
    }

    /// Notes where the run stands.
    pub(super) fn advance(&mut self, positions: &[(i64, i64, i64)]) -> Result<(), Refusal> {
        let change = self.change()?;
        for (row, owner, position) in positions {
            let mine = "SELECT 1 FROM partition WHERE id = ? AND owner = ?";
            if change.prepare_cached(mine)?.exists([row, owner])? {
                advance(&change, *row, *position)?;
            }
        }
        change.commit()?;
        Ok(())
    }

    /// A new file. `make` makes it for its number; nobody else sees it before that is done.
    pub(super) fn add_file<T>(
        &mut self,
        run: &str,
        form: &Form,
        name: impl FnOnce(i64) -> String,
        make: impl FnOnce(i64) -> Result<T, Refusal>,
    ) -> Result<(i64, String, T), Refusal> {
        let change = self.change()?;
        change.execute(
            "INSERT INTO file (name, form, run, state, rows, bytes, hash) VALUES ('', ?, ?, 0, 0, 0, 0)",
            params![form.to_string(), run],
        )?;
        let id = change.last_insert_rowid();
        let name = name(id);
        change.execute("UPDATE file SET name = ? WHERE id = ?", params![name, id])?;
        let file = make(id)?;
        change.commit()?;
        Ok((id, name, file))
    }

    /// The files without their final name, oldest first.
    pub(super) fn unfinished(&self) -> Result<Vec<FileRow>, Refusal> {
        let mut statement = self.db.prepare_cached(&format!("{FILE} WHERE state < 2 ORDER BY id"))?;
        let rows = statement.query_map([], read_file)?.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(rows)
    }

    /// One file, if it is still without its final name.
    pub(super) fn file(&self, id: i64) -> Result<Option<FileRow>, Refusal> {
        let mut statement = self.db.prepare_cached(&format!("{FILE} WHERE state < 2 AND id = ?"))?;
        Ok(statement.query_row([id], read_file).optional()?)
    }

    /// Notes how far a file has come, and its name. What it says is on the disk when it returns, so that a loss of power
    /// never finds a file that the database knows less of.
    pub(super) fn set_state(&mut self, id: i64, state: FileState, name: &str) -> Result<(), Refusal> {
        self.db.pragma_update(None, "synchronous", "FULL")?;
        let done =
            self.db.execute("UPDATE file SET state = ?, name = ? WHERE id = ?", params![state.number(), name, id]);
        if !self.sync {
            self.db.pragma_update(None, "synchronous", "NORMAL")?;
        }
        done?;
        Ok(())
    }

    /// A file that is not there any more.
    pub(super) fn forget(&mut self, id: i64) -> Result<(), Refusal> {
        self.db.execute("DELETE FROM file WHERE id = ?", [id])?;
        Ok(())
    }
}

const FILE: &str = "SELECT id, name, form, run, state, rows, bytes, hash FROM file";

fn read_file(row: &rusqlite::Row<'_>) -> rusqlite::Result<FileRow> {
    let unsigned = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
    Ok(FileRow {
        id: row.get(0)?,
        name: row.get(1)?,
        form: row.get(2)?,
        run: row.get(3)?,
        state: if row.get::<_, i64>(4)? == 0 { FileState::Open } else { FileState::Complete },
        rows: unsigned(5)?,
        bytes: unsigned(6)?,
        hash: unsigned(7)?,
    })
}

fn advance(change: &Transaction<'_>, row: i64, position: i64) -> rusqlite::Result<()> {
    change
        .prepare_cached("UPDATE partition SET position = ?1 WHERE id = ?2 AND position < ?1")?
        .execute([position, row])?;
    change.prepare_cached("DELETE FROM written WHERE partition = ? AND last < ?")?.execute([row, position])?;
    Ok(())
}
