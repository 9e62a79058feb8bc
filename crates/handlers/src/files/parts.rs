//! The part files of a run. The number of open ones is bounded: the least recently used file is closed for the next
//! one, and reopened when it gets more rows.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::process::{Resource, getrlimit};

use super::{hold::ProcessLock, part_file::PartFile};

/// The part of the process's file limit that an export may use, as a divisor: connections and journals need the rest.
const OPEN_FILES_DIVISOR: u64 = 4;
const OPEN_FILE_BOUNDS: std::ops::RangeInclusive<u64> = 4..=4096;
/// With this number of files the process lock is created, while it can still be opened.
const PROCESS_LOCK_FROM_FILES: usize = 3;

/// The part files by series.
pub(super) struct PartFiles {
    by_series: HashMap<Arc<str>, PartFile>,
    work: PathBuf,
    max_open: usize,
    process_lock: Option<ProcessLock>,
    /// Counts uses, for `PartFile::used`.
    use_counter: u64,
}

impl PartFiles {
    /// An empty collection; `work` is the directory of part files.
    pub(super) fn new(work: &Path) -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let max_open = (limit / OPEN_FILES_DIVISOR).clamp(*OPEN_FILE_BOUNDS.start(), *OPEN_FILE_BOUNDS.end());
        Self {
            by_series: HashMap::new(),
            work: work.to_owned(),
            max_open: usize::try_from(max_open).unwrap_or(usize::MAX),
            process_lock: None,
            use_counter: 0,
        }
    }

    pub(super) fn contains(&self, series: &str) -> bool {
        self.by_series.contains_key(series)
    }

    pub(super) fn get_mut(&mut self, series: &str) -> Option<&mut PartFile> {
        self.by_series.get_mut(series)
    }

    /// An open file.
    ///
    /// # Errors
    /// It cannot be reopened.
    pub(super) fn open(&mut self, series: &str) -> io::Result<Option<&mut PartFile>> {
        self.use_counter += 1;
        let use_counter = self.use_counter;
        let Some(part) = self.by_series.get_mut(series) else { return Ok(None) };
        part.used = use_counter;
        if !part.is_open() {
            let reopener = part.reopener();
            let file = self.open_with_room(|| reopener.open())?;
            if let Some(part) = self.by_series.get_mut(series) {
                part.reopened(file);
            }
        }
        Ok(self.by_series.get_mut(series))
    }

    pub(super) fn insert(&mut self, series: Arc<str>, mut part: PartFile) {
        self.use_counter += 1;
        part.used = self.use_counter;
        self.by_series.insert(series, part);
        if self.process_lock.is_none() && self.by_series.len() >= PROCESS_LOCK_FROM_FILES {
            // If this fails, it is tried again when the lock is needed.
            self.process_lock = ProcessLock::take(&self.work).ok();
        }
    }

    /// Removes files from the collection.
    pub(super) fn take(&mut self, which: impl Fn(&PartFile) -> bool) -> Vec<PartFile> {
        let series: Vec<_> =
            self.by_series.iter().filter(|(_, part)| which(part)).map(|(series, _)| Arc::clone(series)).collect();
        series.iter().filter_map(|series| self.by_series.remove(series)).collect()
    }

    /// Closes a file that is no longer in the collection, and reserves it for this process.
    pub(super) fn close_detached(&mut self, part: &mut PartFile) -> io::Result<()> {
        if part.is_open() {
            self.process_lock()?.note(&part.path)?;
            part.close();
        }
        Ok(())
    }

    /// Opens a file after closing others if the bound or the process's file limit is reached.
    ///
    /// # Errors
    /// It cannot be opened, for another reason than the file limit or although nothing could be closed.
    pub(super) fn open_with_room<T>(&mut self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        while self.by_series.values().filter(|part| part.is_open()).count() >= self.max_open {
            if !self.close_oldest()? {
                break;
            }
        }
        loop {
            match open() {
                Err(error) if is_out_of_files(&error) && self.close_oldest()? => {}
                other => return other,
            }
        }
    }

    /// Closes the least recently used file; `false` if none is open.
    fn close_oldest(&mut self) -> io::Result<bool> {
        self.process_lock()?;
        let open = self.by_series.values_mut().filter(|part| part.is_open());
        let (Some(part), Some(process_lock)) = (open.min_by_key(|part| part.used), &self.process_lock) else {
            return Ok(false);
        };
        process_lock.note(&part.path)?;
        part.close();
        Ok(true)
    }

    fn process_lock(&mut self) -> io::Result<&ProcessLock> {
        let process_lock = match self.process_lock.take() {
            Some(process_lock) => process_lock,
            None => ProcessLock::take(&self.work)?,
        };
        Ok(self.process_lock.insert(process_lock))
    }

    #[cfg(test)]
    pub(super) fn set_max_open(&mut self, max_open: usize) {
        self.max_open = max_open;
    }

    #[cfg(test)]
    pub(super) fn open_count(&self) -> usize {
        self.by_series.values().filter(|part| part.is_open()).count()
    }
}

fn is_out_of_files(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].iter().any(|errno| code == Some(errno.raw_os_error()))
}
