//! Which records were given to a handler since the last checkpoint: what `kill -9` may have repeated.
//!
//! One entry for each batch, appended with one `write` before the handler gets the batch. It is not synchronised to disk:
//! it has to survive the end of the process, not of the machine. The entries stand in files of generations. A checkpoint
//! begins a new one, and an old one is deleted once the results of all its batches are in a checkpoint.

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

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use super::varint::{push, take, take_offset};

/// What an entry begins with: a mark and the length of its body.
const HEAD: usize = 6;
const MARK: [u8; 2] = [0xBE, 0x67];
/// What it ends with.
const CHECKSUM: usize = 8;
/// The most generations that wait for a slow batch; then the present one grows instead.
const MOST_WAITING: usize = 8;
/// The largest file that is read: far more than any run leaves, and an end to what a broken one can ask for.
const LARGEST: u64 = 4 << 30;

/// The files of one attempt, shared by all workers.
#[derive(Debug)]
pub struct BegunLog {
    /// The path without the number of the generation.
    stem: PathBuf,
    current: Mutex<Arc<Generation>>,
    waiting: Mutex<Vec<Arc<Generation>>>,
    trouble: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Generation {
    number: u64,
    file: File,
    path: PathBuf,
    written: AtomicU64,
}

/// Says that a batch is under way; dropped when its result is settled.
#[derive(Debug)]
pub struct Ticket {
    _generation: Arc<Generation>,
}

/// Generations whose batches were all settled when this was asked for.
#[derive(Debug, Default)]
pub struct Settled(Vec<u64>);

impl BegunLog {
    /// Begins the first generation of an attempt.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(super) fn begin(stem: PathBuf) -> io::Result<Self> {
        let first = Generation::new(&stem, 0)?;
        Ok(Self { stem, current: Mutex::new(Arc::new(first)), waiting: Mutex::default(), trouble: Mutex::default() })
    }

    /// Notes a batch: the places of its records, partition by partition in rising order where that can be. `entry` is
    /// memory to be used again.
    pub fn note(&self, entry: &mut Vec<u8>, records: impl Iterator<Item = (u32, i64)>) -> Ticket {
        compose(entry, records);
        let generation = Arc::clone(&self.current.lock());
        match (&generation.file).write(entry) {
            Ok(written) if written == entry.len() => {
                generation.written.fetch_add(written as u64, Relaxed);
            }
            // What is torn is stepped over when it is read; other entries are not lost with it.
            Ok(_) => self.complain("the disk took a part only".into()),
            Err(error) => self.complain(error.to_string()),
        }
        Ticket { _generation: generation }
    }

    fn complain(&self, reason: String) {
        self.trouble.lock().get_or_insert(reason);
    }

    /// What went wrong since it was asked last.
    pub fn take_trouble(&self) -> Option<String> {
        self.trouble.lock().take()
    }

    /// Begins a new generation, and tells which of the old ones are settled. Once a checkpoint that is taken after this
    /// call is safe, they can be forgotten.
    ///
    /// # Errors
    /// The new file cannot be made; the present generation goes on.
    pub fn turn(&self) -> io::Result<Settled> {
        let mut waiting = self.waiting.lock();
        let mut result = Ok(());
        if waiting.len() < MOST_WAITING && self.current.lock().written.load(Relaxed) > 0 {
            let number = self.current.lock().number + 1;
            match Generation::new(&self.stem, number) {
                Ok(next) => waiting.push(std::mem::replace(&mut *self.current.lock(), Arc::new(next))),
                Err(error) => result = Err(error),
            }
        }
        // Nobody takes a new ticket of these, so who finds none left may rely on it; `get_mut` sees all that was done before.
        let settled = waiting.iter_mut().filter_map(|one| Arc::get_mut(one).map(|one| one.number)).collect();
        result.map(|()| Settled(settled))
    }

    /// Deletes generations whose results are in a checkpoint.
    pub fn forget(&self, settled: &Settled) {
        self.waiting.lock().retain(|one| {
            let gone = settled.0.contains(&one.number);
            if gone {
                // One that stays is read again, and what it says is found to be handled.
                let _ = std::fs::remove_file(&one.path);
            }
            !gone
        });
    }

    /// Deletes the present generation, where nothing of it is under way, when the run is over.
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

/// Mark, length, then for each run of offsets its partition, its first offset and its length, then the checksum.
fn compose(entry: &mut Vec<u8>, records: impl Iterator<Item = (u32, i64)>) {
    entry.clear();
    entry.extend(MARK);
    entry.extend([0; HEAD - MARK.len()]);
    let mut run: Option<(u32, i64, i64)> = None;
    for (partition, offset) in records {
        match &mut run {
            Some((same, _, end)) if *same == partition && *end == offset => *end += 1,
            _ => {
                push_run(entry, run.replace((partition, offset, offset + 1)));
            }
        }
    }
    push_run(entry, run);
    let length = u32::try_from(entry.len() - HEAD).unwrap_or(u32::MAX);
    entry[MARK.len()..HEAD].copy_from_slice(&length.to_le_bytes());
    let sum = xxh3_64(&entry[HEAD..]);
    entry.extend(sum.to_le_bytes());
}

fn push_run(entry: &mut Vec<u8>, run: Option<(u32, i64, i64)>) {
    if let Some((partition, first, end)) = run {
        push(entry, u64::from(partition));
        push(entry, first.unsigned_abs());
        push(entry, (end - first).unsigned_abs());
    }
}

/// Adds what a file says to the runs of each partition. What is torn or damaged is stepped over.
pub(super) fn read(path: &Path, runs: &mut [Vec<(i64, i64)>]) -> io::Result<()> {
    if std::fs::metadata(path)?.len() > LARGEST {
        return Err(io::Error::other("it is larger than any that a run leaves"));
    }
    let bytes = std::fs::read(path)?;
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        match entry(rest) {
            Some((body, after)) => {
                take_in(body, runs);
                rest = after;
            }
            None => rest = &rest[1..],
        }
    }
    Ok(())
}

fn entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&MARK)?;
    let (length, rest) = rest.split_at_checked(HEAD - MARK.len())?;
    let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    let (sum, rest) = rest.split_at_checked(CHECKSUM)?;
    (xxh3_64(body) == u64::from_le_bytes(sum.try_into().ok()?)).then_some((body, rest))
}

fn take_in(mut body: &[u8], runs: &mut [Vec<(i64, i64)>]) {
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
    fn what_was_begun_reads_back() {
        let (dir, log) = log();
        let _one = note(&log, &[(0, 5), (0, 6), (0, 9), (2, 10)]);
        let _two = note(&log, &[(2, 11), (9, 1)]);
        assert_eq!(all(dir.path()), [vec![(5, 7), (9, 10)], vec![], vec![(10, 11), (11, 12)]]);
        assert_eq!(log.take_trouble(), None);
    }

    #[test]
    fn a_generation_goes_when_its_batches_are_settled_and_a_checkpoint_has_followed() {
        let (dir, log) = log();
        let one = note(&log, &[(0, 1)]);
        let unsettled = log.turn().unwrap();
        let two = note(&log, &[(0, 2)]);
        log.forget(&unsettled);
        assert_eq!(all(dir.path())[0], [(1, 2), (2, 3)], "the batch of the first is still under way");
        drop(one);
        log.forget(&unsettled);
        assert_eq!(all(dir.path())[0], [(1, 2), (2, 3)], "it was not settled when that checkpoint was taken");
        let settled = log.turn().unwrap();
        assert_eq!(all(dir.path())[0], [(1, 2), (2, 3)], "the checkpoint is not safe yet");
        log.forget(&settled);
        assert_eq!(all(dir.path())[0], [(2, 3)]);
        drop(two);
        let settled = log.turn().unwrap();
        log.forget(&settled);
        log.end();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_slow_batch_does_not_make_files_without_end() {
        let (dir, log) = log();
        let _slow = note(&log, &[(0, 0)]);
        for offset in 1..100 {
            let _slow_too = std::mem::ManuallyDrop::new(note(&log, &[(0, offset)]));
            log.forget(&log.turn().unwrap());
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), MOST_WAITING + 1);
        assert_eq!(all(dir.path())[0].len(), 100);
    }

    #[test]
    fn what_is_torn_hides_nothing_else() {
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
