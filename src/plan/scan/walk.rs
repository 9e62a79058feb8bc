//! Going through the stretches of each partition, one after the other. Pure: it is told what was read and says what to read
//! next.

use std::collections::VecDeque;

use super::slices::Slice;

/// What is to be done with a partition after something came out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read on.
    Stay,
    /// Go on at this offset.
    Seek(i64),
    /// Nothing is left to read of it.
    Done,
}

/// What came of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// It is one of those that were asked for, and it is here for the first time.
    pub counts: bool,
    /// So many offsets more have been looked at.
    pub covered: u64,
    /// What to do now.
    pub step: Step,
}

/// Where the reading of each partition is.
#[derive(Debug)]
pub struct Walk {
    /// The stretches that are left; the first one is being read.
    slices: Vec<VecDeque<Slice>>,
    open: usize,
}

impl Walk {
    /// The stretches of each partition, rising.
    #[must_use]
    pub fn new(slices: Vec<Vec<Slice>>) -> Self {
        let slices: Vec<VecDeque<Slice>> = slices.into_iter().map(Into::into).collect();
        Self { open: slices.iter().filter(|one| !one.is_empty()).count(), slices }
    }

    /// How many partitions have something left.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open
    }

    /// The partitions that have something left, each with the offset to begin at.
    pub fn starts(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        self.slices.iter().enumerate().filter_map(|(at, slices)| Some((at, slices.front()?.start)))
    }

    /// A record came.
    pub fn record(&mut self, partition: usize, offset: i64) -> Taken {
        let mut taken = Taken { counts: false, covered: 0, step: Step::Stay };
        let Some(slices) = self.slices.get_mut(partition) else { return taken };
        while let Some(slice) = slices.front_mut() {
            // From before the last seek.
            if offset < slice.start {
                return taken;
            }
            taken.counts = offset < slice.end;
            let upto = if taken.counts { offset + 1 } else { slice.end };
            taken.covered += upto.abs_diff(slice.start);
            slice.start = upto;
            if upto < slice.end {
                return taken;
            }
            slices.pop_front();
            taken.step = slices.front().map_or(Step::Done, |next| Step::Seek(next.start));
            if taken.counts {
                break;
            }
        }
        self.open -= usize::from(taken.step == Step::Done);
        taken
    }

    /// The partition was read to the log's present end: what lies below it has been looked at, and above it there is nothing.
    pub fn end(&mut self, partition: usize, offset: i64) -> Taken {
        let mut taken = Taken { counts: false, covered: 0, step: Step::Stay };
        let Some(slices) = self.slices.get_mut(partition) else { return taken };
        let Some(slice) = slices.pop_front() else { return taken };
        taken.covered = slice.end.min(offset).saturating_sub(slice.start).max(0).unsigned_abs();
        if offset < slice.end {
            slices.clear();
        }
        taken.step = slices.front().map_or(Step::Done, |next| Step::Seek(next.start));
        self.open -= usize::from(taken.step == Step::Done);
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(counts: bool, covered: u64, step: Step) -> Taken {
        Taken { counts, covered, step }
    }

    #[test]
    fn a_sample_goes_from_stretch_to_stretch() {
        let mut walk = Walk::new(vec![vec![0..3, 10..12, 20..22], vec![]]);
        assert_eq!((walk.open(), walk.starts().collect::<Vec<_>>()), (1, vec![(0, 0)]));
        assert_eq!(walk.record(0, 0), taken(true, 1, Step::Stay));
        // Offset 1 is a hole.
        assert_eq!(walk.record(0, 2), taken(true, 2, Step::Seek(10)));
        assert_eq!(walk.record(0, 3), taken(false, 0, Step::Stay), "it was on its way");
        assert_eq!(walk.record(0, 10), taken(true, 1, Step::Stay));
        assert_eq!(walk.record(0, 10), taken(false, 0, Step::Stay), "here already");
        assert_eq!(walk.record(0, 15), taken(false, 1, Step::Seek(20)), "the rest was holes");
        assert_eq!(walk.record(0, 21), taken(true, 2, Step::Done));
        assert_eq!((walk.record(0, 22), walk.open()), (taken(false, 0, Step::Stay), 0));
        assert_eq!(walk.record(7, 0), taken(false, 0, Step::Stay));
    }

    #[test]
    fn the_logs_end_ends_a_stretch() {
        let mut walk = Walk::new(vec![vec![0..3], vec![0..3, 8..9], vec![5..9]]);
        assert_eq!(walk.end(0, 3), taken(false, 3, Step::Done), "markers only");
        assert_eq!(walk.end(1, 2), taken(false, 2, Step::Done), "the log has lost its end");
        assert_eq!((walk.end(2, 2), walk.open()), (taken(false, 0, Step::Done), 0));
        assert_eq!(walk.end(2, 2), taken(false, 0, Step::Stay));
    }

    proptest! {
        /// However many holes there are, every record of a stretch counts once and every offset of it is covered.
        #[test]
        fn everything_that_is_there_counts_once(
            gaps in prop::collection::vec(1_i64..5, 1..200), cuts in prop::collection::btree_set(0_i64..300, 0..12),
        ) {
            let offsets: Vec<i64> = gaps.iter().scan(-1, |at, gap| { *at += gap; Some(*at) }).collect();
            let end = offsets[offsets.len() - 1] + 1;
            let cuts: Vec<i64> = cuts.into_iter().filter(|cut| *cut < end).collect();
            let slices: Vec<Slice> = cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect();
            let wanted: Vec<i64> =
                offsets.iter().copied().filter(|at| slices.iter().any(|slice| slice.contains(at))).collect();
            let (mut walk, mut counted, mut covered) = (Walk::new(vec![slices.clone()]), Vec::new(), 0);
            let mut at = walk.starts().next().map_or(end, |(_, start)| start);
            while walk.open() > 0 {
                let next = offsets.iter().copied().find(|offset| *offset >= at);
                let taken = match next {
                    Some(offset) => walk.record(0, offset),
                    None => walk.end(0, end),
                };
                covered += taken.covered;
                if taken.counts {
                    counted.extend(next);
                }
                at = match taken.step {
                    Step::Seek(offset) => offset,
                    Step::Stay => next.map_or(end, |offset| offset + 1),
                    Step::Done => end,
                };
            }
            prop_assert_eq!(counted, wanted);
            prop_assert_eq!(covered, slices.iter().map(|slice| slice.end.abs_diff(slice.start)).sum::<u64>());
        }
    }
}
