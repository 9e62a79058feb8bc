//! A file that rows are appended to, in the directory beside the complete ones.

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

/// A file that rows are appended to. It is locked while it is open: others leave it alone. While it is closed,
/// [`super::hold`] keeps it from them.
pub(super) struct Part {
    pub(super) id: i64,
    /// Its final name.
    pub(super) name: String,
    pub(super) path: PathBuf,
    file: Option<File>,
    inode: u64,
    /// The time of its last use, as [`super::parts::Parts`] counts it.
    pub(super) used: u64,
    /// What is noted of it; what may stand behind that is no part of it.
    pub(super) rows: u64,
    pub(super) bytes: u64,
    hash: Xxh3,
    /// What it holds with the batch at hand.
    next: Option<(FileNote, Xxh3)>,
    /// When its first row came.
    pub(super) since: Instant,
}

impl Part {
    pub(super) fn new(id: i64, name: String, path: PathBuf, file: File, now: Instant) -> io::Result<Self> {
        let inode = file.metadata()?.ino();
        let (file, hash) = (Some(file), Xxh3::new());
        Ok(Self { id, name, path, file, inode, used: 0, rows: 0, bytes: 0, hash, next: None, since: now })
    }

    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Closes it, and with that unlocks it.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// What it takes to open it again.
    pub(super) fn reopener(&self) -> Reopener {
        Reopener { path: self.path.clone(), inode: self.inode }
    }

    /// It is open again.
    pub(super) fn put_back(&mut self, file: File) {
        self.file = Some(file);
    }

    /// The file, if it is open.
    pub(super) fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::Error::other("it is closed"))
    }

    /// Appends, for the time being.
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
        self.next = Some((note, hash));
        Ok(note)
    }

    /// What was appended is noted.
    pub(super) fn accept(&mut self) {
        if let Some((note, hash)) = self.next.take() {
            (self.rows, self.bytes, self.hash) = (note.rows, note.bytes, hash);
        }
    }

    /// What was appended is not noted: it is cut off.
    pub(super) fn cut(&mut self) {
        self.next = None;
        // Where that fails it is overwritten by the next batch, and cut off before the file is complete.
        drop(self.file().and_then(|file| file.set_len(self.bytes)));
    }
}

fn deleted() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "it was deleted meanwhile, and with it rows that were exported")
}

/// How long a file may be locked by a process that looks whose it is, and how often that is tried.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// A file that was closed in between.
pub(super) struct Reopener {
    path: PathBuf,
    inode: u64,
}

impl Reopener {
    /// Opens and locks it again.
    pub(super) fn open(&self) -> io::Result<File> {
        let end = Instant::now() + LOCK_PATIENCE;
        loop {
            match take_over(&self.path) {
                Ok(Some(file)) if file.metadata()?.ino() == self.inode => return Ok(file),
                Ok(None) if Instant::now() < end => std::thread::sleep(LOCK_PAUSE),
                Ok(None) => return Err(io::Error::other("another process has it")),
                Ok(Some(_)) => return Err(deleted()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(deleted()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Makes a file of one's own. There may be one of that name that nobody has noted: it is emptied.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    file.set_len(0)?;
    Ok(file)
}

/// Opens and locks a file that somebody left behind; `None` where it is in use.
pub(super) fn take_over(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The hash of the first `bytes` of a file.
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
