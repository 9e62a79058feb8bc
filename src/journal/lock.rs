//! Who works on a run: a lock that ends with its process, however that ends.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

/// Somebody who only looks holds the lock for microseconds: so often it is tried again, after so long.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(10);

/// The lock of a run, held as long as this lives.
#[derive(Debug)]
pub(super) struct RunLock {
    _file: File,
}

/// Who holds a lock.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Nobody,
    /// A process; its number as it wrote it down.
    Process(String),
}

impl RunLock {
    /// Takes the lock; `Ok(Err(holder))` where somebody else has it.
    pub(super) fn take(path: &Path) -> io::Result<Result<Self, String>> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        for _ in 0..TRIES {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    file.set_len(0)?;
                    file.seek(SeekFrom::Start(0))?;
                    file.write_all(std::process::id().to_string().as_bytes())?;
                    return Ok(Ok(Self { _file: file }));
                }
                Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(BETWEEN),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Err(process_in(&mut file)))
    }

    /// Who has the lock at present.
    pub(super) fn look(path: &Path) -> Holder {
        let Ok(mut file) = File::open(path) else { return Holder::Nobody };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::WOULDBLOCK) => Holder::Process(process_in(&mut file)),
            // A file system without locks cannot tell; then nobody is said to have it.
            _ => Holder::Nobody,
        }
    }
}

fn process_in(file: &mut File) -> String {
    let mut text = String::new();
    // What cannot be read is not known; the lock itself says enough.
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(20).read_to_string(&mut text));
    match (read, text.parse::<u32>()) {
        (Ok(_), Ok(number)) => number.to_string(),
        _ => "?".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_until_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.lock");
        assert_eq!(RunLock::look(&path), Holder::Nobody);
        let mine = RunLock::take(&path).unwrap().unwrap();
        let me = std::process::id().to_string();
        assert_eq!(RunLock::look(&path), Holder::Process(me.clone()));
        assert_eq!(RunLock::take(&path).unwrap().unwrap_err(), me);
        drop(mine);
        assert_eq!(RunLock::look(&path), Holder::Nobody);
        assert!(RunLock::take(&path).unwrap().is_ok());
    }
}
