//! Keeping files from other processes while they are closed.
//!
//! A file that rows are appended to is locked while it is open, and others complete it once that lock is gone. Where more
//! files are in use than a process may have open, some are closed in between. Each of these has a note beside it with the
//! name of a lock file, which their process has locked as long as it lives.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::part;

const LOCK_PREFIX: &str = "process-";
const LOCK_SUFFIX: &str = ".lock";
/// How often a lock is tried for under another name.
const MAX_ATTEMPTS: u32 = 5;

/// The lock of a process for the files that it has closed.
pub(super) struct Hold {
    path: PathBuf,
    name: String,
    /// Locked as long as it is open.
    _file: File,
}

impl Hold {
    pub(super) fn take(work: &Path) -> io::Result<Self> {
        let mut attempts = 0..MAX_ATTEMPTS;
        loop {
            let name = format!("{LOCK_PREFIX}{:016x}{LOCK_SUFFIX}", rand::random::<u64>());
            let path = work.join(&name);
            match part::create(&path) {
                Ok(file) if is_at(&file, &path) => return Ok(Self { path, name, _file: file }),
                // Another process has taken it for one that was left behind, in the moment before it was locked.
                Ok(_) if attempts.next().is_some() => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && attempts.next().is_some() => {}
                Ok(_) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Notes that this process still has a file; to be called while the file's own lock is held.
    pub(super) fn note(&self, part: &Path) -> io::Result<()> {
        let note = note_path(part);
        if note.exists() { Ok(()) } else { fs::write(note, &self.name) }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Removes the locks of processes that have ended: one that was killed leaves its lock behind.
pub(super) fn sweep(work: &Path) {
    let Ok(entries) = fs::read_dir(work) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_lock = name.to_str().is_some_and(|name| name.starts_with(LOCK_PREFIX) && name.ends_with(LOCK_SUFFIX));
        if is_lock && let Ok(Some(_lock)) = part::take_over(&entry.path()) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Whether a path still leads to an open file.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => identity(open) == identity(there),
        _ => false,
    }
}

/// Whether a process that lives has this file, although it is not open; to be called while the file's own lock is held. The
/// note of a process that has ended is removed.
pub(super) fn is_held(part: &Path) -> io::Result<bool> {
    let note = note_path(part);
    let name = match fs::read_to_string(&note) {
        Ok(name) => name,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let lock = part.with_file_name(Path::new(name.trim()).file_name().unwrap_or_default());
    match part::take_over(&lock) {
        Ok(None) => return Ok(true),
        Ok(Some(_)) => drop(fs::remove_file(&lock)),
        // It was removed when the process ended, or is no lock file.
        Err(_) => {}
    }
    forget(part);
    Ok(false)
}

/// Removes the note of a file that is complete.
pub(super) fn forget(part: &Path) {
    drop(fs::remove_file(note_path(part)));
}

fn note_path(part: &Path) -> PathBuf {
    part.with_extension("held")
}
