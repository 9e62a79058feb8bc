//! A rebuild in a file beside the one that is in use. An atomic rename swaps it in.

use std::{
    fmt,
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use rustix::fs::{FlockOperation, flock};

use super::{ExistingRebuild, RebuildMark, RebuildStage, can_resume};
use crate::{
    HandlerError,
    projection::store::{settings_error, target_error},
};

/// The maximum wait for another process that uses the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A rebuild of an SQLite file.
pub(super) struct SqliteShadow {
    live: PathBuf,
    shadow: PathBuf,
    mark: RebuildMark,
    /// Held until this is dropped, so that only one process rebuilds a file at a time.
    _lock: File,
}

impl SqliteShadow {
    pub(super) fn begin(live: &Path, mark: RebuildMark) -> Result<(Self, RebuildStage), HandlerError> {
        // A symbolic link is resolved, so that the file itself is replaced.
        let live = fs::canonicalize(live).unwrap_or_else(|_| live.to_owned());
        let failed = |error: &dyn ToString| {
            target_error(format!("{}: cannot begin a rebuild: {}", live.display(), error.to_string()))
        };
        let lock = File::create(with_suffix(&live, ".shadow-lock")).map_err(|error| failed(&error))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(settings_error(format!(
                "{} is being rebuilt by another process; wait for it or stop it",
                live.display()
            )));
        }
        let shadow = with_suffix(&live, ".shadow");
        let this = Self { live: live.clone(), shadow, mark, _lock: lock };
        if inspect(&this.live).map_err(|error| failed(&error))? == ExistingRebuild::Marked(this.mark.clone()) {
            return Ok((this, RebuildStage::InPlace));
        }
        let found = inspect(&this.shadow).map_err(|error| failed(&error))?;
        if !can_resume(&found, &this.mark, &this.shadow.display().to_string())? {
            this.create_shadow().map_err(|error| failed(&error))?;
        }
        Ok((this, RebuildStage::Building))
    }

    fn create_shadow(&self) -> Result<(), ShadowError> {
        for suffix in ["-wal", "-shm", "-journal", ""] {
            remove(&with_suffix(&self.shadow, suffix))?;
        }
        let connection = Connection::open(&self.shadow)?;
        connection.execute_batch(
            "BEGIN IMMEDIATE; CREATE TABLE kreplay_rebuild (run_id TEXT NOT NULL, definition TEXT NOT NULL)",
        )?;
        connection
            .execute("INSERT INTO kreplay_rebuild VALUES (?1, ?2)", params![self.mark.run_id, self.mark.definition])?;
        connection.execute_batch("COMMIT")?;
        Ok(())
    }

    /// The file to which records are applied.
    pub(super) fn path(&self, building: bool) -> PathBuf {
        if building { self.shadow.clone() } else { self.live.clone() }
    }

    /// Swaps the rebuild in. Returns the name of the old projection, if it is kept, and the command that removes it.
    pub(super) fn put_in_place(&self, keep_old: bool) -> Result<Option<(String, String)>, HandlerError> {
        let failed = |error: ShadowError| {
            target_error(format!(
                "the rebuild is complete and verified, but cannot replace {}: {}; then resume the run",
                self.live.display(),
                error.0
            ))
        };
        single_file(&self.shadow)
            .map_err(|_| failed(ShadowError(format!("{} is in use; close it", self.shadow.display()))))?;
        let old = with_suffix(&self.live, &format!(".old-{}", self.mark.run_id));
        let had_old = self.swap(&old).map_err(failed)?;
        if !had_old {
            return Ok(None);
        }
        if keep_old {
            return Ok(Some((old.display().to_string(), format!("rm {}", old.display()))));
        }
        remove(&old).map_err(|error| {
            target_error(format!(
                "the rebuild is in place, but {} cannot be removed: {error}; remove it yourself",
                old.display()
            ))
        })?;
        Ok(None)
    }

    /// Swaps the files. The rename is the last step: before it the old file is in use, after it the new one.
    fn swap(&self, old: &Path) -> Result<bool, ShadowError> {
        File::open(&self.shadow)?.sync_all()?;
        let dir = self.live.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !self.live.exists() {
            fs::rename(&self.shadow, &self.live)?;
            File::open(dir)?.sync_all()?;
            return Ok(false);
        }
        let in_use = || ShadowError(format!("{} is in use by another process; close it there", self.live.display()));
        // No other process may have the file open: its WAL and journal files are found by name and would be mixed up
        // with those of the new file.
        let connection = single_file(&self.live).map_err(|_| in_use())?;
        connection.execute_batch("BEGIN EXCLUSIVE").map_err(|_| in_use())?;
        match fs::hard_link(&self.live, old) {
            Ok(()) => {}
            // An earlier attempt has already created the link.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && is_same_file(&self.live, old)? => {}
            Err(error) => {
                return Err(ShadowError(format!("cannot keep {} as {}: {error}", self.live.display(), old.display())));
            }
        }
        File::open(dir)?.sync_all()?;
        fs::rename(&self.shadow, &self.live)?;
        File::open(dir)?.sync_all()?;
        drop(connection);
        Ok(true)
    }
}

/// Why a step of a rebuild failed.
#[derive(Debug)]
struct ShadowError(String);

impl fmt::Display for ShadowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for ShadowError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<rusqlite::Error> for ShadowError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// Opens a database and makes it a single file, without a WAL. Fails if another process uses it.
fn single_file(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mode: String = connection.query_row("PRAGMA journal_mode=DELETE", [], |row| row.get(0))?;
    if mode == "delete" { Ok(connection) } else { Err(rusqlite::Error::InvalidQuery) }
}

/// What a file contains.
fn inspect(path: &Path) -> Result<ExistingRebuild, ShadowError> {
    if !path.exists() {
        return Ok(ExistingRebuild::Nothing);
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    if count("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'kreplay_rebuild'")? == 0 {
        let tables = count("SELECT count(*) FROM sqlite_schema")?;
        return Ok(if tables == 0 { ExistingRebuild::Nothing } else { ExistingRebuild::Foreign });
    }
    let mark = connection
        .query_row("SELECT run_id, definition FROM kreplay_rebuild", [], |row| {
            Ok(RebuildMark { run_id: row.get(0)?, definition: row.get(1)? })
        })
        .optional()?;
    Ok(mark.map_or(ExistingRebuild::Foreign, ExistingRebuild::Marked))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_same_file(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (fs::metadata(one)?, fs::metadata(other)?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}
