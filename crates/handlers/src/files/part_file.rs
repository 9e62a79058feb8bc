//! A part file: a file that rows are appended to, in the directory next to the complete ones.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, flock};
use xxhash_rust::xxh3::Xxh3;

use super::ledger::FileNote;

/// A file that rows are appended to. While it is open it is locked, so that other processes leave it alone. While it is
/// closed, [`super::hold`] reserves it.
pub(super) struct PartFile {
    pub(super) id: i64,
    /// The final name.
    pub(super) name: String,
    pub(super) path: PathBuf,
    file: Option<File>,
    inode: u64,
    /// The time of its last use, as counted by [`super::parts::PartFiles`].
    pub(super) used: u64,
    /// The committed contents. Bytes after them do not count.
    pub(super) rows: u64,
    pub(super) bytes: u64,
    hash: Xxh3,
    /// The contents including the current batch, which is not committed yet.
    uncommitted: Option<(FileNote, Xxh3)>,
    /// When its first row was appended.
    pub(super) since: Instant,
}

impl PartFile {
    pub(super) fn new(id: i64, name: String, path: PathBuf, file: File, now: Instant) -> io::Result<Self> {
        let inode = file.metadata()?.ino();
        let (file, hash) = (Some(file), Xxh3::new());
        Ok(Self { id, name, path, file, inode, used: 0, rows: 0, bytes: 0, hash, uncommitted: None, since: now })
    }

    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Closes and thereby unlocks it.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// What is needed to reopen it.
    pub(super) fn reopener(&self) -> Reopener {
        Reopener { path: self.path.clone(), inode: self.inode }
    }

    /// Sets the reopened file.
    pub(super) fn reopened(&mut self, file: File) {
        self.file = Some(file);
    }

    /// The file.
    ///
    /// # Errors
    /// It is closed.
    pub(super) fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::Error::other("it is closed"))
    }

    /// Appends rows, to be committed or rolled back.
    pub(super) fn append(&mut self, pieces: [&[u8]; 2], rows: u64, sync: bool) -> io::Result<FileNote> {
        let file = self.file()?;
        if file.metadata()?.nlink() == 0 {
            return Err(deleted());
        }
        let (mut at, mut hash) = (self.bytes, self.hash.clone());
        for piece in pieces {
            file.write_all_at(piece, at)?;
            at += piece.len() as u64;
            hash.update(piece);
        }
        if sync {
            file.sync_data()?;
        }
        let note = FileNote { id: self.id, rows: self.rows + rows, bytes: at, hash: hash.digest() };
        self.uncommitted = Some((note, hash));
        Ok(note)
    }

    /// Commits the appended rows.
    pub(super) fn commit(&mut self) {
        if let Some((note, hash)) = self.uncommitted.take() {
            (self.rows, self.bytes, self.hash) = (note.rows, note.bytes, hash);
        }
    }

    /// Cuts off the appended rows.
    pub(super) fn roll_back(&mut self) {
        self.uncommitted = None;
        // If this fails, the next batch overwrites them, or they are cut off before the file is complete.
        drop(self.file().and_then(|file| file.set_len(self.bytes)));
    }
}

fn deleted() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "it was deleted, and exported rows with it")
}

/// How long another process may keep a file locked to check its owner, and the interval of attempts to lock it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// A temporarily closed file that can be reopened.
pub(super) struct Reopener {
    path: PathBuf,
    inode: u64,
}

impl Reopener {
    /// Opens and locks the file.
    pub(super) fn open(&self) -> io::Result<File> {
        let end = Instant::now() + LOCK_TIMEOUT;
        loop {
            match take_over(&self.path) {
                Ok(Some(file)) if file.metadata()?.ino() == self.inode => return Ok(file),
                Ok(None) if Instant::now() < end => std::thread::sleep(LOCK_RETRY_INTERVAL),
                Ok(None) => return Err(io::Error::other("another process is using it")),
                Ok(Some(_)) => return Err(deleted()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(deleted()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Creates and locks a file. An existing file of this name that is not in the database is truncated.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    file.set_len(0)?;
    Ok(file)
}

/// Opens and locks an abandoned file; `None` if it is in use.
pub(super) fn take_over(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The hash of the first `bytes` bytes of a file.
pub(super) fn hash_of(file: &File, bytes: u64) -> io::Result<u64> {
    let (mut hash, mut at, mut block) = (Xxh3::new(), 0, vec![0; 1 << 20]);
    while at < bytes {
        let want = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(block.len());
        let got = file.read_at(&mut block[..want], at)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&block[..got]);
        at += got as u64;
    }
    Ok(hash.digest())
}
