//! The exported offsets of a partition, as runs of consecutive offsets.

use std::collections::BTreeMap;

/// A set of offsets: everything below a position, and runs above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OffsetRuns {
    below: i64,
    /// From the first offset of a run to the offset after its last.
    runs_above: BTreeMap<i64, i64>,
}

impl OffsetRuns {
    pub(super) fn below(position: i64) -> Self {
        Self { below: position, runs_above: BTreeMap::new() }
    }

    pub(super) fn contains(&self, offset: i64) -> bool {
        offset < self.below || self.runs_above.range(..=offset).next_back().is_some_and(|(_, end)| offset < *end)
    }

    /// Adds the offsets from `first` to `end` (exclusive).
    pub(super) fn insert(&mut self, first: i64, end: i64) {
        let (mut first, mut end) = (first, end);
        // Runs that it touches are merged.
        while let Some((&begin, &stop)) = self.runs_above.range(..=end).next_back() {
            if stop < first {
                break;
            }
            self.runs_above.remove(&begin);
            first = first.min(begin);
            end = end.max(stop);
        }
        self.runs_above.insert(first, end);
    }

    /// Adds every offset below a position, so that they need not be stored individually.
    pub(super) fn advance(&mut self, position: i64) {
        if position <= self.below {
            return;
        }
        self.below = position;
        let runs_above = self.runs_above.split_off(&position);
        if let Some((_, &end)) = self.runs_above.last_key_value()
            && end > position
        {
            self.runs_above = runs_above;
            self.runs_above.insert(position, end);
        } else {
            self.runs_above = runs_above;
        }
    }
}

/// Encodes runs in ascending order for the database: the distance to each run and its length, as 7-bit varints.
pub(super) fn encode(runs: &[(i64, i64)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(runs.len() * 2 + 8);
    let mut at = 0;
    for (first, end) in runs {
        push_varint(&mut out, first.wrapping_sub(at).cast_unsigned());
        push_varint(&mut out, end.wrapping_sub(*first).cast_unsigned());
        at = *end;
    }
    out
}

/// Decodes runs; `None` if the bytes are invalid.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<(i64, i64)>> {
    let (mut rest, mut at, mut runs) = (bytes, 0_i64, Vec::new());
    while !rest.is_empty() {
        let first = at.checked_add_unsigned(read_varint(&mut rest)?)?;
        at = first.checked_add_unsigned(read_varint(&mut rest)?)?;
        runs.push((first, at));
    }
    Some(runs)
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

fn read_varint(rest: &mut &[u8]) -> Option<u64> {
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

/// Groups ascending offsets into runs.
pub(super) fn runs_of(offsets: impl IntoIterator<Item = i64>) -> Vec<(i64, i64)> {
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
        fn offset_runs_behave_like_a_set_of_offsets(steps in prop::collection::vec((0_i64..60, 1_i64..6, prop::option::weighted(0.2, 0_i64..70)), 0..60)) {
            let (mut written, mut model, mut below) = (OffsetRuns::default(), BTreeSet::new(), 0);
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
                prop_assert!(written.runs_above.iter().zip(written.runs_above.iter().skip(1)).all(|(one, next)| one.1 < next.0));
            }
        }

        #[test]
        fn runs_are_decoded_as_encoded(offsets in prop::collection::btree_set(0..i64::MAX - 1, 0..50), near in prop::collection::btree_set(0..200_i64, 0..50)) {
            for offsets in [offsets, near] {
                let runs = runs_of(offsets.iter().copied());
                prop_assert_eq!(decode(&encode(&runs)), Some(runs.clone()));
                let count: i64 = runs.iter().map(|(first, end)| end - first).sum();
                prop_assert_eq!(usize::try_from(count).unwrap(), offsets.len());
            }
        }

        #[test]
        fn any_bytes_decode_to_runs_or_none(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&bytes);
        }
    }
}
