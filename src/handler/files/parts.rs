//! The files that rows are appended to. Only so many are open at a time: the one that was used longest ago is closed for the
//! next, and opened again when rows come for it.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::process::{Resource, getrlimit};

use super::{hold::Hold, part::Part};

/// The share of the process's open files that an export may use: connections and journals need the rest.
const SHARE: u64 = 4;
const OPEN_FILES: std::ops::RangeInclusive<u64> = 4..=4096;
/// With so many files the lock for closed ones is taken, while it can still be opened.
const HOLD_FROM: usize = 3;

/// The files that rows are appended to, by series.
pub(super) struct Parts {
    by_series: HashMap<Arc<str>, Part>,
    work: PathBuf,
    max_open: usize,
    hold: Option<Hold>,
    /// Counts uses.
    clock: u64,
}

impl Parts {
    /// None yet; `work` is where they will be.
    pub(super) fn new(work: &Path) -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let max_open = (limit / SHARE).clamp(*OPEN_FILES.start(), *OPEN_FILES.end());
        Self {
            by_series: HashMap::new(),
            work: work.to_owned(),
            max_open: usize::try_from(max_open).unwrap_or(usize::MAX),
            hold: None,
            clock: 0,
        }
    }

    pub(super) fn contains(&self, series: &str) -> bool {
        self.by_series.contains_key(series)
    }

    pub(super) fn get_mut(&mut self, series: &str) -> Option<&mut Part> {
        self.by_series.get_mut(series)
    }

    /// A file, open.
    ///
    /// # Errors
    /// It cannot be opened again.
    pub(super) fn open(&mut self, series: &str) -> io::Result<Option<&mut Part>> {
        self.clock += 1;
        let clock = self.clock;
        let Some(part) = self.by_series.get_mut(series) else { return Ok(None) };
        part.used = clock;
        if !part.is_open() {
            let again = part.reopener();
            let file = self.with_room(|| again.open())?;
            if let Some(part) = self.by_series.get_mut(series) {
                part.put_back(file);
            }
        }
        Ok(self.by_series.get_mut(series))
    }

    pub(super) fn insert(&mut self, series: Arc<str>, mut part: Part) {
        self.clock += 1;
        part.used = self.clock;
        self.by_series.insert(series, part);
        if self.hold.is_none() && self.by_series.len() >= HOLD_FROM {
            // Where that fails it is tried again when it is needed.
            self.hold = Hold::take(&self.work).ok();
        }
    }

    /// Takes files out of those that are appended to.
    pub(super) fn take(&mut self, which: impl Fn(&Part) -> bool) -> Vec<Part> {
        let series: Vec<_> =
            self.by_series.iter().filter(|(_, part)| which(part)).map(|(series, _)| Arc::clone(series)).collect();
        series.iter().filter_map(|series| self.by_series.remove(series)).collect()
    }

    /// Closes a file that is not among those that are appended to any more, and keeps it from others.
    pub(super) fn set_aside(&mut self, part: &mut Part) -> io::Result<()> {
        if part.is_open() {
            self.hold()?.note(&part.path)?;
            part.close();
        }
        Ok(())
    }

    /// Opens a file once there is room for it: below the bound, and where the process has no room left either.
    ///
    /// # Errors
    /// It cannot be opened, and not for a lack of room that could be made.
    pub(super) fn with_room<T>(&mut self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
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

    /// Closes the file that was used longest ago; `false` where none is open.
    fn close_oldest(&mut self) -> io::Result<bool> {
        self.hold()?;
        let open = self.by_series.values_mut().filter(|part| part.is_open());
        let (Some(part), Some(hold)) = (open.min_by_key(|part| part.used), &self.hold) else { return Ok(false) };
        hold.note(&part.path)?;
        part.close();
        Ok(true)
    }

    fn hold(&mut self) -> io::Result<&Hold> {
        let hold = match self.hold.take() {
            Some(hold) => hold,
            None => Hold::take(&self.work)?,
        };
        Ok(self.hold.insert(hold))
    }

    #[cfg(test)]
    pub(super) fn bound(&mut self, max_open: usize) {
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
