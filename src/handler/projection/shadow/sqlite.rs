//! A rebuild in a file beside the one that is in use. It takes its place by a rename, which a file system does wholly or not
//! at all.

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

use super::{Found, Mark, Stage, goes_on};
use crate::handler::{
    HandlerError,
    projection::store::{settings_error, target_error},
};

/// The longest wait for somebody who has the file in use.
const BUSY: Duration = Duration::from_secs(5);

/// A rebuild of an SQLite file.
pub(super) struct SqliteShadow {
    live: PathBuf,
    shadow: PathBuf,
    mark: Mark,
    /// Held as long as this lives: one rebuild of a file at a time.
    _lock: File,
}

impl SqliteShadow {
    pub(super) fn begin(live: &Path, mark: Mark) -> Result<(Self, Stage), HandlerError> {
        // Through a symbolic link the file itself is meant.
        let live = fs::canonicalize(live).unwrap_or_else(|_| live.to_owned());
        let failed = |error: &dyn ToString| {
            target_error(format!("{}: a rebuild cannot begin: {}", live.display(), error.to_string()))
        };
        let lock = File::create(beside(&live, ".shadow-lock")).map_err(|error| failed(&error))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(settings_error(format!(
                "{} is being rebuilt by another process; wait for it, or end it",
                live.display()
            )));
        }
        let shadow = beside(&live, ".shadow");
        let this = Self { live: live.clone(), shadow, mark, _lock: lock };
        if look(&this.live).map_err(|error| failed(&error))? == Found::Mark(this.mark.clone()) {
            return Ok((this, Stage::InPlace));
        }
        let found = look(&this.shadow).map_err(|error| failed(&error))?;
        if !goes_on(&found, &this.mark, &this.shadow.display().to_string())? {
            this.begin_anew().map_err(|error| failed(&error))?;
        }
        Ok((this, Stage::Building))
    }

    fn begin_anew(&self) -> Result<(), Broken> {
        for end in ["-wal", "-shm", "-journal", ""] {
            remove(&beside(&self.shadow, end))?;
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

    /// Where records are applied.
    pub(super) fn path(&self, building: bool) -> PathBuf {
        if building { self.shadow.clone() } else { self.live.clone() }
    }

    /// Puts the rebuild in place. Answers what the old one is called, and how it is removed.
    pub(super) fn put_in_place(&self, keep_old: bool) -> Result<Option<(String, String)>, HandlerError> {
        let failed = |error: Broken| {
            target_error(format!(
                "the rebuild is complete and verified, and cannot be put in the place of {}: {}; then resume the run",
                self.live.display(),
                error.0
            ))
        };
        single_file(&self.shadow)
            .map_err(|_| failed(Broken(format!("{} is in use; let go of it", self.shadow.display()))))?;
        let old = beside(&self.live, &format!(".old-{}", self.mark.run_id));
        let had_old = self.exchange(&old).map_err(failed)?;
        if !had_old {
            return Ok(None);
        }
        if keep_old {
            return Ok(Some((old.display().to_string(), format!("rm {}", old.display()))));
        }
        remove(&old).map_err(|error| {
            target_error(format!("the rebuild is in place; {} cannot be removed: {error}", old.display()))
        })?;
        Ok(None)
    }

    /// The last step is the rename; before it the old file is in use, after it the new one.
    fn exchange(&self, old: &Path) -> Result<bool, Broken> {
        File::open(&self.shadow)?.sync_all()?;
        let folder = self.live.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !self.live.exists() {
            fs::rename(&self.shadow, &self.live)?;
            File::open(folder)?.sync_all()?;
            return Ok(false);
        }
        let in_use = || Broken(format!("{} is in use by another process; close it there", self.live.display()));
        // Nobody else may have it open: files that belong to a name would be mixed with the new one's.
        let connection = single_file(&self.live).map_err(|_| in_use())?;
        connection.execute_batch("BEGIN EXCLUSIVE").map_err(|_| in_use())?;
        match fs::hard_link(&self.live, old) {
            Ok(()) => {}
            // An attempt before this one had come so far.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && same(&self.live, old)? => {}
            Err(error) => {
                return Err(Broken(format!("{} cannot be kept as {}: {error}", self.live.display(), old.display())));
            }
        }
        File::open(folder)?.sync_all()?;
        fs::rename(&self.shadow, &self.live)?;
        File::open(folder)?.sync_all()?;
        drop(connection);
        Ok(true)
    }
}

/// A reason.
#[derive(Debug)]
struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// Everything in one file, without those that SQLite keeps beside it.
fn single_file(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY)?;
    let mode: String = connection.query_row("PRAGMA journal_mode=DELETE", [], |row| row.get(0))?;
    if mode == "delete" { Ok(connection) } else { Err(rusqlite::Error::InvalidQuery) }
}

/// What a file is to us.
fn look(path: &Path) -> Result<Found, Broken> {
    if !path.exists() {
        return Ok(Found::Nothing);
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY)?;
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    if count("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'kreplay_rebuild'")? == 0 {
        let tables = count("SELECT count(*) FROM sqlite_schema")?;
        return Ok(if tables == 0 { Found::Nothing } else { Found::Foreign });
    }
    let mark = connection
        .query_row("SELECT run_id, definition FROM kreplay_rebuild", [], |row| {
            Ok(Mark { run_id: row.get(0)?, definition: row.get(1)? })
        })
        .optional()?;
    Ok(mark.map_or(Found::Foreign, Found::Mark))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (fs::metadata(one)?, fs::metadata(other)?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}
