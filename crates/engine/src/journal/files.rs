//! The files of the journals.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::{
    JournalError,
    lock::{Holder, RunLock},
};

const DATABASE: &str = ".db";

/// The directory with the journals of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journals {
    dir: PathBuf,
}

impl Journals {
    /// The journals below a state directory, which need not exist.
    #[must_use]
    pub fn below(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("kreplay").join("runs") }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Creates the directory, accessible only to its owner.
    pub(super) fn prepare(&self) -> Result<(), JournalError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.dir);
        made.map_err(|error| JournalError::system(&self.dir, &error))
    }

    pub(super) fn database(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}{DATABASE}"))
    }

    pub(super) fn lock(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.lock"))
    }

    pub(super) fn begun_stem(&self, id: &str, attempt: u32) -> PathBuf {
        self.dir.join(format!("{id}.begun-{attempt}"))
    }

    /// The logs of batches begun, each with its attempt.
    pub(super) fn begun(&self, id: &str) -> Result<Vec<(u32, PathBuf)>, JournalError> {
        let start = format!("{id}.begun-");
        let attempt = |path: &Path| path.file_name()?.to_str()?.strip_prefix(&start)?.split('.').next()?.parse().ok();
        Ok(self.files()?.into_iter().filter_map(|path| Some((attempt(&path)?, path))).collect())
    }

    /// The ids of all runs, oldest first.
    ///
    /// # Errors
    /// The directory exists, but cannot be read.
    pub fn ids(&self) -> Result<Vec<String>, JournalError> {
        let id = |path: &Path| Some(path.file_name()?.to_str()?.strip_suffix(DATABASE)?.to_owned());
        let mut ids: Vec<String> = self.files()?.iter().filter_map(|path| id(path)).collect();
        // An id begins with its start time.
        ids.sort();
        Ok(ids)
    }

    /// Finds the id of a run by the id itself, by a unique prefix, or by `last`.
    ///
    /// # Errors
    /// No id matches, or several do.
    pub fn find(&self, wanted: &str) -> Result<String, JournalError> {
        let ids = self.ids()?;
        if wanted == "last" {
            return ids.into_iter().next_back().ok_or_else(|| JournalError::None { dir: self.dir.clone() });
        }
        if ids.iter().any(|id| id == wanted) {
            return Ok(wanted.into());
        }
        let fits: Vec<String> = ids.into_iter().filter(|id| !wanted.is_empty() && id.starts_with(wanted)).collect();
        match fits.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(JournalError::Unknown { wanted: wanted.into(), dir: self.dir.clone() }),
            several => {
                Err(JournalError::Ambiguous { wanted: wanted.into(), fits: several.iter().take(4).cloned().collect() })
            }
        }
    }

    /// Deletes a run's journal.
    ///
    /// # Errors
    /// A process is working on the run, or a file cannot be deleted.
    pub fn forget(&self, id: &str) -> Result<(), JournalError> {
        let lock = RunLock::take(&self.lock(id)).map_err(|error| JournalError::system(&self.lock(id), &error))?;
        let _lock = lock.map_err(|pid| JournalError::Live { id: id.into(), pid })?;
        let start = format!("{id}.");
        let mut own: Vec<PathBuf> = self.files()?;
        own.retain(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&start)));
        // The database is deleted first, because the other files are useless without it.
        own.sort_by_key(|path| *path != self.database(id));
        for path in own {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(JournalError::system(&path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The process that is working on a run, if any.
    #[must_use]
    pub fn process(&self, id: &str) -> Option<String> {
        match RunLock::holder(&self.lock(id)) {
            Holder::Free => None,
            Holder::Process(pid) => Some(pid),
        }
    }

    fn files(&self) -> Result<Vec<PathBuf>, JournalError> {
        let entries = match std::fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| JournalError::system(&self.dir, &error))?,
        };
        Ok(entries.flatten().map(|entry| entry.path()).collect())
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Classified as _;

    use super::*;

    #[test]
    fn a_run_is_found_by_its_prefix() {
        let dir = tempfile::tempdir().unwrap();
        let journals = Journals::below(dir.path());
        assert!(matches!(journals.find("last"), Err(JournalError::None { .. })));
        journals.prepare().unwrap();
        for id in ["20260102T030405-aaaa", "20260102T030405-ab00", "20260101T000000-ffff"] {
            std::fs::write(journals.database(id), "").unwrap();
            std::fs::write(journals.lock(id), "").unwrap();
        }
        assert_eq!(journals.find("last").unwrap(), "20260102T030405-ab00");
        assert_eq!(journals.find("20260101").unwrap(), "20260101T000000-ffff");
        assert_eq!(journals.find("20260102T030405-aaaa").unwrap(), "20260102T030405-aaaa");
        for (wanted, usage) in
            [("20260102", "matches 20260102T030405-aaaa, 20260102T030405-ab00"), ("", "no run"), ("x", "no run")]
        {
            let error = journals.find(wanted).unwrap_err();
            assert!(error.to_string().contains(usage) && error.class().is_usage(), "{error}");
        }
        journals.forget("20260102T030405-aaaa").unwrap();
        assert_eq!(journals.ids().unwrap(), ["20260101T000000-ffff", "20260102T030405-ab00"]);
    }
}
