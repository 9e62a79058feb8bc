//! What processes that ended have left behind: files without their final name.

use std::{io, path::Path};

use super::{
    complete::{Whole, made_path},
    filing::Filing,
    form::Form,
    hold,
    ledger::{FileRow, FileState},
    part::{hash_of, take_over},
};
use crate::feed::EventKind;

impl Filing {
    /// Completes files whose processes have ended, of this run or another: their last whole batch is their end. Those of
    /// processes that live are left alone.
    ///
    /// # Errors
    /// A file that does not hold what was noted, in one sentence.
    pub(super) fn recover(&self) -> Result<(), String> {
        let left = self.state.lock().ledger.unfinished().map_err(|refusal| refusal.text)?;
        let (mut files, mut rows) = (0_u64, 0);
        for row in left {
            if let Some(completed) = self.recover_one(row.id)? {
                files += u64::from(completed > 0);
                rows += completed;
            }
        }
        hold::sweep(&self.work);
        if files > 0 {
            let text = format!(
                "{}: completed {files} files with {rows} rows, which an earlier run had left open",
                self.dir.display()
            );
            self.events.push(EventKind::Notice { text });
        }
        Ok(())
    }

    /// Gives the number of rows, where the file was completed.
    fn recover_one(&self, id: i64) -> Result<Option<u64>, String> {
        let path = self.part_path(id);
        let file = match take_over(&path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.recover_renamed(id, &path),
            Err(error) => return Err(format!("cannot open {}: {error}", path.display())),
        };
        // A process may have closed it for a while.
        if hold::is_held(&path).map_err(|error| format!("cannot open {}: {error}", path.display()))? {
            return Ok(None);
        }
        // Its process may have brought it to its end a moment ago.
        let Some(row) = self.row(id)? else { return Ok(None) };
        if !path.exists() {
            return self.recover_renamed(id, &path);
        }
        let form: Form = row.form.parse()?;
        if row.state == FileState::Complete && !form.is_plain() && !made_path(&path).exists() {
            drop(std::fs::remove_file(&path));
            return self.note_done(&row);
        }
        let length = file.metadata().map_or(0, |meta| meta.len());
        // Of a file without a batch nothing is noted.
        let is_whole = row.rows == 0 || (length >= row.bytes && hash_of(&file, row.bytes).ok() == Some(row.hash));
        if !is_whole {
            return Err(self.lost(&row, "does not hold", &path));
        }
        let whole =
            Whole { id, name: &row.name, path: &path, file: &file, rows: row.rows, bytes: row.bytes, form: &form };
        self.complete(&whole)?;
        Ok(Some(row.rows))
    }

    fn recover_renamed(&self, id: i64, path: &Path) -> Result<Option<u64>, String> {
        // Its process may have ended between giving it its name and removing its note.
        hold::forget(path);
        match self.row(id)? {
            None => Ok(None),
            Some(row) if row.state == FileState::Complete => self.note_done(&row),
            Some(row) if row.rows == 0 => {
                self.state.lock().ledger.forget(id).map_err(|refusal| refusal.text)?;
                Ok(None)
            }
            Some(row) => Err(self.lost(&row, "is missing, and should hold", path)),
        }
    }

    fn row(&self, id: i64) -> Result<Option<FileRow>, String> {
        self.state.lock().ledger.file(id).map_err(|refusal| refusal.text)
    }

    fn note_done(&self, row: &FileRow) -> Result<Option<u64>, String> {
        self.state.lock().ledger.set_state(row.id, FileState::Done, &row.name).map_err(|refusal| refusal.text)?;
        Ok(Some(row.rows))
    }

    fn lost(&self, row: &FileRow, what: &str, path: &Path) -> String {
        format!(
            "{} {what} {} rows of {} that were exported; put it back, or export again into another directory (removing {} \
             makes this one usable)",
            path.display(),
            row.rows,
            row.run,
            self.work.display()
        )
    }
}
