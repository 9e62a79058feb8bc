//! Recovers files that ended processes have left incomplete.

use std::{io, path::Path};

use kreplay_model::{
    domain::number::{by_count, counted},
    feed::EventKind,
};

use super::{
    complete::{FinishedFile, converted_path},
    format::OutputFormat,
    hold,
    ledger::{FileRow, FileState},
    part_file::{hash_of, take_over},
    writer::ExportWriter,
};

impl ExportWriter {
    /// Completes files whose processes have ended, of this run or another, up to their last committed batch. Files of
    /// running processes are left alone.
    ///
    /// # Errors
    /// One sentence: a file does not contain what was recorded.
    pub(super) fn recover(&self) -> Result<(), String> {
        let unfinished = self.state.lock().ledger.unfinished().map_err(|error| error.text)?;
        let (mut files, mut rows) = (0_u64, 0);
        for row in unfinished {
            if let Some(completed) = self.recover_one(row.id)? {
                files += u64::from(completed > 0);
                rows += completed;
            }
        }
        hold::sweep(&self.work);
        if files > 0 {
            let text = format!(
                "{}: completed {} with {}, which an earlier run had left open",
                self.dir.display(),
                counted(files, "file"),
                counted(rows, "row")
            );
            self.events.push(EventKind::Notice { text });
        }
        Ok(())
    }

    /// Returns the number of rows if the file was completed.
    fn recover_one(&self, id: i64) -> Result<Option<u64>, String> {
        let path = self.part_file_path(id);
        let file = match take_over(&path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.recover_renamed(id, &path),
            Err(error) => return Err(format!("cannot open {}: {error}", path.display())),
        };
        // A running process may have closed it temporarily.
        if hold::is_held(&path).map_err(|error| format!("cannot open {}: {error}", path.display()))? {
            return Ok(None);
        }
        // Its process may have completed it just before.
        let Some(row) = self.row(id)? else { return Ok(None) };
        if !path.exists() {
            return self.recover_renamed(id, &path);
        }
        let output: OutputFormat = row.form.parse()?;
        if row.state == FileState::Complete && !output.is_plain() && !converted_path(&path).exists() {
            drop(std::fs::remove_file(&path));
            return self.note_done(&row);
        }
        let length = file.metadata().map_or(0, |meta| meta.len());
        // Nothing is recorded for a file without a batch.
        let is_whole = row.rows == 0 || (length >= row.bytes && hash_of(&file, row.bytes).ok() == Some(row.hash));
        if !is_whole {
            return Err(self.lost(&row, "no longer contains", &path));
        }
        let finished = FinishedFile {
            id,
            name: &row.name,
            path: &path,
            file: &file,
            rows: row.rows,
            bytes: row.bytes,
            output: &output,
        };
        self.complete(&finished)?;
        Ok(Some(row.rows))
    }

    fn recover_renamed(&self, id: i64, path: &Path) -> Result<Option<u64>, String> {
        // Its process may have ended after renaming it and before removing the note.
        hold::forget(path);
        match self.row(id)? {
            None => Ok(None),
            Some(row) if row.state == FileState::Complete => self.note_done(&row),
            Some(row) if row.rows == 0 => {
                self.state.lock().ledger.forget(id).map_err(|error| error.text)?;
                Ok(None)
            }
            Some(row) => Err(self.lost(&row, "is missing; it should contain", path)),
        }
    }

    fn row(&self, id: i64) -> Result<Option<FileRow>, String> {
        self.state.lock().ledger.file(id).map_err(|error| error.text)
    }

    fn note_done(&self, row: &FileRow) -> Result<Option<u64>, String> {
        self.state.lock().ledger.set_state(row.id, FileState::Done, &row.name).map_err(|error| error.text)?;
        Ok(Some(row.rows))
    }

    fn lost(&self, row: &FileRow, what: &str, path: &Path) -> String {
        format!(
            "{} {what} {} of {} that {} exported; restore it, or export again to another directory (removing {} makes \
             this one usable)",
            path.display(),
            counted(row.rows, "row"),
            row.run,
            by_count(row.rows, "was", "were"),
            self.work.display()
        )
    }
}
