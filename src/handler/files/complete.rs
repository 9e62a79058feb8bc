//! How a file gets its final form and its final name.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::atomic::Ordering::Relaxed,
};

use flate2::write::GzEncoder;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Compression, FileFormat, filing::Filing, form::Form, hold, ledger::FileState, parquet, part::Part};
use crate::{feed::EventKind, handler::HandlerError};

/// A file that has all its rows.
pub(super) struct Whole<'a> {
    pub(super) id: i64,
    pub(super) name: &'a str,
    pub(super) path: &'a Path,
    pub(super) file: &'a File,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) form: &'a Form,
}

impl Filing {
    /// Completes files; those that cannot be, now or before, are tried again with the next ones.
    pub(super) fn complete_all(&self, parts: Vec<Part>) {
        if parts.is_empty() {
            return;
        }
        let mut all = std::mem::take(&mut self.state.lock().stuck);
        all.extend(parts);
        for mut part in all {
            if let Err(reason) = self.complete_part(&mut part) {
                self.events.push(EventKind::Warning { text: format!("{reason}; it is tried again") });
                let mut state = self.state.lock();
                // Where it cannot be closed it stays open, and is tried again all the same.
                drop(state.parts.set_aside(&mut part));
                state.stuck.push(part);
            }
        }
    }

    fn complete_part(&self, part: &mut Part) -> Result<(), String> {
        if !part.is_open() {
            let again = part.reopener();
            let file = self.state.lock().parts.with_room(|| again.open());
            part.put_back(file.map_err(|error| format!("cannot complete {}: {error}", part.path.display()))?);
        }
        let Part { id, name, path, rows, bytes, .. } = &*part;
        let file = part.file().map_err(|error| format!("cannot complete {}: {error}", path.display()))?;
        self.complete(&Whole { id: *id, name, path, file, rows: *rows, bytes: *bytes, form: &self.table.form })
    }

    /// Completes everything, and notes where the run stands.
    ///
    /// # Errors
    /// What could not be completed. Its rows are safe: the next run completes it.
    pub(super) fn close(&self) -> Result<(), HandlerError> {
        let parts = {
            let state = &mut *self.state.lock();
            let mut parts = state.parts.take(|_| true);
            parts.append(&mut state.stuck);
            parts
        };
        self.complete_all(parts);
        let slots: Vec<_> =
            self.state.lock().slots.iter().map(|(index, slot)| (*index, slot.row, slot.owner)).collect();
        if let Some(run) = self.positions.get() {
            let positions: Vec<_> =
                slots.into_iter().map(|(index, row, owner)| (row, owner, run.position(index))).collect();
            // It only saves time and room: what is in files is known without it.
            drop(self.state.lock().ledger.advance(&positions));
        }
        let left = self.state.lock().stuck.len();
        if left == 0 {
            return Ok(());
        }
        Err(HandlerError::Target {
            handler: self.table.form.format.handler(),
            reason: format!(
                "{left} files in {} could not be completed; their rows are safe in {}, and the next export into this \
                 directory completes them",
                self.dir.display(),
                self.work.display()
            ),
        })
    }

    /// Gives a file its final form and name.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn complete(&self, whole: &Whole<'_>) -> Result<(), String> {
        let Whole { id, name, path, file, rows, bytes, form } = *whole;
        let said = |error: io::Error| format!("cannot complete {}: {error}", path.display());
        let noted = |refusal: super::ledger_error::Refusal| refusal.text;
        if rows == 0 {
            drop(fs::remove_file(path));
            hold::forget(path);
            return self.state.lock().ledger.forget(id).map_err(noted);
        }
        if file.metadata().map_err(said)?.nlink() == 0 {
            return Err(format!("{} was deleted, and with it {rows} rows that were exported", path.display()));
        }
        file.set_len(bytes).and_then(|()| file.sync_all()).map_err(said)?;
        let made = if form.is_plain() { path.to_owned() } else { made_path(path) };
        if !form.is_plain() {
            // One at a time: a row group is in memory while it is made.
            let _turn = self.completing.lock();
            convert(file, bytes, rows, form, &made).inspect_err(|_| drop(fs::remove_file(&made))).map_err(said)?;
        }
        let size = fs::metadata(&made).map_err(said)?.len();
        let mut name = name.to_owned();
        let mut again = 1;
        loop {
            self.state.lock().ledger.set_state(id, FileState::Complete, &name).map_err(noted)?;
            match rename_to_new(&made, &self.dir.join(&name)) {
                Ok(()) => break,
                // Somebody else's file: it stays, and ours is called otherwise.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && again < 1000 => {
                    again += 1;
                    name = other_name(whole.name, form, again);
                }
                Err(error) => return Err(said(error)),
            }
        }
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(said)?;
        if !form.is_plain() {
            drop(fs::remove_file(path));
        }
        // Before it is noted as done: what is done is not looked after any more.
        hold::forget(path);
        self.state.lock().ledger.set_state(id, FileState::Done, &name).map_err(noted)?;
        self.counts.files.fetch_add(1, Relaxed);
        self.counts.file_bytes.fetch_add(size, Relaxed);
        Ok(())
    }
}

/// Where the final form of a file is made.
pub(super) fn made_path(part: &Path) -> PathBuf {
    part.with_extension("made")
}

fn other_name(name: &str, form: &Form, again: u32) -> String {
    let ending = form.ending();
    let stem = name.strip_suffix(ending).and_then(|stem| stem.strip_suffix('.')).unwrap_or(name);
    format!("{stem}-{again}.{ending}")
}

fn convert(file: &File, bytes: u64, rows: u64, form: &Form, to: &Path) -> io::Result<()> {
    let mut from = BufReader::with_capacity(1 << 18, Stretch { file, at: 0, end: bytes });
    let out = File::create(to)?;
    match (form.format, form.compression) {
        (FileFormat::Parquet, compression) => {
            parquet::convert(&mut from, rows, &form.columns, compression, BufWriter::with_capacity(1 << 18, &out))?;
        }
        (_, Compression::Gzip) => {
            let mut encoder = GzEncoder::new(BufWriter::new(&out), flate2::Compression::default());
            io::copy(&mut from, &mut encoder)?;
            encoder.finish()?.flush()?;
        }
        (_, Compression::Zstd) => {
            let mut encoder = zstd::stream::Encoder::new(BufWriter::new(&out), zstd::DEFAULT_COMPRESSION_LEVEL)?;
            io::copy(&mut from, &mut encoder)?;
            encoder.finish()?.flush()?;
        }
        (_, Compression::Auto | Compression::None | Compression::Snappy) => {
            io::copy(&mut from, &mut &out)?;
        }
    }
    out.sync_all()
}

/// A part of a file, read without moving its cursor.
struct Stretch<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Stretch<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(into.len());
        let got = self.file.read_at(&mut into[..want], self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

/// Renames, and never onto a file that is there.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot say so in one step.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        other => Ok(other?),
    }
}
