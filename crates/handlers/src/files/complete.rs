//! Completes files: converts a part file to its final format and gives it its final name.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::atomic::Ordering::Relaxed,
};

use flate2::write::GzEncoder;
use kreplay_model::{
    domain::number::{by_count, counted},
    feed::EventKind,
};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{
    Compression, FileFormat, format::OutputFormat, hold, ledger::FileState, ledger_error::ExportError, parquet,
    part_file::PartFile, writer::ExportWriter,
};
use crate::HandlerError;

/// A part file that has all its rows.
pub(super) struct FinishedFile<'a> {
    pub(super) id: i64,
    pub(super) name: &'a str,
    pub(super) path: &'a Path,
    pub(super) file: &'a File,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) output: &'a OutputFormat,
}

impl ExportWriter {
    /// Completes files. Files that cannot be completed, now or earlier, are tried again together with the next ones.
    pub(super) fn complete_all(&self, parts: Vec<PartFile>) {
        if parts.is_empty() {
            return;
        }
        let mut all = std::mem::take(&mut self.state.lock().incomplete);
        all.extend(parts);
        for mut part in all {
            if let Err(reason) = self.complete_part(&mut part) {
                self.events.push(EventKind::Warning { text: format!("{reason}; retrying later") });
                let mut state = self.state.lock();
                // If it cannot be closed it stays open and is retried as well.
                drop(state.parts.close_detached(&mut part));
                state.incomplete.push(part);
            }
        }
    }

    fn complete_part(&self, part: &mut PartFile) -> Result<(), String> {
        if !part.is_open() {
            let reopener = part.reopener();
            let file = self.state.lock().parts.open_with_room(|| reopener.open());
            part.reopened(file.map_err(|error| format!("cannot complete {}: {error}", part.path.display()))?);
        }
        let PartFile { id, name, path, rows, bytes, .. } = &*part;
        let file = part.file().map_err(|error| format!("cannot complete {}: {error}", path.display()))?;
        self.complete(&FinishedFile {
            id: *id,
            name,
            path,
            file,
            rows: *rows,
            bytes: *bytes,
            output: &self.table.output,
        })
    }

    /// Completes all files, and merges the entries in the database.
    ///
    /// # Errors
    /// Some files could not be completed. Their rows are safe: the next run completes them.
    pub(super) fn close(&self) -> Result<(), HandlerError> {
        let parts = {
            let state = &mut *self.state.lock();
            let mut parts = state.parts.take(|_| true);
            parts.append(&mut state.incomplete);
            parts
        };
        self.complete_all(parts);
        // This only saves time and space: the exported records are known without it.
        drop(if self.in_group { self.merge_entries() } else { self.advance() });
        let remaining = self.state.lock().incomplete.len();
        if remaining == 0 {
            return Ok(());
        }
        Err(HandlerError::Target {
            handler: self.table.output.format.handler(),
            reason: format!(
                "{} in {} could not be completed; the rows are safe in {}, and the next export to this directory will \
                 complete {}",
                counted(remaining, "file"),
                self.dir.display(),
                self.work.display(),
                by_count(remaining, "it", "them")
            ),
        })
    }

    /// Records the run's positions.
    fn advance(&self) -> Result<(), ExportError> {
        let claimed_partitions: Vec<_> = self
            .state
            .lock()
            .claimed_partitions
            .iter()
            .map(|(index, claimed)| (*index, claimed.row, claimed.owner))
            .collect();
        let Some(run) = self.positions.get() else { return Ok(()) };
        let positions: Vec<_> =
            claimed_partitions.into_iter().map(|(index, row, owner)| (row, owner, run.position(index))).collect();
        self.state.lock().ledger.advance(&positions)
    }

    /// Replaces the entries of each partition by one.
    fn merge_entries(&self) -> Result<(), ExportError> {
        let state = &mut *self.state.lock();
        let claimed_partitions = state.claimed_partitions.values().filter(|claimed| claimed.entries > 0);
        let merged: Vec<_> = claimed_partitions.map(|claimed| (claimed.row, claimed.owner, &claimed.written)).collect();
        state.ledger.merge(&merged)
    }

    /// Converts a file and gives it its final name.
    ///
    /// # Errors
    /// One sentence: why it could not be completed.
    pub(super) fn complete(&self, finished: &FinishedFile<'_>) -> Result<(), String> {
        let FinishedFile { id, name, path, file, rows, bytes, output } = *finished;
        let failed = |error: io::Error| format!("cannot complete {}: {error}", path.display());
        let error_text = |error: ExportError| error.text;
        if rows == 0 {
            drop(fs::remove_file(path));
            hold::forget(path);
            return self.state.lock().ledger.forget(id).map_err(error_text);
        }
        if file.metadata().map_err(failed)?.nlink() == 0 {
            return Err(format!("{} was deleted, and {rows} exported rows with it", path.display()));
        }
        file.set_len(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        let converted = if output.is_plain() { path.to_owned() } else { converted_path(path) };
        if !output.is_plain() {
            // One at a time: conversion keeps a row group in memory.
            let _guard = self.completing.lock();
            convert(file, bytes, rows, output, &converted)
                .inspect_err(|_| drop(fs::remove_file(&converted)))
                .map_err(failed)?;
        }
        let size = fs::metadata(&converted).map_err(failed)?.len();
        let mut name = name.to_owned();
        let mut attempt = 1;
        loop {
            self.state.lock().ledger.set_state(id, FileState::Complete, &name).map_err(error_text)?;
            match rename_to_new(&converted, &self.dir.join(&name)) {
                Ok(()) => break,
                // A foreign file has this name: it is kept, and another name is chosen.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {
                    attempt += 1;
                    name = other_name(finished.name, output, attempt);
                }
                Err(error) => return Err(failed(error)),
            }
        }
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        if !output.is_plain() {
            drop(fs::remove_file(path));
        }
        // Done before the state is set, because a file in state `Done` is not checked again.
        hold::forget(path);
        self.state.lock().ledger.set_state(id, FileState::Done, &name).map_err(error_text)?;
        self.counts.files.fetch_add(1, Relaxed);
        self.counts.file_bytes.fetch_add(size, Relaxed);
        Ok(())
    }
}

/// The path at which the final form of a part file is created.
pub(super) fn converted_path(part: &Path) -> PathBuf {
    part.with_extension("made")
}

fn other_name(name: &str, output: &OutputFormat, attempt: u32) -> String {
    let ending = output.ending();
    let stem = name.strip_suffix(ending).and_then(|stem| stem.strip_suffix('.')).unwrap_or(name);
    format!("{stem}-{attempt}.{ending}")
}

fn convert(file: &File, bytes: u64, rows: u64, output: &OutputFormat, to: &Path) -> io::Result<()> {
    let mut from = BufReader::with_capacity(1 << 18, Stretch { file, at: 0, end: bytes });
    let out = File::create(to)?;
    match (output.format, output.compression) {
        (FileFormat::Parquet, compression) => {
            parquet::convert(&mut from, rows, &output.columns, compression, BufWriter::with_capacity(1 << 18, &out))?;
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

/// A range of a file, read without moving the file's cursor.
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

/// Renames a file without replacing an existing one.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems do not support this in one step.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        other => Ok(other?),
    }
}
