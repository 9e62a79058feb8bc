//! Sets of offsets.

use std::collections::BTreeMap;

use super::varint;

/// A set of offsets, stored as runs of consecutive offsets that do not touch. Insertion and lookup take logarithmic
/// time in the number of runs, independent of the number of offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetSet {
    /// The first offset of each run, and its end (exclusive).
    runs: BTreeMap<i64, i64>,
}

impl OffsetSet {
    /// Whether the set contains an offset.
    #[must_use]
    pub fn contains(&self, offset: i64) -> bool {
        self.runs.range(..=offset).next_back().is_some_and(|(_, end)| offset < *end)
    }

    /// Adds the offsets from `first` to `end` (exclusive).
    pub fn insert(&mut self, first: i64, end: i64) {
        if first >= end {
            return;
        }
        let (mut first, mut end) = (first, end);
        if let Some((&before, &run_end)) = self.runs.range(..=first).next_back()
            && run_end >= first
        {
            if run_end >= end {
                return;
            }
            first = before;
        }
        while let Some((&next, &run_end)) = self.runs.range(first..=end).next() {
            self.runs.remove(&next);
            end = end.max(run_end);
        }
        self.runs.insert(first, end);
    }

    /// Removes the offsets below a position.
    pub fn prune(&mut self, position: i64) {
        while let Some(entry) = self.runs.first_entry() {
            let (first, end) = (*entry.key(), *entry.get());
            if first >= position {
                return;
            }
            entry.remove();
            if end > position {
                self.runs.insert(position, end);
            }
        }
    }

    /// The first offset from `position` on that the set does not contain.
    #[must_use]
    pub fn contiguous_end(&self, position: i64) -> i64 {
        self.runs.range(..=position).next_back().map_or(position, |(_, end)| position.max(*end))
    }

    /// The runs in ascending order, each as its first offset and its end (exclusive).
    pub fn runs(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.runs.iter().map(|(first, end)| (*first, *end))
    }

    /// The first offset.
    #[must_use]
    pub fn first(&self) -> Option<i64> {
        self.runs.first_key_value().map(|(first, _)| *first)
    }

    /// The end of the last run (exclusive).
    #[must_use]
    pub fn end(&self) -> Option<i64> {
        self.runs.last_key_value().map(|(_, end)| *end)
    }

    /// Adds all offsets of another set.
    pub fn merge(&mut self, other: &Self) {
        for (&first, &end) in &other.runs {
            self.insert(first, end);
        }
    }

    /// Encodes the runs in LEB128: their number, then for each run its distance from the end of the previous one, and
    /// its length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let runs: Vec<_> = self.runs().collect();
        let mut bytes = Vec::with_capacity(4 * runs.len() + 2);
        varint::push_runs(&mut bytes, 0, &runs);
        bytes
    }

    /// Encodes the runs as [`Self::encode`] does, without their number.
    #[must_use]
    pub fn encode_uncounted(&self) -> Vec<u8> {
        let (mut bytes, mut at) = (Vec::with_capacity(4 * self.runs.len()), 0);
        for (first, end) in self.runs() {
            varint::push(&mut bytes, first.wrapping_sub(at).cast_unsigned());
            varint::push(&mut bytes, end.wrapping_sub(first).cast_unsigned());
            at = end;
        }
        bytes
    }

    /// Decodes the result of [`Self::encode_uncounted`]; `None` if the bytes are invalid.
    #[must_use]
    pub fn decode_uncounted(mut bytes: &[u8]) -> Option<Self> {
        let (mut set, mut at) = (Self::default(), 0_i64);
        while !bytes.is_empty() {
            let first = at.checked_add_unsigned(varint::take(&mut bytes)?)?;
            at = first.checked_add_unsigned(varint::take(&mut bytes)?)?;
            set.insert(first, at);
        }
        Some(set)
    }

    /// Decodes the result of [`Self::encode`]; `None` if the bytes are invalid.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let runs = varint::take_runs(&mut bytes, 0)?;
        bytes.is_empty().then(|| runs.into_iter().collect())
    }
}

/// Of runs, each given by its first offset and its end (exclusive).
impl FromIterator<(i64, i64)> for OffsetSet {
    fn from_iter<T: IntoIterator<Item = (i64, i64)>>(runs: T) -> Self {
        let mut set = Self::default();
        for (first, end) in runs {
            set.insert(first, end);
        }
        set
    }
}

/// Of single offsets.
impl FromIterator<i64> for OffsetSet {
    fn from_iter<T: IntoIterator<Item = i64>>(offsets: T) -> Self {
        offsets.into_iter().map(|offset| (offset, offset.saturating_add(1))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_agrees_with_a_btree_set(steps in prop::collection::vec((0_i64..60, 0_i64..9, 0_u8..8), 0..60)) {
            let (mut set, mut model) = (OffsetSet::default(), BTreeSet::new());
            for (first, length, action) in steps {
                if action == 0 {
                    set.prune(first);
                    model.retain(|offset| *offset >= first);
                } else {
                    set.insert(first, first + length);
                    model.extend(first..first + length);
                }
                for offset in -1..72 {
                    prop_assert_eq!(set.contains(offset), model.contains(&offset), "{} in {:?}", offset, set);
                }
                let contiguous_end = (first..first + 100).find(|offset| !model.contains(offset)).unwrap();
                prop_assert_eq!(set.contiguous_end(first), contiguous_end);
                prop_assert_eq!(set.end(), model.last().map(|offset| offset + 1));
                let runs = model.iter().filter(|offset| !model.contains(&(*offset - 1))).count();
                prop_assert_eq!(set.runs().count(), runs, "runs do not touch");
                prop_assert_eq!(OffsetSet::decode(&set.encode()), Some(set.clone()));
                prop_assert_eq!(OffsetSet::decode_uncounted(&set.encode_uncounted()), Some(set.clone()));
            }
        }

        #[test]
        fn decoding_any_bytes_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = OffsetSet::decode(&bytes);
            let _ = OffsetSet::decode_uncounted(&bytes);
        }
    }

    #[test]
    fn the_stored_forms_do_not_change() {
        let set: OffsetSet = [(3, 4), (200, 500)].into_iter().collect();
        assert_eq!(set.encode(), [2, 3, 1, 0xc4, 1, 0xac, 2]);
        assert_eq!(set.encode_uncounted(), [3, 1, 0xc4, 1, 0xac, 2]);
    }

    #[test]
    fn consecutive_offsets_share_a_run_and_encode_compactly() {
        let set: OffsetSet =
            (0..500_000).filter(|offset| offset % 1000 != 0).map(|offset| (offset, offset + 1)).collect();
        assert_eq!(set.runs().count(), 500);
        assert!(set.encode().len() < 2000);
    }
}
