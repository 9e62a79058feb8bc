//! Handled offsets of a partition, such as those above a committed position.

impl FromIterator<(i64, i64)> for HandledOffsets {
    /// From runs in ascending order.
    fn from_iter<T: IntoIterator<Item = (i64, i64)>>(runs: T) -> Self {
        let mut handled = Self::default();
        for (first, end) in runs {
            handled.push(first, end);
        }
        handled
    }
}

/// Handled offsets, as disjoint runs in ascending order.
///
/// The runs are in a vector instead of an [`OffsetSet`](kreplay_model::domain::OffsetSet), because they are looked up
/// for each record, and collected in ascending order at each commit, under the lock of the partition: appending to a
/// vector neither searches nor allocates for each run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandledOffsets {
    runs: Vec<(i64, i64)>,
}

impl HandledOffsets {
    /// Adds the run from `first` to `end` (exclusive), which lies above all runs added before.
    pub fn push(&mut self, first: i64, end: i64) {
        match self.runs.last_mut() {
            Some((_, last)) if *last >= first => *last = (*last).max(end),
            _ if first < end => self.runs.push((first, end)),
            _ => {}
        }
    }

    /// Adds one offset, anywhere.
    pub fn insert(&mut self, offset: i64) {
        self.merge(&Self { runs: vec![(offset, offset + 1)] });
    }

    /// Whether `offset` is in the set.
    #[must_use]
    pub fn contains(&self, offset: i64) -> bool {
        let above = self.runs.partition_point(|(first, _)| *first <= offset);
        above.checked_sub(1).is_some_and(|run| offset < self.runs[run].1)
    }

    /// The first offset at or above `offset` that is not in the set.
    #[must_use]
    pub fn end_from(&self, offset: i64) -> i64 {
        self.above(offset).next().filter(|(first, _)| *first == offset).map_or(offset, |(_, end)| end)
    }

    /// The runs above `offset`, the first one cut off there.
    pub fn above(&self, offset: i64) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.runs.iter().filter(move |(_, end)| *end > offset).map(move |(first, end)| ((*first).max(offset), *end))
    }

    /// Number of offsets in the set from `first` to `end` (exclusive).
    #[must_use]
    pub fn count(&self, first: i64, end: i64) -> u64 {
        self.above(first).map(|(from, to)| u64::try_from(to.min(end) - from).unwrap_or(0)).sum()
    }

    /// Adds the runs of another set.
    pub fn merge(&mut self, other: &Self) {
        let mut runs: Vec<_> = self.runs.drain(..).chain(other.runs.iter().copied()).collect();
        runs.sort_unstable();
        for (first, end) in runs {
            self.push(first, end);
        }
    }

    /// All runs, each as first offset and end offset (exclusive).
    #[must_use]
    pub fn into_runs(self) -> Vec<(i64, i64)> {
        self.runs
    }

    /// All runs, each as first offset and end offset (exclusive).
    #[must_use]
    pub fn runs(&self) -> &[(i64, i64)] {
        &self.runs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn contains_the_runs_that_were_added(steps in prop::collection::vec((1_i64..300, 1_i64..70_000), 0..60)) {
            let (mut handled, mut at) = (HandledOffsets::default(), 0);
            for (gap, length) in &steps {
                handled.push(at + gap, at + gap + length);
                at += gap + length;
            }
            prop_assert_eq!(handled.runs.len(), steps.len());
            for (first, end) in &handled.runs {
                prop_assert!(handled.contains(*first) && handled.contains(end - 1));
                prop_assert!(!handled.contains(first - 1) && !handled.contains(*end));
            }
        }

        #[test]
        fn a_merge_contains_the_offsets_of_both(
            one in prop::collection::vec((0_i64..60, 1_i64..9), 0..9),
            two in prop::collection::vec((0_i64..60, 1_i64..9), 0..9),
        ) {
            let [mut one, two] = [one, two].map(|runs| {
                let mut handled = HandledOffsets::default();
                for (first, length) in runs {
                    let run = HandledOffsets { runs: vec![(first, first + length)] };
                    handled.merge(&run);
                }
                handled
            });
            let before = one.clone();
            one.merge(&two);
            for offset in 0..80 {
                prop_assert_eq!(one.contains(offset), before.contains(offset) || two.contains(offset));
            }
        }
    }
}
