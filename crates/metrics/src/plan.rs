//! How detailed each subject is exported, so that the number of series stays below a maximum.

use std::collections::BinaryHeap;

/// How much of a subject is exported; each depth includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Nothing.
    Nothing,
    /// The figures of the group; of its states only those that hold, and no members.
    Brief,
    /// All figures of the group, or of the run as a whole.
    Group,
    /// Also those of topics.
    Topic,
    /// Also those of partitions.
    Partition,
}

const DEPTHS: [Depth; 5] = [Depth::Nothing, Depth::Brief, Depth::Group, Depth::Topic, Depth::Partition];

/// The number of series that a subject has at each depth, in the order of [`Depth`], up to the depth that is wanted.
pub(crate) type SeriesByDepth = Vec<u64>;

/// The depths of all subjects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// One for each subject.
    pub(crate) depths: Vec<Depth>,
    /// The number of series.
    pub(crate) series: u64,
    /// The number of series that are left out.
    pub(crate) dropped: u64,
}

/// Chooses depths. While there are too many series, the subject with the most of them falls back one depth; only when
/// all are brief are subjects left out.
pub(crate) fn plan(subjects: &[SeriesByDepth], max_series: u64) -> Plan {
    let mut chosen: Vec<usize> = subjects.iter().map(|series| series.len().saturating_sub(1)).collect();
    let series_at = |subject: usize, depth: usize| {
        subjects.get(subject).and_then(|series| series.get(depth)).copied().unwrap_or_default()
    };
    let wanted: u64 = chosen.iter().enumerate().map(|(subject, depth)| series_at(subject, *depth)).sum();
    let mut series = wanted;
    // Whether there is a coarser depth than leaving it out, then the number of series; equal ones by position.
    let entry = |subject: usize, depth: usize| (depth > 1, series_at(subject, depth), subject);
    let mut widest: BinaryHeap<_> = chosen.iter().enumerate().map(|(subject, depth)| entry(subject, *depth)).collect();
    while series > max_series {
        let Some((_, _, subject)) = widest.pop() else { break };
        let Some(depth) = chosen.get_mut(subject).filter(|depth| **depth > 0) else { continue };
        let before = series_at(subject, *depth);
        *depth -= 1;
        series = series - before + series_at(subject, *depth);
        widest.push(entry(subject, *depth));
    }
    let depth_of = |depth: usize| DEPTHS.get(depth).copied().unwrap_or(Depth::Partition);
    Plan { depths: chosen.into_iter().map(depth_of).collect(), series, dropped: wanted - series }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Series that grow with the depth.
    fn subject() -> impl Strategy<Value = SeriesByDepth> {
        prop::collection::vec(0..50_u64, 1..5).prop_map(|more| {
            let sums = more.iter().scan(0, |sum, more| {
                *sum += more;
                Some(*sum)
            });
            [0].into_iter().chain(sums).collect()
        })
    }

    proptest! {
        #[test]
        fn the_maximum_holds_and_what_is_left_out_is_counted(
            subjects in prop::collection::vec(subject(), 0..12),
            max_series in 0..600_u64,
        ) {
            let plan = plan(&subjects, max_series);
            let exported: u64 = subjects.iter().zip(&plan.depths).map(|(series, depth)| series[*depth as usize]).sum();
            let wanted: u64 = subjects.iter().map(|series| series.last().copied().unwrap_or_default()).sum();
            prop_assert_eq!(exported, plan.series);
            prop_assert!(exported <= max_series);
            prop_assert_eq!(plan.dropped, wanted - exported);
            if wanted <= max_series {
                prop_assert_eq!(plan.dropped, 0);
            }
        }
    }

    #[test]
    fn the_widest_group_falls_back_and_the_others_keep_their_depth() {
        let (narrow, wide) = (vec![0, 2, 4, 6, 20], vec![0, 2, 4, 10, 5_000]);
        let plan = plan(&[narrow.clone(), wide, narrow], 60);
        assert_eq!(plan.depths, [Depth::Partition, Depth::Topic, Depth::Partition]);
        assert_eq!((plan.series, plan.dropped), (50, 4_990));
    }

    #[test]
    fn a_group_is_left_out_only_if_all_are_brief() {
        let plan = plan(&[vec![0, 3, 9], vec![0, 4, 8], vec![0, 3, 9]], 6);
        assert_eq!(plan.depths, [Depth::Brief, Depth::Nothing, Depth::Brief]);
    }
}
