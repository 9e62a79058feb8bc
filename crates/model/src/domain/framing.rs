//! Entries in a file that can be cut or damaged at any byte: a mark, the length of the body, the body, its checksum.
//!
//! A reader that finds no valid entry at a place can look for the next one at each byte behind it.

use xxhash_rust::xxh3::xxh3_64;

/// What each entry of a kind of file begins with.
pub type Mark = [u8; 2];

/// The size of mark and length.
pub const HEADER_BYTES: usize = 6;
/// The size of the checksum behind the body.
pub const CHECKSUM_BYTES: usize = 8;

/// Appends an entry with the body that `write` appends. A body of 4 GiB or more makes an entry that is not valid.
pub fn append(out: &mut Vec<u8>, mark: Mark, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend(mark);
    out.extend([0; HEADER_BYTES - size_of::<Mark>()]);
    let body = out.len();
    write(out);
    let length = u32::try_from(out.len() - body).unwrap_or(u32::MAX);
    out[start + size_of::<Mark>()..body].copy_from_slice(&length.to_le_bytes());
    let sum = xxh3_64(&out[body..]);
    out.extend(sum.to_le_bytes());
}

/// The length of the body of the entry that begins with these bytes; `None` if none does.
#[must_use]
pub fn body_bytes(bytes: &[u8], mark: Mark) -> Option<usize> {
    let length = bytes.strip_prefix(&mark)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*length)).ok()
}

/// The body of the entry at the front, and what follows the entry; `None` if there is no entry, or if it is damaged.
#[must_use]
pub fn split(bytes: &[u8], mark: Mark) -> Option<(&[u8], &[u8])> {
    let length = body_bytes(bytes, mark)?;
    let (body, rest) = bytes.get(HEADER_BYTES..)?.split_at_checked(length)?;
    let (sum, rest) = rest.split_first_chunk()?;
    (xxh3_64(body) == u64::from_le_bytes(*sum)).then_some((body, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARK: Mark = [0xAB, 0xCD];

    fn entries(bodies: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for body in bodies {
            append(&mut bytes, MARK, |out| out.extend(body));
        }
        bytes
    }

    proptest! {
        #[test]
        fn entries_are_split_off_in_their_order(bodies in prop::collection::vec(any::<Vec<u8>>(), 0..5)) {
            let bytes = entries(&bodies);
            let mut rest = bytes.as_slice();
            for expected in &bodies {
                let (body, after) = split(rest, MARK).unwrap();
                prop_assert_eq!((body, rest.len() - after.len()), (&expected[..], HEADER_BYTES + body.len() + CHECKSUM_BYTES));
                rest = after;
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn a_damaged_or_cut_entry_is_refused(body in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let bytes = entries(&[body]);
            let mut damaged = bytes.clone();
            damaged[at.index(bytes.len())] ^= 1_u8 << bit;
            prop_assert_eq!(split(&damaged, MARK), None);
            prop_assert_eq!(split(&bytes[..at.index(bytes.len())], MARK), None);
        }
    }
}
