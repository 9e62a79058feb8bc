//! Writes a recording, up to a maximum size.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use kreplay_model::{
    domain::framing,
    recording::{EncodeError, Encoder, Frame},
};

use crate::{
    ENTRY_MARK,
    header::{self, About},
    index::{self, IndexedEntry, MAX_BYTES_PER_ENTRY, TRAILER_BYTES},
};

/// Why a recording cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A recording never replaces a file.
    #[error("the file exists; remove it or choose another name")]
    Exists,
    /// The operating system refuses.
    #[error(transparent)]
    Create(#[from] io::Error),
    /// The header cannot be written as JSON.
    #[error("the header cannot be written: {0}")]
    Header(#[from] serde_json::Error),
}

/// Why a frame was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The frame would make the file larger than its limit.
    #[error("the recording has reached its limit of {0} bytes")]
    Limit(u64),
    /// The frame cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The operating system refuses, for example because the disk is full.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Writes frames to a file. Each frame is handed to the operating system at once, so that it survives the end of the
/// process.
#[derive(Debug)]
pub struct RecordingWriter {
    file: File,
    encoder: Encoder,
    entries: Vec<IndexedEntry>,
    buffer: Vec<u8>,
    /// The size of the file.
    bytes: u64,
    limit_bytes: u64,
    frames: u64,
}

impl RecordingWriter {
    /// Creates a file that only its owner can read, and that becomes at most `limit_bytes` large.
    ///
    /// # Errors
    /// [`CreateError`] if the file exists or cannot be created.
    pub fn create(path: &Path, about: &About, limit_bytes: u64) -> Result<Self, CreateError> {
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => CreateError::Exists,
            _ => CreateError::Create(error),
        })?;
        let header = header::encode(about)?;
        file.write_all(&header)?;
        Ok(Self {
            file,
            encoder: Encoder::default(),
            entries: Vec::new(),
            buffer: Vec::new(),
            bytes: header.len() as u64,
            limit_bytes,
            frames: 0,
        })
    }

    /// Writes a frame. After an error, [`Self::finish`] should follow: frames after it may not be readable.
    ///
    /// # Errors
    /// [`WriteError`]; what was written before stays readable.
    pub fn write(&mut self, frame: &Frame) -> Result<(), WriteError> {
        self.buffer.clear();
        let known = self.entries.len();
        for entry in self.encoder.encode(frame)? {
            let start = self.buffer.len();
            framing::append(&mut self.buffer, ENTRY_MARK, |body| {
                entry.head.append_to(body);
                body.extend(&entry.payload);
            });
            let framed_bytes = u32::try_from(self.buffer.len() - start).unwrap_or(u32::MAX);
            self.entries.push(IndexedEntry { head: entry.head, framed_bytes });
        }
        let index_bytes = self.entries.len() as u64 * MAX_BYTES_PER_ENTRY + TRAILER_BYTES as u64;
        if self.bytes + self.buffer.len() as u64 + index_bytes > self.limit_bytes {
            self.entries.truncate(known);
            return Err(WriteError::Limit(self.limit_bytes));
        }
        if let Err(error) = self.file.write_all(&self.buffer) {
            self.entries.truncate(known);
            // If that fails, too, the reader finds the end of what is whole by itself.
            let _ = self.remove_rest();
            return Err(error.into());
        }
        self.bytes += self.buffer.len() as u64;
        self.frames += u64::from(!self.buffer.is_empty());
        Ok(())
    }

    /// The size of the file in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The number of frames.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Writes the index, and waits until everything is on the disk.
    ///
    /// # Errors
    /// The error of the operating system. The recording can be read nevertheless.
    pub fn finish(&mut self) -> io::Result<()> {
        let index = index::encode(&self.entries, self.bytes);
        self.file.write_all(&index)?;
        self.bytes += index.len() as u64;
        self.file.sync_data()
    }

    /// Removes what a failed write has left behind the last whole frame. The next write continues there.
    fn remove_rest(&mut self) -> io::Result<()> {
        self.file.set_len(self.bytes)?;
        self.file.seek(SeekFrom::Start(self.bytes))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Recording, fixture::frames};

    #[test]
    fn the_index_follows_the_last_whole_frame_after_a_write_that_failed_midway() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.krec");
        let whole = frames(3);
        let mut writer = RecordingWriter::create(&path, &About::now("run"), u64::MAX).unwrap();
        for frame in &whole {
            writer.write(frame).unwrap();
        }
        // What a full disk leaves of a frame.
        writer.file.write_all(&[0xF1; 5_000]).unwrap();
        writer.remove_rest().unwrap();
        writer.finish().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), writer.bytes());
        let recording = Recording::open(&path).unwrap();
        assert!(recording.is_complete());
        assert_eq!(recording.frames().collect::<Vec<_>>(), whole);
    }
}
