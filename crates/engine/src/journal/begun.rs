//! The log of batches begun: which records were passed to a handler since the last checkpoint, and may therefore be
//! repeated after `kill -9`.
//!
//! Each batch is one entry, appended with one `write` before the handler gets the batch. It is not synced to disk,
//! since it has to survive the end of the process, not of the machine. The entries are in files, one for each
//! generation. A checkpoint starts a new generation; an old one is deleted once the results of all its batches are in a
//! checkpoint.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use kreplay_model::domain::{
    framing,
    varint::{push, take, take_offset},
};
use parking_lot::Mutex;

const MARK: framing::Mark = [0xBE, 0x67];
/// The most generations that wait for a slow batch. After that the current one grows instead.
const MAX_OLD_GENERATIONS: usize = 8;
/// The largest file that is read. It is far larger than any file of a run, and limits the memory that a damaged file
/// can use.
const MAX_FILE_BYTES: u64 = 4 << 30;

/// The log of one attempt, shared by all workers.
#[derive(Debug)]
pub struct BegunLog {
    /// The path without the number of the generation.
    stem: PathBuf,
    current: Mutex<Arc<Generation>>,
    old: Mutex<Vec<Arc<Generation>>>,
    problem: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Generation {
    number: u64,
    file: File,
    path: PathBuf,
    written: AtomicU64,
}

/// Marks a batch as in flight. Dropped when its result is settled.
#[derive(Debug)]
pub struct Ticket {
    _generation: Arc<Generation>,
}

/// Old generations whose batches are all settled.
#[derive(Debug, Default)]
pub struct Settled(Vec<u64>);

impl BegunLog {
    /// Creates the first generation of an attempt.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(super) fn begin(stem: PathBuf) -> io::Result<Self> {
        let first = Generation::new(&stem, 0)?;
        Ok(Self { stem, current: Mutex::new(Arc::new(first)), old: Mutex::default(), problem: Mutex::default() })
    }

    /// Logs a batch: the partition and offset of its records, by partition and in rising order where possible. `entry`
    /// is a buffer that is reused.
    pub fn note(&self, entry: &mut Vec<u8>, records: impl Iterator<Item = (u32, i64)>) -> Ticket {
        encode_entry(entry, records);
        let generation = Arc::clone(&self.current.lock());
        match (&generation.file).write(entry) {
            Ok(written) if written == entry.len() => {
                generation.written.fetch_add(written as u64, Relaxed);
            }
            // The reader skips a torn entry without losing others.
            Ok(_) => self.note_problem("only a part was written".into()),
            Err(error) => self.note_problem(error.to_string()),
        }
        Ticket { _generation: generation }
    }

    fn note_problem(&self, reason: String) {
        self.problem.lock().get_or_insert(reason);
    }

    /// The first error since the last call.
    pub fn take_problem(&self) -> Option<String> {
        self.problem.lock().take()
    }

    /// Starts a new generation and returns the settled old ones. They can be deleted once a checkpoint taken after this
    /// call is durable.
    ///
    /// # Errors
    /// The new file cannot be created; the current generation continues.
    pub fn rotate(&self) -> io::Result<Settled> {
        let mut old = self.old.lock();
        let mut result = Ok(());
        if old.len() < MAX_OLD_GENERATIONS && self.current.lock().written.load(Relaxed) > 0 {
            let number = self.current.lock().number + 1;
            match Generation::new(&self.stem, number) {
                Ok(next) => old.push(std::mem::replace(&mut *self.current.lock(), Arc::new(next))),
                Err(error) => result = Err(error),
            }
        }
        // Old generations get no new tickets, so one without tickets stays settled. `get_mut` also synchronises with
        // the dropped tickets.
        let settled = old.iter_mut().filter_map(|one| Arc::get_mut(one).map(|one| one.number)).collect();
        result.map(|()| Settled(settled))
    }

    /// Deletes generations whose results are in a checkpoint.
    pub fn delete(&self, settled: &Settled) {
        self.old.lock().retain(|one| {
            let gone = settled.0.contains(&one.number);
            if gone {
                // If deleting fails, the file is read again later, and its records turn out to be handled.
                let _ = std::fs::remove_file(&one.path);
            }
            !gone
        });
    }

    /// Deletes the current generation at the end of the run if it is empty and no batch is in flight.
    pub fn end(&self) {
        let current = self.current.lock();
        if Arc::strong_count(&current) == 1 && current.written.load(Relaxed) == 0 {
            let _ = std::fs::remove_file(&current.path);
        }
    }
}

impl Generation {
    fn new(stem: &Path, number: u64) -> io::Result<Self> {
        let mut name = stem.as_os_str().to_owned();
        name.push(format!(".{number}"));
        let path = PathBuf::from(name);
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        Ok(Self { number, file, path, written: AtomicU64::new(0) })
    }
}

/// Writes an entry with the partition, first offset, and length of each run of offsets.
fn encode_entry(entry: &mut Vec<u8>, records: impl Iterator<Item = (u32, i64)>) {
    entry.clear();
    framing::append(entry, MARK, |body| {
        let mut run: Option<(u32, i64, i64)> = None;
        for (partition, offset) in records {
            match &mut run {
                Some((same, _, end)) if *same == partition && *end == offset => *end += 1,
                _ => push_run(body, run.replace((partition, offset, offset + 1))),
            }
        }
        push_run(body, run);
    });
}

fn push_run(entry: &mut Vec<u8>, run: Option<(u32, i64, i64)>) {
    if let Some((partition, first, end)) = run {
        push(entry, u64::from(partition));
        push(entry, first.unsigned_abs());
        push(entry, (end - first).unsigned_abs());
    }
}

/// Adds the runs of offsets in a file to `runs`, by partition. Torn or damaged entries are skipped.
pub(super) fn read(path: &Path, runs: &mut [Vec<(i64, i64)>]) -> io::Result<()> {
    if std::fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(io::Error::other("the file is larger than any written by a run"));
    }
    let bytes = std::fs::read(path)?;
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        match framing::split(rest, MARK) {
            Some((body, after)) => {
                add_runs(body, runs);
                rest = after;
            }
            None => rest = &rest[1..],
        }
    }
    Ok(())
}

fn add_runs(mut body: &[u8], runs: &mut [Vec<(i64, i64)>]) {
    let mut one = || -> Option<(usize, i64, i64)> {
        let partition = usize::try_from(take(&mut body)?).ok()?;
        let first = take_offset(&mut body)?;
        Some((partition, first, first.checked_add(take_offset(&mut body)?)?))
    };
    while let Some((partition, first, end)) = one() {
        if let Some(runs) = runs.get_mut(partition) {
            runs.push((first, end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (tempfile::TempDir, BegunLog) {
        let dir = tempfile::tempdir().unwrap();
        let log = BegunLog::begin(dir.path().join("run.begun-1")).unwrap();
        (dir, log)
    }

    fn all(dir: &Path) -> Vec<Vec<(i64, i64)>> {
        let mut runs = vec![Vec::new(); 3];
        let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            read(&file, &mut runs).unwrap();
        }
        runs
    }

    fn note(log: &BegunLog, records: &[(u32, i64)]) -> Ticket {
        log.note(&mut Vec::new(), records.iter().copied())
    }

    #[test]
    fn logged_batches_read_back() {
        let (dir, log) = log();
        let _one = note(&log, &[(0, 5), (0, 6), (0, 9), (2, 10)]);
        let _two = note(&log, &[(2, 11), (9, 1)]);
        assert_eq!(all(dir.path()), [vec![(5, 7), (9, 10)], vec![], vec![(10, 11), (11, 12)]]);
        assert_eq!(log.take_problem(), None);
    }

    #[test]
    fn a_generation_is_deleted_after_its_batches_are_settled_and_checkpointed() {
        let (dir, log) = log();
        let one = note(&log, &[(0, 1)]);
        let unsettled = log.rotate().unwrap();
        let two = note(&log, &[(0, 2)]);
        log.delete(&unsettled);
        assert_eq!(all(dir.path())[0], [(1, 2), (2, 3)], "the batch of the first is still in flight");
        drop(one);
        log.delete(&unsettled);
        assert_eq!(all(dir.path())[0], [(1, 2), (2, 3)], "it was not settled when that checkpoint was taken");
        let settled = log.rotate().unwrap();
        assert_eq!(all(dir.path())[0], [(1, 2), (2, 3)], "the checkpoint is not durable yet");
        log.delete(&settled);
        assert_eq!(all(dir.path())[0], [(2, 3)]);
        drop(two);
        let settled = log.rotate().unwrap();
        log.delete(&settled);
        log.end();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_slow_batch_creates_a_limited_number_of_files() {
        let (dir, log) = log();
        let _slow = note(&log, &[(0, 0)]);
        for offset in 1..100 {
            let _slow_too = std::mem::ManuallyDrop::new(note(&log, &[(0, offset)]));
            log.delete(&log.rotate().unwrap());
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), MAX_OLD_GENERATIONS + 1);
        assert_eq!(all(dir.path())[0].len(), 100);
    }

    #[test]
    fn a_torn_entry_hides_no_other_entry() {
        let (dir, log) = log();
        let tickets: Vec<_> = (0..4).map(|batch| note(&log, &[(1, batch * 10), (1, batch * 10 + 1)])).collect();
        let path = dir.path().join("run.begun-1.0");
        let bytes = std::fs::read(&path).unwrap();
        let length = bytes.len() / 4;
        for cut in 1..length {
            // The second entry is torn, and the last one as well.
            let torn =
                [&bytes[..length + cut], &bytes[2 * length..3 * length], &bytes[3 * length..4 * length - 1]].concat();
            std::fs::write(&path, torn).unwrap();
            assert_eq!(all(dir.path())[1], [(0, 2), (20, 22)], "cut after {cut} bytes");
        }
        drop(tickets);
    }
}
