//! The index at the end of a recording: the head and the size of each entry, in the order of the file.

use kreplay_model::{
    domain::{
        framing,
        varint::{push, take},
    },
    recording::EntryHead,
};

use crate::INDEX_MARK;

/// The end of a file with an index: where the index begins, and this.
const TRAILER_MAGIC: [u8; 8] = *b"KREPLAY\x1A";
/// The size of that end.
pub(crate) const TRAILER_BYTES: usize = 16;
/// The most bytes that an entry takes in the index: kind, time and size.
pub(crate) const MAX_BYTES_PER_ENTRY: u64 = 16;

/// An entry in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexedEntry {
    /// What is known about it without reading it.
    pub(crate) head: EntryHead,
    /// Its size with mark, length and checksum.
    pub(crate) framed_bytes: u32,
}

/// The bytes of the index and of the trailer, for an index that begins at `offset`.
pub(crate) fn encode(entries: &[IndexedEntry], offset: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    framing::append(&mut bytes, INDEX_MARK, |body| {
        let mut last_ms = 0;
        for entry in entries {
            let after_ms = entry.head.at_ms.wrapping_sub(last_ms);
            EntryHead { at_ms: after_ms, ..entry.head }.append_to(body);
            push(body, u64::from(entry.framed_bytes));
            last_ms = entry.head.at_ms;
        }
    });
    bytes.extend(offset.to_le_bytes());
    bytes.extend(TRAILER_MAGIC);
    bytes
}

/// Where the index begins, according to the last bytes of a file; `None` if it has none.
pub(crate) fn offset(trailer: &[u8; TRAILER_BYTES]) -> Option<u64> {
    let (offset, magic) = trailer.split_first_chunk()?;
    (*magic == TRAILER_MAGIC).then(|| u64::from_le_bytes(*offset))
}

/// The entries of an index, given its bytes without the trailer; `None` if it is damaged or has an unknown kind.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<IndexedEntry>> {
    let (mut body, rest) = framing::split(bytes, INDEX_MARK)?;
    let (mut entries, mut at_ms) = (Vec::new(), 0_i64);
    while !body.is_empty() {
        let head = EntryHead::take(&mut body)?;
        at_ms = at_ms.wrapping_add(head.at_ms);
        let framed_bytes = u32::try_from(take(&mut body)?).ok()?;
        entries.push(IndexedEntry { head: EntryHead { at_ms, ..head }, framed_bytes });
    }
    rest.is_empty().then_some(entries)
}

#[cfg(test)]
mod tests {
    use kreplay_model::recording::EntryKind;

    use super::*;

    #[test]
    fn an_index_is_read_back_and_a_cut_one_is_refused() {
        let entry = |at_ms, kind, framed_bytes| IndexedEntry {
            head: EntryHead { kind, at_ms, is_whole: at_ms == 1_790_000_000_000, has_mark: framed_bytes > 99 },
            framed_bytes,
        };
        let entries = [
            entry(1_790_000_000_000, EntryKind::Snapshot, 1_234),
            entry(1_790_000_000_000, EntryKind::Events, 80),
            entry(1_790_000_000_100, EntryKind::Snapshot, 99),
        ];
        let bytes = encode(&entries, 77);
        let (index, trailer) = bytes.split_last_chunk::<TRAILER_BYTES>().unwrap();
        assert_eq!(decode(index).unwrap(), entries);
        assert_eq!(offset(trailer), Some(77));
        assert_eq!(offset(&[0; TRAILER_BYTES]), None);
        for cut in 0..index.len() {
            assert_eq!(decode(&index[..cut]), None);
        }
        let most = (index.len() as u64).div_ceil(entries.len() as u64);
        assert!(most <= MAX_BYTES_PER_ENTRY, "{most}");
    }
}
