//! Where lines go: a file or standard output, shared by all workers.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::handler::HandlerError;

/// The end of the pipe that all workers write to, a block of whole lines at a time.
///
/// A file is created where there is none and *appended to* where there is one: the lines of an interrupted run are kept,
/// and several processes may share a file. Each block is handed to the system in one write at the file's end, so that on
/// a local file system lines of two processes never mix. Where a block was cut short (a full disk, `kill -9` of an
/// earlier process) the next one begins on a new line: at most one line is torn, and none is glued to it. A process that
/// opens the file in the middle of another's write may take that for a torn line; it then leaves an empty one.
#[derive(Debug)]
pub(super) struct Sink {
    target: Target,
    /// The last line out there is not complete.
    torn: bool,
}

#[derive(Debug)]
enum Target {
    Stdout(io::Stdout),
    File(File, PathBuf),
}

/// Why lines could not be written.
#[derive(Debug)]
pub(super) struct Refusal {
    /// One sentence.
    pub(super) text: String,
    /// Whether it will never be otherwise: nobody reads any more.
    pub(super) is_final: bool,
}

impl Sink {
    pub(super) fn open(path: Option<&Path>) -> Result<Self, HandlerError> {
        let Some(path) = path else { return Ok(Self { target: Target::Stdout(io::stdout()), torn: false }) };
        let failed = |source| HandlerError::Open { path: path.into(), source };
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(failed)?;
        let regular = file.metadata().map_err(failed)?.is_file();
        let torn = regular && ends_within_a_line(path).map_err(failed)?;
        Ok(Self { target: Target::File(file, path.into()), torn })
    }

    /// Hands whole lines to the system; they are out of this process when it returns without an error.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Refusal> {
        if lines.is_empty() {
            return Ok(());
        }
        let joined;
        let block = if self.torn {
            joined = [b"\n", lines].concat();
            joined.as_slice()
        } else {
            lines
        };
        let result = match &mut self.target {
            Target::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(block).and_then(|()| stdout.flush())
            }
            Target::File(file, _) => file.write_all(block),
        };
        self.torn = result.is_err();
        result.map_err(|error| {
            let is_final = error.kind() == io::ErrorKind::BrokenPipe;
            let text = match &self.target {
                Target::Stdout(_) if is_final => "standard output was closed by its reader".into(),
                Target::Stdout(_) => format!("cannot write to standard output: {error}"),
                Target::File(_, path) => format!("cannot write to {}: {error}", path.display()),
            };
            Refusal { text, is_final }
        })
    }

    /// Puts everything on the disk.
    pub(super) fn finish(&mut self) -> Result<(), HandlerError> {
        match &self.target {
            Target::File(file, path) if file.metadata().is_ok_and(|meta| meta.is_file()) => {
                file.sync_all().map_err(|source| HandlerError::Finish { path: path.clone(), source })
            }
            // Standard output, pipes and devices: every block was flushed, and there is no disk to wait for.
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
    fn a_file_is_appended_to_and_a_torn_line_is_closed_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.ndjson");
        for (before, after) in [("", "x\n"), ("a\n", "a\nx\n"), ("a\n{\"top", "a\n{\"top\nx\n")] {
            std::fs::write(&path, before).unwrap();
            let mut sink = Sink::open(Some(&path)).unwrap();
            sink.write(b"").unwrap();
            sink.write(b"x\n").unwrap();
            sink.finish().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Sink::open(Some(&dir.path().join("no/such/dir.ndjson"))).unwrap_err().to_string();
        assert!(missing.contains("no/such/dir.ndjson"), "{missing}");
        assert!(Sink::open(Some(dir.path())).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_says_so() {
        let mut sink = Sink::open(Some(Path::new("/dev/full"))).unwrap();
        let error = sink.write(b"x\n").unwrap_err().text;
        assert!(error.contains("/dev/full") && error.contains("No space left"), "{error}");
        assert!(sink.torn, "what got out may end within a line");
        sink.finish().unwrap();
    }
}
