//! Reserves closed part files for their process.
//!
//! A part file is locked while it is open; other processes complete it once the lock is gone. If more files are in use
//! than a process may have open, some are closed temporarily. Each of these has a note next to it that names a lock
//! file, which the process keeps locked as long as it runs.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::part_file;

const LOCK_PREFIX: &str = "process-";
const LOCK_SUFFIX: &str = ".lock";
/// The maximum number of attempts to create a lock file, each with another name.
const MAX_ATTEMPTS: u32 = 5;

/// The lock of a process for the files that it has closed temporarily.
pub(super) struct ProcessLock {
    path: PathBuf,
    name: String,
    /// Locked while it is open.
    _file: File,
}

impl ProcessLock {
    pub(super) fn take(work: &Path) -> io::Result<Self> {
        let mut attempts = 0..MAX_ATTEMPTS;
        loop {
            let name = format!("{LOCK_PREFIX}{:016x}{LOCK_SUFFIX}", rand::random::<u64>());
            let path = work.join(&name);
            match part_file::create(&path) {
                Ok(file) if is_at(&file, &path) => return Ok(Self { path, name, _file: file }),
                // Another process took the new lock file for an abandoned one before it was locked.
                Ok(_) if attempts.next().is_some() => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && attempts.next().is_some() => {}
                Ok(_) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes the note that reserves a file. To be called while the file itself is locked.
    pub(super) fn note(&self, part: &Path) -> io::Result<()> {
        let note = note_path(part);
        if note.exists() { Ok(()) } else { fs::write(note, &self.name) }
    }
}

impl Drop for ProcessLock {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Removes the lock files of processes that were killed.
pub(super) fn sweep(work: &Path) {
    let Ok(entries) = fs::read_dir(work) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_lock = name.to_str().is_some_and(|name| name.starts_with(LOCK_PREFIX) && name.ends_with(LOCK_SUFFIX));
        if is_lock && let Ok(Some(_lock)) = part_file::take_over(&entry.path()) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Whether a path still refers to an open file.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => identity(open) == identity(there),
        _ => false,
    }
}

/// Whether a running process has reserved a closed file. To be called while the file itself is locked. Removes the note
/// of a process that has ended.
pub(super) fn is_held(part: &Path) -> io::Result<bool> {
    let note = note_path(part);
    let name = match fs::read_to_string(&note) {
        Ok(name) => name,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let lock = part.with_file_name(Path::new(name.trim()).file_name().unwrap_or_default());
    match part_file::take_over(&lock) {
        Ok(None) => return Ok(true),
        Ok(Some(_)) => drop(fs::remove_file(&lock)),
        // The lock file was removed when the process ended, or is not a lock file.
        Err(_) => {}
    }
    forget(part);
    Ok(false)
}

/// Removes the note of a file.
pub(super) fn forget(part: &Path) {
    drop(fs::remove_file(note_path(part)));
}

fn note_path(part: &Path) -> PathBuf {
    part.with_extension("held")
}
