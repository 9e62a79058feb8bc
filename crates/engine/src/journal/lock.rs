//! The lock of a run. It ends with its process, however the process ends.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

/// A process that only checks the lock holds it for microseconds. Taking it is tried this many times, with this delay.
const MAX_ATTEMPTS: u32 = 20;
const RETRY_DELAY: Duration = Duration::from_millis(10);

/// The lock of a run, held until this is dropped.
#[derive(Debug)]
pub(super) struct RunLock {
    _file: File,
}

/// The holder of a lock.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Free,
    /// A process, by the id it wrote into the file.
    Process(String),
}

impl RunLock {
    /// Takes the lock. Returns `Ok(Err(process))` if another process holds it.
    pub(super) fn take(path: &Path) -> io::Result<Result<Self, String>> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        for _ in 0..MAX_ATTEMPTS {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    file.set_len(0)?;
                    file.seek(SeekFrom::Start(0))?;
                    file.write_all(std::process::id().to_string().as_bytes())?;
                    return Ok(Ok(Self { _file: file }));
                }
                Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(RETRY_DELAY),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Err(read_process_id(&mut file)))
    }

    /// The current holder of the lock.
    pub(super) fn holder(path: &Path) -> Holder {
        let Ok(mut file) = File::open(path) else { return Holder::Free };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::WOULDBLOCK) => Holder::Process(read_process_id(&mut file)),
            // A file system without locks cannot tell; then the lock counts as free.
            _ => Holder::Free,
        }
    }
}

fn read_process_id(file: &mut File) -> String {
    let mut text = String::new();
    // If the id cannot be read, the process is unknown; the lock itself is conclusive.
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
    fn a_lock_is_held_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.lock");
        assert_eq!(RunLock::holder(&path), Holder::Free);
        let mine = RunLock::take(&path).unwrap().unwrap();
        let me = std::process::id().to_string();
        assert_eq!(RunLock::holder(&path), Holder::Process(me.clone()));
        assert_eq!(RunLock::take(&path).unwrap().unwrap_err(), me);
        drop(mine);
        assert_eq!(RunLock::holder(&path), Holder::Free);
        assert!(RunLock::take(&path).unwrap().is_ok());
    }
}
