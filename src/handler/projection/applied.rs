//! Which records of a partition a target has above the position up to which it has all.

use std::collections::BTreeMap;

use crate::journal::varint;

/// Offsets, kept as runs that do not touch. Adding and looking up take logarithmic time in the number of runs, whatever the
/// number of offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OffsetSet {
    /// From the first offset of a run to before its end.
    runs: BTreeMap<i64, i64>,
}

impl OffsetSet {
    /// Whether an offset is among them.
    pub(super) fn contains(&self, offset: i64) -> bool {
        self.runs.range(..=offset).next_back().is_some_and(|(_, end)| offset < *end)
    }

    /// Adds the offsets from `first` to before `end`.
    pub(super) fn insert(&mut self, first: i64, end: i64) {
        if first >= end {
            return;
        }
        let (mut first, mut end) = (first, end);
        if let Some((&before, &its_end)) = self.runs.range(..=first).next_back()
            && its_end >= first
        {
            if its_end >= end {
                return;
            }
            first = before;
        }
        while let Some((&next, &its_end)) = self.runs.range(first..=end).next() {
            self.runs.remove(&next);
            end = end.max(its_end);
        }
        self.runs.insert(first, end);
    }

    /// Forgets the offsets below a position.
    pub(super) fn prune(&mut self, position: i64) {
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

    /// How far everything from `position` on is among them.
    pub(super) fn reaches(&self, position: i64) -> i64 {
        self.runs.range(..=position).next_back().map_or(position, |(_, end)| position.max(*end))
    }

    /// How many runs there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// The first offset.
    pub(super) fn first(&self) -> Option<i64> {
        self.runs.first_key_value().map(|(first, _)| *first)
    }

    /// The end of the last run.
    pub(super) fn end(&self) -> Option<i64> {
        self.runs.last_key_value().map(|(_, end)| *end)
    }

    /// Adds all of another.
    pub(super) fn merge(&mut self, other: &Self) {
        for (&first, &end) in &other.runs {
            self.insert(first, end);
        }
    }

    /// The runs as bytes: their number, then for each its distance from the end of the one before and its length, in LEB128.
    pub(super) fn encode(&self) -> Vec<u8> {
        let runs: Vec<_> = self.runs.iter().map(|(first, end)| (*first, *end)).collect();
        let mut bytes = Vec::with_capacity(4 * runs.len() + 2);
        varint::push_runs(&mut bytes, 0, &runs);
        bytes
    }

    /// Reads what [`Self::encode`] has written; `None` where it is something else.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let runs = varint::take_runs(&mut bytes, 0)?;
        bytes.is_empty().then(|| runs.into_iter().collect())
    }
}

impl FromIterator<(i64, i64)> for OffsetSet {
    fn from_iter<T: IntoIterator<Item = (i64, i64)>>(runs: T) -> Self {
        let mut set = Self::default();
        for (first, end) in runs {
            set.insert(first, end);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a set of single offsets.
        #[test]
        fn it_agrees_with_a_simple_model(steps in prop::collection::vec((0_i64..60, 0_i64..9, 0_u8..8), 0..60)) {
            let (mut set, mut model) = (OffsetSet::default(), BTreeSet::new());
            for (first, length, what) in steps {
                if what == 0 {
                    set.prune(first);
                    model.retain(|offset| *offset >= first);
                } else {
                    set.insert(first, first + length);
                    model.extend(first..first + length);
                }
                for offset in -1..72 {
                    prop_assert_eq!(set.contains(offset), model.contains(&offset), "{} in {:?}", offset, set);
                }
                let reaches = (first..first + 100).find(|offset| !model.contains(offset)).unwrap();
                prop_assert_eq!(set.reaches(first), reaches);
                prop_assert_eq!(set.end(), model.last().map(|offset| offset + 1));
                let runs = model.iter().filter(|offset| !model.contains(&(*offset - 1))).count();
                prop_assert_eq!(set.len(), runs, "runs do not touch");
                prop_assert_eq!(OffsetSet::decode(&set.encode()), Some(set.clone()));
            }
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = OffsetSet::decode(&bytes);
        }
    }

    #[test]
    fn a_set_of_half_a_million_offsets_is_small_where_they_follow_each_other() {
        let set: OffsetSet =
            (0..500_000).filter(|offset| offset % 1000 != 0).map(|offset| (offset, offset + 1)).collect();
        assert_eq!(set.len(), 500);
        assert!(set.encode().len() < 2000);
    }
}
