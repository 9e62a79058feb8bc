//! The output of lines: a file or standard output, shared by all workers.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{Advice, HandlerError, RecordFailure};

/// The output that all workers write to, one block of whole lines at a time.
///
/// A file is created if missing and *appended to* otherwise: the lines of an interrupted run are kept, and several
/// processes may share a file. Each block is written with one system call at the file's end, so on a local file system
/// lines of two processes never mix. After an incomplete block (a full disk, `kill -9` of an earlier process) the next
/// one starts on a new line: at most one line is torn, and nothing is appended to it. A process that opens the file
/// during another's write may mistake that for a torn line and write an empty line.
#[derive(Debug)]
pub(super) struct LineOutput {
    target: LineTarget,
    /// The last line in the file is incomplete.
    is_torn: bool,
}

#[derive(Debug)]
enum LineTarget {
    Stdout(io::Stdout),
    File(File, PathBuf),
}

/// Why lines could not be written.
#[derive(Debug)]
pub(super) struct WriteError {
    /// One sentence.
    pub(super) text: String,
    /// Whether every further write would fail too: the reader has closed the pipe.
    pub(super) is_final: bool,
}

/// The output is at fault, not a record.
impl From<WriteError> for RecordFailure {
    fn from(error: WriteError) -> Self {
        Self::new(error.text, if error.is_final { Advice::Stop } else { Advice::Unable })
    }
}

impl LineOutput {
    pub(super) fn open(path: Option<&Path>) -> Result<Self, HandlerError> {
        let Some(path) = path else { return Ok(Self { target: LineTarget::Stdout(io::stdout()), is_torn: false }) };
        let failed = |source| HandlerError::Open { path: path.into(), source };
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(failed)?;
        let regular = file.metadata().map_err(failed)?.is_file();
        let is_torn = regular && ends_within_a_line(path).map_err(failed)?;
        Ok(Self { target: LineTarget::File(file, path.into()), is_torn })
    }

    /// Writes whole lines. When it returns without an error they have been passed to the operating system.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), WriteError> {
        if lines.is_empty() {
            return Ok(());
        }
        let joined;
        let block = if self.is_torn {
            joined = [b"\n", lines].concat();
            joined.as_slice()
        } else {
            lines
        };
        let result = match &mut self.target {
            LineTarget::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(block).and_then(|()| stdout.flush())
            }
            LineTarget::File(file, _) => file.write_all(block),
        };
        self.is_torn = result.is_err();
        result.map_err(|error| {
            let is_final = error.kind() == io::ErrorKind::BrokenPipe;
            let text = match &self.target {
                LineTarget::Stdout(_) if is_final => "standard output was closed by its reader".into(),
                LineTarget::Stdout(_) => format!("cannot write to standard output: {error}"),
                LineTarget::File(_, path) => format!("cannot write to {}: {error}", path.display()),
            };
            WriteError { text, is_final }
        })
    }

    /// Syncs the file to disk.
    pub(super) fn finish(&mut self) -> Result<(), HandlerError> {
        match &self.target {
            LineTarget::File(file, path) if file.metadata().is_ok_and(|meta| meta.is_file()) => {
                file.sync_all().map_err(|source| HandlerError::Finish { path: path.clone(), source })
            }
            // Every block was flushed; standard output, pipes and devices need no sync.
            _ => Ok(()),
        }
    }
}

fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_appended_to_after_ending_a_torn_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.ndjson");
        for (before, after) in [("", "x\n"), ("a\n", "a\nx\n"), ("a\n{\"top", "a\n{\"top\nx\n")] {
            std::fs::write(&path, before).unwrap();
            let mut output = LineOutput::open(Some(&path)).unwrap();
            output.write(b"").unwrap();
            output.write(b"x\n").unwrap();
            output.finish().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = LineOutput::open(Some(&dir.path().join("no/such/dir.ndjson"))).unwrap_err().to_string();
        assert!(missing.contains("no/such/dir.ndjson"), "{missing}");
        assert!(LineOutput::open(Some(dir.path())).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_reported() {
        let mut output = LineOutput::open(Some(Path::new("/dev/full"))).unwrap();
        let error = output.write(b"x\n").unwrap_err().text;
        assert!(error.contains("/dev/full") && error.contains("No space left"), "{error}");
        assert!(output.is_torn, "the part that was written may end within a line");
        output.finish().unwrap();
    }
}
