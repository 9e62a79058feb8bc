//! Which records of a partition are in files.

use std::collections::BTreeMap;

/// Everything below a position, and stretches above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    below: i64,
    /// From the first offset of a stretch to the one behind its last.
    above: BTreeMap<i64, i64>,
}

impl Written {
    pub(super) fn below(position: i64) -> Self {
        Self { below: position, above: BTreeMap::new() }
    }

    pub(super) fn contains(&self, offset: i64) -> bool {
        offset < self.below || self.above.range(..=offset).next_back().is_some_and(|(_, end)| offset < *end)
    }

    /// Adds the offsets from `first` up to the one before `end`.
    pub(super) fn insert(&mut self, first: i64, end: i64) {
        let (mut first, mut end) = (first, end);
        // Whatever it touches becomes part of it.
        while let Some((&begin, &stop)) = self.above.range(..=end).next_back() {
            if stop < first {
                break;
            }
            self.above.remove(&begin);
            first = first.min(begin);
            end = end.max(stop);
        }
        self.above.insert(first, end);
    }

    /// Everything below a position is dealt with, and need not be remembered one by one.
    pub(super) fn advance(&mut self, position: i64) {
        if position <= self.below {
            return;
        }
        self.below = position;
        let above = self.above.split_off(&position);
        if let Some((_, &end)) = self.above.last_key_value()
            && end > position
        {
            self.above = above;
            self.above.insert(position, end);
        } else {
            self.above = above;
        }
    }
}

/// Stretches of offsets in their order, for the database: the distance to each and its length, 7 bits to a byte.
pub(super) fn encode(stretches: &[(i64, i64)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stretches.len() * 2 + 8);
    let mut at = 0;
    for (first, end) in stretches {
        push(&mut out, first.wrapping_sub(at).cast_unsigned());
        push(&mut out, end.wrapping_sub(*first).cast_unsigned());
        at = *end;
    }
    out
}

/// The same stretches again; `None` where the bytes are none.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<(i64, i64)>> {
    let (mut rest, mut at, mut stretches) = (bytes, 0_i64, Vec::new());
    while !rest.is_empty() {
        let first = at.checked_add_unsigned(pull(&mut rest)?)?;
        at = first.checked_add_unsigned(pull(&mut rest)?)?;
        stretches.push((first, at));
    }
    Some(stretches)
}

fn push(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

fn pull(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Offsets in their order as stretches.
pub(super) fn stretches(offsets: impl IntoIterator<Item = i64>) -> Vec<(i64, i64)> {
    let mut found: Vec<(i64, i64)> = Vec::new();
    for offset in offsets {
        match found.last_mut() {
            Some((_, end)) if *end == offset => *end += 1,
            _ => found.push((offset, offset + 1)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set_of_offsets(steps in prop::collection::vec((0_i64..60, 1_i64..6, prop::option::weighted(0.2, 0_i64..70)), 0..60)) {
            let (mut written, mut model, mut below) = (Written::default(), BTreeSet::new(), 0);
            for (first, length, advance) in steps {
                written.insert(first, first + length);
                model.extend(first..first + length);
                if let Some(position) = advance {
                    written.advance(position);
                    below = below.max(position);
                }
                for offset in 0..75 {
                    prop_assert_eq!(written.contains(offset), offset < below || model.contains(&offset), "{}", offset);
                }
                prop_assert!(written.above.iter().zip(written.above.iter().skip(1)).all(|(one, next)| one.1 < next.0));
            }
        }

        #[test]
        fn stretches_read_back(offsets in prop::collection::btree_set(0..i64::MAX - 1, 0..50), near in prop::collection::btree_set(0..200_i64, 0..50)) {
            for offsets in [offsets, near] {
                let stretches = stretches(offsets.iter().copied());
                prop_assert_eq!(decode(&encode(&stretches)), Some(stretches.clone()));
                let count: i64 = stretches.iter().map(|(first, end)| end - first).sum();
                prop_assert_eq!(usize::try_from(count).unwrap(), offsets.len());
            }
        }

        #[test]
        fn any_bytes_are_stretches_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&bytes);
        }
    }
}
