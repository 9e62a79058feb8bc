//! The database of one run.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::{
    contents::{GroupEntry, GroupsChange, Head, JournalTotals, PartitionChange, PartitionState},
    encoding::{self, Row},
    repeats::Repeats,
};

/// The application id in the file, which identifies it for other programs: "krpl".
const APPLICATION_ID: i64 = 0x6B72_706C;
/// The version of the file format.
pub(super) const FORMAT_VERSION: i64 = 1;
/// How long a reader may keep the writer waiting, and vice versa.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// `SQLite` truncates its write-ahead log to this size after a checkpoint.
const MAX_WAL_BYTES: i64 = 16 << 20;
/// The page cache of `SQLite` in KiB; negative, because positive values count pages. A journal is written and rarely
/// read: the default of 2 MiB would fill up within an hour and speed up nothing.
const PAGE_CACHE_KIB: i64 = -256;

const TABLES: &str = "
    CREATE TABLE text (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE partition (idx INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE groups (seq INTEGER PRIMARY KEY, idx INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX groups_of ON groups (idx);
    CREATE TABLE repeats (idx INTEGER PRIMARY KEY, body BLOB NOT NULL);
";

/// Why a database cannot be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// Its contents are damaged. Part of a sentence.
    Damaged(String),
    /// It has another format version.
    Version(i64),
    /// The cause is not the file.
    System(String),
}

impl From<rusqlite::Error> for Unreadable {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, PermissionDenied, ReadOnly};
        match error.sqlite_error_code() {
            Some(CannotOpen | DatabaseBusy | DatabaseLocked | DiskFull | PermissionDenied | ReadOnly) => {
                Self::System(error.to_string())
            }
            _ => Self::Damaged(error.to_string()),
        }
    }
}

/// The database of one run.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
}

/// The contents of a database.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) head: Head,
    pub(super) totals: JournalTotals,
    /// In the plan's order; empty if a group or the target stores the positions.
    pub(super) partitions: Vec<(PartitionState, Vec<GroupEntry>, Repeats)>,
}

impl Store {
    /// Creates a database. There must be no file of this name.
    pub(super) fn create(path: &Path, head: &Head, totals: &JournalTotals) -> Result<Self, String> {
        // SQLite's other files get the same permissions.
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        created.map_err(|error| error.to_string())?;
        Self::fill(path, head, totals).map_err(|error| {
            // A partial journal is of no use.
            let _ = std::fs::remove_file(path);
            error.to_string()
        })
    }

    fn fill(path: &Path, head: &Head, totals: &JournalTotals) -> Result<Self, Box<dyn std::error::Error>> {
        let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        prepare(&connection)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        let transaction = connection.transaction()?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", FORMAT_VERSION)?;
        transaction.execute_batch(TABLES)?;
        put_text(&transaction, "head", &encoding::encode_json(Row::Head, head)?)?;
        put_text(&transaction, "figures", &encoding::encode_json(Row::Totals, totals)?)?;
        transaction.commit()?;
        Ok(Self { connection })
    }

    /// Opens an existing database.
    pub(super) fn open(path: &Path, write: bool) -> Result<Self, Unreadable> {
        let size = std::fs::metadata(path).map_err(|error| Unreadable::System(error.to_string()))?.len();
        if size == 0 {
            return Err(Unreadable::Damaged("the file is empty".into()));
        }
        let flags = if write { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
        let connection = Connection::open_with_flags(path, flags)?;
        if !write && needs_writer(&connection) {
            drop(connection);
            return Self::open(path, true);
        }
        prepare(&connection)?;
        let read = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        if read("application_id")? != APPLICATION_ID {
            return Err(Unreadable::Damaged("it is not the journal of a run".into()));
        }
        match read("user_version")? {
            FORMAT_VERSION => Ok(Self { connection }),
            other => Err(Unreadable::Version(other)),
        }
    }

    /// The plan and the totals.
    pub(super) fn summary(&self) -> Result<(Head, JournalTotals), Unreadable> {
        Ok((self.text("head", Row::Head)?, self.text("figures", Row::Totals)?))
    }

    /// All contents, after a check of the whole file.
    pub(super) fn content(&self) -> Result<Content, Unreadable> {
        let check_result: String = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check_result != "ok" {
            return Err(Unreadable::Damaged(check_result));
        }
        let (head, totals) = self.summary()?;
        let count = if head.keeps_positions() { head.partitions.len() } else { 0 };
        let partitions = (0..).take(count).map(|index| self.partition(&head, index)).collect::<Result<_, _>>()?;
        Ok(Content { head, totals, partitions })
    }

    fn partition(&self, head: &Head, index: u32) -> Result<(PartitionState, Vec<GroupEntry>, Repeats), Unreadable> {
        let damaged = |row: Row| Unreadable::Damaged(row.name());
        let body = self.blob("SELECT body FROM partition WHERE idx = ?1", index)?;
        let state = match body {
            Some(body) => encoding::decode_partition(index, &body).ok_or_else(|| damaged(Row::Partition(index)))?,
            // No checkpoint includes it yet.
            None => PartitionState {
                position: head.partitions.get(index as usize).map_or(0, |plan| plan.first.get()),
                ..PartitionState::default()
            },
        };
        let mut groups = std::collections::BTreeMap::new();
        let mut rows = self.connection.prepare_cached("SELECT body FROM groups WHERE idx = ?1 ORDER BY seq")?;
        let mut rows = rows.query([index])?;
        while let Some(row) = rows.next()? {
            let entries = encoding::decode_groups(index, row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            for entry in entries.ok_or_else(|| damaged(Row::Groups(index)))? {
                groups.insert(entry.group, entry);
            }
        }
        let repeats = match self.blob("SELECT body FROM repeats WHERE idx = ?1", index)? {
            Some(body) => encoding::unseal(Row::Repeats(index), &body)
                .and_then(Repeats::decode)
                .ok_or_else(|| damaged(Row::Repeats(index)))?,
            None => Repeats::default(),
        };
        Ok((state, groups.into_values().collect(), repeats))
    }

    /// Writes a checkpoint: all of it or nothing. Each change is written before the next one is requested, and the
    /// totals come last.
    pub(super) fn checkpoint(
        &mut self,
        head: Option<&Head>,
        changes: impl Iterator<Item = PartitionChange>,
        totals: impl FnOnce() -> JournalTotals,
    ) -> Result<(), String> {
        self.write(head, changes, totals).map_err(|error| error.to_string())
    }

    fn write(
        &mut self,
        head: Option<&Head>,
        changes: impl Iterator<Item = PartitionChange>,
        totals: impl FnOnce() -> JournalTotals,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let transaction = self.connection.transaction()?;
        if let Some(head) = head {
            put_text(&transaction, "head", &encoding::encode_json(Row::Head, head)?)?;
        }
        for PartitionChange { index, state, groups } in changes {
            let body = encoding::encode_partition(index, &state);
            transaction
                .prepare_cached("INSERT OR REPLACE INTO partition (idx, body) VALUES (?1, ?2)")?
                .execute(params![index, body])?;
            let entries = match groups {
                GroupsChange::All(entries) => {
                    transaction.prepare_cached("DELETE FROM groups WHERE idx = ?1")?.execute([index])?;
                    entries
                }
                GroupsChange::Some(entries) => entries,
            };
            if !entries.is_empty() {
                transaction
                    .prepare_cached("INSERT INTO groups (idx, body) VALUES (?1, ?2)")?
                    .execute(params![index, encoding::encode_groups(index, &entries)])?;
            }
        }
        put_text(&transaction, "figures", &encoding::encode_json(Row::Totals, &totals())?)?;
        Ok(transaction.commit()?)
    }

    /// Writes the plan and the repeats at the start of a new attempt.
    pub(super) fn begin_attempt<'a>(
        &mut self,
        head: &Head,
        repeats: impl Iterator<Item = &'a Repeats>,
    ) -> Result<(), String> {
        let write = || -> Result<(), Box<dyn std::error::Error>> {
            self.connection.pragma_update(None, "journal_mode", "wal")?;
            let transaction = self.connection.transaction()?;
            put_text(&transaction, "head", &encoding::encode_json(Row::Head, head)?)?;
            transaction.execute("DELETE FROM repeats", [])?;
            for (index, repeats) in (0_u32..).zip(repeats).filter(|(_, repeats)| !repeats.is_empty()) {
                let body = encoding::seal(Row::Repeats(index), repeats.encode());
                transaction.execute("INSERT INTO repeats (idx, body) VALUES (?1, ?2)", params![index, body])?;
            }
            Ok(transaction.commit()?)
        };
        write().map_err(|error| error.to_string())
    }

    /// Checkpoints the write-ahead log into the database, so that it is one file, and closes it. If another process is
    /// reading, the log stays.
    pub(super) fn close(self) {
        let _ = self.connection.pragma_update(None, "journal_mode", "delete");
    }

    fn text<T: DeserializeOwned>(&self, name: &str, row: Row) -> Result<T, Unreadable> {
        let mut query = self.connection.prepare_cached("SELECT body FROM text WHERE name = ?1")?;
        let body: Option<Vec<u8>> = query.query_row([name], |row| row.get(0)).optional()?;
        body.and_then(|body| encoding::decode_json(row, &body)).ok_or_else(|| Unreadable::Damaged(row.name()))
    }

    fn blob(&self, query: &str, index: u32) -> Result<Option<Vec<u8>>, rusqlite::Error> {
        self.connection.prepare_cached(query)?.query_row([index], |row| row.get(0)).optional()
    }
}

/// Whether only a writer can open the database: a process that was killed while it merged the write-ahead log leaves a
/// change that only a writer can roll back.
fn needs_writer(connection: &Connection) -> bool {
    let read = connection.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0));
    matches!(read, Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == rusqlite::ErrorCode::ReadOnly)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A commit survives the end of the process. A loss of power may lose the last commits, but damages nothing.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "cache_size", PAGE_CACHE_KIB)?;
    connection.pragma_update(None, "journal_size_limit", MAX_WAL_BYTES)
}

fn put_text(connection: &Connection, name: &str, body: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO text (name, body) VALUES (?1, ?2)")?
        .execute(params![name, body])
        .map(drop)
}
