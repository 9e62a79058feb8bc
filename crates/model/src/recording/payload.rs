//! Compressed content of entries.
//!
//! A difference is compressed with the whole value as zstd's dictionary, so that what both have in common costs a few
//! bytes. Both are JSON: unlike compact binary formats, it allows fields to be added, and compressed it is hardly
//! larger.

use std::io;

use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::CParameter,
};

use crate::domain::varint::{push, take};

/// zstd's own default. Higher levels take much longer on whole snapshots and save little on differences.
const LEVEL: i32 = 3;
/// The largest content that is read. It is far larger than any snapshot, and limits the memory that a damaged file can
/// use.
const MAX_CONTENT_BYTES: usize = 256 << 20;

/// Compresses contents against one dictionary, which may be empty.
pub(super) struct Packer(Compressor<'static>);

impl Packer {
    /// A packer without a dictionary is for whole contents.
    pub(super) fn new(dictionary: &[u8]) -> io::Result<Self> {
        let mut compressor = Compressor::with_dictionary(LEVEL, dictionary)?;
        // A wrong dictionary is found when the content is read.
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self(compressor))
    }

    /// A payload: the size of the content, and the compressed content.
    pub(super) fn pack(&mut self, content: &[u8]) -> io::Result<Vec<u8>> {
        let mut payload = Vec::new();
        push(&mut payload, content.len() as u64);
        payload.extend(self.0.compress(content)?);
        payload.shrink_to_fit();
        Ok(payload)
    }
}

/// The content of a payload that was packed with the same dictionary; `None` if it is damaged.
pub(super) fn unpack(mut payload: &[u8], dictionary: &[u8]) -> Option<Vec<u8>> {
    let size = usize::try_from(take(&mut payload)?).ok().filter(|size| *size <= MAX_CONTENT_BYTES)?;
    let content = Decompressor::with_dictionary(dictionary).ok()?.decompress(payload, size).ok()?;
    (content.len() == size).then_some(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn contents_survive_with_any_dictionary(content: Vec<u8>, dictionary: Vec<u8>) {
            let payload = Packer::new(&dictionary).unwrap().pack(&content).unwrap();
            prop_assert_eq!(unpack(&payload, &dictionary), Some(content));
        }
    }

    #[test]
    fn a_wrong_dictionary_and_a_cut_payload_are_refused() {
        let text = |word: &str| format!("{word} ").repeat(100).into_bytes();
        let payload = Packer::new(&text("lag")).unwrap().pack(&text("lag")).unwrap();
        assert!(payload.len() < 50, "{}", payload.len());
        assert_eq!(unpack(&payload, &text("age")), None);
        for cut in 0..payload.len() {
            assert_eq!(unpack(&payload[..cut], &text("lag")), None);
        }
    }

    #[test]
    fn a_payload_cannot_ask_for_more_memory_than_the_maximum() {
        let mut payload = Vec::new();
        push(&mut payload, u64::MAX);
        payload.extend(Packer::new(&[]).unwrap().pack(b"x").unwrap());
        assert_eq!(unpack(&payload, &[]), None);
    }
}
