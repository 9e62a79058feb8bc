//! Finds the entries of a recording without its index.

use std::{collections::BTreeSet, fs::File, io, os::unix::fs::FileExt as _};

use kreplay_model::{
    domain::framing::{self, CHECKSUM_BYTES, HEADER_BYTES},
    recording::EntryHead,
};

use crate::ENTRY_MARK;

/// How much is read at once while the next mark is looked for.
const SEARCH_BYTES: usize = 64 * 1024;

/// Reports each entry with its offset and its size. What is damaged is skipped, and so are entries of unknown kinds.
/// Returns where damage begins; an entry that is cut off by the end of the file is none.
pub(super) fn entries(
    file: &File,
    start: u64,
    size: u64,
    mut found: impl FnMut(EntryHead, u64, u32),
) -> io::Result<BTreeSet<u64>> {
    let (mut offset, mut bytes) = (start, Vec::new());
    let (mut damaged, mut skipped_from) = (BTreeSet::new(), None);
    while offset < size {
        let Some(framed_bytes) = read_entry(file, offset, size, &mut bytes)? else {
            skipped_from.get_or_insert(offset);
            let Some(next) = next_mark(file, offset + 1, size)? else { break };
            offset = next;
            continue;
        };
        damaged.extend(skipped_from.take());
        let head = framing::split(&bytes, ENTRY_MARK).and_then(|(mut body, _)| EntryHead::take(&mut body));
        if let Some(head) = head {
            found(head, offset, framed_bytes);
        }
        offset += u64::from(framed_bytes);
    }
    Ok(damaged)
}

/// Reads the entry at an offset and returns its size; `None` if there is none, or if it is damaged.
fn read_entry(file: &File, offset: u64, size: u64, bytes: &mut Vec<u8>) -> io::Result<Option<u32>> {
    let left = size - offset;
    if left < (HEADER_BYTES + CHECKSUM_BYTES) as u64 {
        return Ok(None);
    }
    bytes.resize(HEADER_BYTES, 0);
    file.read_exact_at(bytes, offset)?;
    let Some(body) = framing::body_bytes(bytes, ENTRY_MARK) else { return Ok(None) };
    let framed = HEADER_BYTES + body + CHECKSUM_BYTES;
    let Some(framed_bytes) = u32::try_from(framed).ok().filter(|framed| u64::from(*framed) <= left) else {
        return Ok(None);
    };
    bytes.resize(framed, 0);
    file.read_exact_at(&mut bytes[HEADER_BYTES..], offset + HEADER_BYTES as u64)?;
    Ok(framing::split(bytes, ENTRY_MARK).map(|_| framed_bytes))
}

/// The next place from an offset on that looks like the beginning of an entry.
fn next_mark(file: &File, from: u64, size: u64) -> io::Result<Option<u64>> {
    let mut offset = from;
    while offset < size {
        let length = usize::try_from(size - offset).unwrap_or(usize::MAX).min(SEARCH_BYTES);
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset)?;
        if let Some(at) = bytes.windows(ENTRY_MARK.len()).position(|window| window == ENTRY_MARK) {
            return Ok(Some(offset + at as u64));
        }
        // A mark may lie across the border of what is read.
        offset += (length - 1).max(1) as u64;
    }
    Ok(None)
}
