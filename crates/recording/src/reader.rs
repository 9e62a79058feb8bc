//! Reads a recording.

mod scan;

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fs::File,
    io,
    ops::RangeInclusive,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use kreplay_model::{
    domain::framing,
    recording::{EntryHead, Frame, Past, Tracks},
};

use crate::{
    ENTRY_MARK,
    header::{self, About, MAX_HEADER_BYTES, OpenError, Version},
    index::{self, IndexedEntry, TRAILER_BYTES},
};

/// Where an entry is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    offset: u64,
    framed_bytes: u32,
}

/// A recording that can be shown. Only its index is kept in memory.
#[derive(Debug)]
pub struct Recording {
    file: File,
    version: Version,
    about: About,
    tracks: Tracks<Place>,
    is_complete: bool,
    /// Where damage was found so far.
    damaged: Mutex<BTreeSet<u64>>,
}

impl Recording {
    /// Opens a recording, with its index or, if it has none because its end is missing, by reading it once.
    ///
    /// # Errors
    /// [`OpenError`] says precisely why the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut start = vec![0; usize::try_from(size).unwrap_or(usize::MAX).min(MAX_HEADER_BYTES)];
        file.read_exact_at(&mut start, 0)?;
        let (version, about, header_bytes) = header::decode(&start)?;
        let header_bytes = header_bytes as u64;
        let indexed = indexed(&file, header_bytes, size)?;
        let is_complete = indexed.is_some();
        let (mut tracks, mut damaged) = (Tracks::default(), BTreeSet::new());
        match indexed {
            Some(entries) => {
                let mut offset = header_bytes;
                for entry in entries {
                    add(&mut tracks, entry.head, offset, entry.framed_bytes);
                    offset += u64::from(entry.framed_bytes);
                }
            }
            None => {
                damaged = scan::entries(&file, header_bytes, size, |head, offset, framed_bytes| {
                    add(&mut tracks, head, offset, framed_bytes);
                })?;
            }
        }
        if tracks.range().is_none() {
            return Err(OpenError::NoFrame);
        }
        Ok(Self { file, version, about, tracks, is_complete, damaged: Mutex::new(damaged) })
    }

    /// The version of its format.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Who wrote it.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Whether recording ended properly. Otherwise the process was killed, is still recording, or the file was cut.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The number of places that are damaged, as far as the recording was read. What was recorded there is missing, up
    /// to the next entry that does not depend on it.
    #[must_use]
    pub fn damaged_places(&self) -> usize {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// All frames, oldest first, each with what changed since the one before.
    pub fn frames(&self) -> impl Iterator<Item = Frame> {
        self.frames_within(&(i64::MIN..=i64::MAX))
    }

    /// The frames of a range of moments, in milliseconds since 1970.
    pub fn frames_within(&self, moments: &RangeInclusive<i64>) -> impl Iterator<Item = Frame> {
        self.tracks.frames(moments, |place| self.read(place))
    }

    /// The payload of an entry; `None` if it cannot be read, or is damaged.
    fn read(&self, place: &Place) -> Option<Cow<'_, [u8]>> {
        let payload = self.read_payload(place);
        if payload.is_none() {
            self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(place.offset);
        }
        payload.map(Cow::Owned)
    }

    fn read_payload(&self, place: &Place) -> Option<Vec<u8>> {
        let mut framed = vec![0; place.framed_bytes as usize];
        self.file.read_exact_at(&mut framed, place.offset).ok()?;
        let (mut body, _) = framing::split(&framed, ENTRY_MARK)?;
        EntryHead::take(&mut body)?;
        Some(body.to_vec())
    }
}

impl Past for Recording {
    fn range(&self) -> Option<(i64, i64)> {
        self.tracks.range()
    }

    fn state_at(&self, at_ms: i64) -> Option<Frame> {
        self.tracks.state_at(at_ms, |place| self.read(place))
    }

    fn next_mark(&self, at_ms: i64, forward: bool) -> Option<i64> {
        self.tracks.next_mark(at_ms, forward)
    }
}

/// Adds an entry at an offset of the file.
fn add(tracks: &mut Tracks<Place>, head: EntryHead, offset: u64, framed_bytes: u32) {
    tracks.push(head, Place { offset, framed_bytes });
}

/// The entries of the index; `None` if the file has none, or if it does not describe the whole file.
fn indexed(file: &File, header_bytes: u64, size: u64) -> io::Result<Option<Vec<IndexedEntry>>> {
    let Some(end) = size.checked_sub(TRAILER_BYTES as u64).filter(|end| *end >= header_bytes) else {
        return Ok(None);
    };
    let mut trailer = [0; TRAILER_BYTES];
    file.read_exact_at(&mut trailer, end)?;
    let Some(offset) = index::offset(&trailer).filter(|offset| (header_bytes..end).contains(offset)) else {
        return Ok(None);
    };
    let mut bytes = vec![0; usize::try_from(end - offset).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, offset)?;
    let entries = index::decode(&bytes);
    let described = |entries: &Vec<IndexedEntry>| {
        header_bytes + entries.iter().map(|entry| u64::from(entry.framed_bytes)).sum::<u64>() == offset
    };
    Ok(entries.filter(described))
}
