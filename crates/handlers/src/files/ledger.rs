//! The database of an export directory: the contents of each incomplete file, and the records of each partition that
//! are in any file.
//!
//! All processes that export to the directory share it. With `synchronous = NORMAL` it survives crashes of its
//! processes; a power failure may lose the last batches, but only as a whole.

use std::{path::Path, time::Duration};

use kreplay_model::domain::{OffsetSet, TopicPartition};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{format::OutputFormat, ledger_error::ExportError};

/// How long to wait for another process's lock on the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Identifies the file as an export database: "krex".
const APPLICATION_ID: i64 = 0x6B72_6578;
/// The version of the database schema.
const SCHEMA_VERSION: i64 = 1;
/// The size to which the write-ahead log is truncated after a checkpoint.
const MAX_WAL_BYTES: i64 = 16 << 20;

const CREATE_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS file (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, form TEXT NOT NULL, run TEXT NOT NULL,
        state INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL, hash INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS partition (
        id INTEGER PRIMARY KEY, run TEXT NOT NULL, topic TEXT NOT NULL, number INTEGER NOT NULL,
        position INTEGER NOT NULL, owner INTEGER NOT NULL, UNIQUE (run, topic, number));
    CREATE TABLE IF NOT EXISTS written (partition INTEGER NOT NULL, last INTEGER NOT NULL, stretches BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS written_of ON written (partition, last);
";

/// The state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileState {
    /// Rows are appended to it.
    Open,
    /// It has all its rows, synced to disk, and is about to get its final name.
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

/// An incomplete file.
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

/// The contents of a file after a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileNote {
    pub(super) id: i64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) hash: u64,
}

/// A partition after it was claimed.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) row: i64,
    /// The exported offsets.
    pub(super) written: OffsetSet,
    /// The number of entries in which they are stored.
    pub(super) entries: u32,
}

/// The records of a partition in a batch.
#[derive(Clone, Debug)]
pub(super) struct PartitionNote {
    pub(super) row: i64,
    pub(super) owner: i64,
    pub(super) offsets: OffsetSet,
    pub(super) upkeep: Upkeep,
}

/// How the number of entries of a partition is kept small. Each batch adds one.
#[derive(Clone, Debug)]
pub(super) enum Upkeep {
    /// Nothing yet.
    NotDue,
    /// The run's position is stored, and the entries below it are removed: this run handles no offset below it again.
    /// Not in a group. There the entries outlive the run, and records below its position may be in no file: those
    /// before its start, and those that were filtered, skipped or dead-lettered.
    Advance(i64),
    /// One entry with all exported offsets replaces the others.
    Merge(OffsetSet),
}

/// All offsets below a position: they are exported, and need not be stored individually.
pub(super) fn below(position: i64) -> OffsetSet {
    [(0, position)].into_iter().collect()
}

/// The database.
#[derive(Debug)]
pub(super) struct ExportLedger {
    db: Connection,
    sync: bool,
}

impl ExportLedger {
    /// Opens or creates the database.
    pub(super) fn open(path: &Path, sync: bool) -> Result<Self, String> {
        let failed = |error: rusqlite::Error| format!("{}: {error}", path.display());
        let mut db = Connection::open(path).map_err(failed)?;
        db.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        db.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        db.pragma_update(None, "journal_size_limit", MAX_WAL_BYTES).map_err(failed)?;
        db.pragma_update(None, "synchronous", if sync { "FULL" } else { "NORMAL" }).map_err(failed)?;
        let change = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let version: i64 = change.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
        match version {
            0 => {
                change.execute_batch(CREATE_TABLES).map_err(failed)?;
                change.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
                change.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(failed)?;
            }
            SCHEMA_VERSION => {}
            other => {
                return Err(format!(
                    "{} has schema version {other}, but this kreplay supports {SCHEMA_VERSION}; use the kreplay \
                     version that wrote it, or another directory",
                    path.display()
                ));
            }
        }
        change.commit().map_err(failed)?;
        db.set_prepared_statement_cache_capacity(32);
        Ok(Self { db, sync })
    }

    fn change(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.db.transaction_with_behavior(TransactionBehavior::Immediate)
    }

    /// Claims a partition: batches of earlier owners are rejected from now on.
    pub(super) fn claim(&mut self, run: &str, id: &TopicPartition, owner: i64) -> Result<Claim, ExportError> {
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
        // Earlier versions also stored positions of groups.
        let (mut written, mut entries) = (below(position), 0);
        {
            let mut statement =
                change.prepare_cached("SELECT stretches FROM written WHERE partition = ? AND last >= ?")?;
            let mut rows = statement.query(params![row, position])?;
            while let Some(row) = rows.next()? {
                let offsets = row.get_ref(0)?.as_blob().unwrap_or_default();
                let offsets = OffsetSet::decode_uncounted(offsets).ok_or_else(|| {
                    ExportError::stop("the database of exported records is damaged; export to another directory".into())
                })?;
                written.merge(&offsets);
                entries += 1;
            }
        }
        change.commit()?;
        Ok(Claim { row, written, entries })
    }

    /// Records a batch in one transaction.
    pub(super) fn commit(&mut self, partitions: &[PartitionNote], files: &[FileNote]) -> Result<(), ExportError> {
        let change = self.change()?;
        for note in partitions {
            if !is_owner(&change, note.row, note.owner)? {
                return Err(ExportError::fenced("another process has claimed the partition".into()));
            }
            match &note.upkeep {
                Upkeep::NotDue => add(&change, note.row, &note.offsets)?,
                Upkeep::Advance(position) => {
                    add(&change, note.row, &note.offsets)?;
                    advance(&change, note.row, *position)?;
                }
                Upkeep::Merge(all) => replace(&change, note.row, all)?,
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
                return Err(ExportError::stop(
                    "a file's entry is missing; another program has changed the directory's database".into(),
                ));
            }
        }
        change.commit()?;
        Ok(())
    }

    /// Records positions of the run, as row, owner and position.
    pub(super) fn advance(&mut self, positions: &[(i64, i64, i64)]) -> Result<(), ExportError> {
        let change = self.change()?;
        for (row, owner, position) in positions {
            if is_owner(&change, *row, *owner)? {
                advance(&change, *row, *position)?;
            }
        }
        change.commit()?;
        Ok(())
    }

    /// Replaces the entries of partitions by one each, given as row, owner and all exported offsets.
    pub(super) fn merge(&mut self, partitions: &[(i64, i64, &OffsetSet)]) -> Result<(), ExportError> {
        let change = self.change()?;
        for (row, owner, all) in partitions {
            if is_owner(&change, *row, *owner)? {
                replace(&change, *row, all)?;
            }
        }
        change.commit()?;
        Ok(())
    }

    /// Adds a file. `make` creates it for its number; the entry becomes visible to others after that.
    pub(super) fn add_file<T>(
        &mut self,
        run: &str,
        form: &OutputFormat,
        name: impl FnOnce(i64) -> String,
        make: impl FnOnce(i64) -> Result<T, ExportError>,
    ) -> Result<(i64, String, T), ExportError> {
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

    /// All incomplete files, oldest first.
    pub(super) fn unfinished(&self) -> Result<Vec<FileRow>, ExportError> {
        let mut statement = self.db.prepare_cached(&format!("{SELECT_FILE} WHERE state < 2 ORDER BY id"))?;
        let rows = statement.query_map([], read_file)?.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(rows)
    }

    /// A file, if it is incomplete.
    pub(super) fn file(&self, id: i64) -> Result<Option<FileRow>, ExportError> {
        let mut statement = self.db.prepare_cached(&format!("{SELECT_FILE} WHERE state < 2 AND id = ?"))?;
        Ok(statement.query_row([id], read_file).optional()?)
    }

    /// Sets a file's state and name. They are synced to disk when it returns, so that after a power failure the
    /// database is never behind the file.
    pub(super) fn set_state(&mut self, id: i64, state: FileState, name: &str) -> Result<(), ExportError> {
        self.db.pragma_update(None, "synchronous", "FULL")?;
        let done =
            self.db.execute("UPDATE file SET state = ?, name = ? WHERE id = ?", params![state.number(), name, id]);
        if !self.sync {
            self.db.pragma_update(None, "synchronous", "NORMAL")?;
        }
        done?;
        Ok(())
    }

    /// Removes the entry of a file that no longer exists.
    pub(super) fn forget(&mut self, id: i64) -> Result<(), ExportError> {
        self.db.execute("DELETE FROM file WHERE id = ?", [id])?;
        Ok(())
    }
}

const SELECT_FILE: &str = "SELECT id, name, form, run, state, rows, bytes, hash FROM file";

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

fn is_owner(change: &Transaction<'_>, row: i64, owner: i64) -> rusqlite::Result<bool> {
    change.prepare_cached("SELECT 1 FROM partition WHERE id = ? AND owner = ?")?.exists([row, owner])
}

/// Adds an entry.
fn add(change: &Transaction<'_>, row: i64, offsets: &OffsetSet) -> rusqlite::Result<()> {
    let (last, stretches) = (offsets.end().map_or(0, |end| end - 1), offsets.encode_uncounted());
    let mut statement = change.prepare_cached("INSERT INTO written (partition, last, stretches) VALUES (?, ?, ?)")?;
    statement.execute(params![row, last, stretches])?;
    Ok(())
}

/// Replaces all entries by one.
fn replace(change: &Transaction<'_>, row: i64, all: &OffsetSet) -> rusqlite::Result<()> {
    change.prepare_cached("DELETE FROM written WHERE partition = ?")?.execute([row])?;
    add(change, row, all)
}

fn advance(change: &Transaction<'_>, row: i64, position: i64) -> rusqlite::Result<()> {
    change
        .prepare_cached("UPDATE partition SET position = ?1 WHERE id = ?2 AND position < ?1")?
        .execute([position, row])?;
    change.prepare_cached("DELETE FROM written WHERE partition = ? AND last < ?")?.execute([row, position])?;
    Ok(())
}
