//! Walks through the slices of each partition in order. Pure: it receives what was read and returns what to read next.

use std::collections::VecDeque;

use super::slices::Slice;

/// What to do next with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Continue reading.
    Stay,
    /// Continue at this offset.
    Seek(i64),
    /// Stop: all slices are read.
    Done,
}

/// The result of a record or of the end of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkResult {
    /// The record belongs to a slice and was not seen before.
    pub counts: bool,
    /// Additional offsets covered.
    pub covered: u64,
    /// What to do next.
    pub step: Step,
}

/// The progress through the slices of each partition.
#[derive(Debug)]
pub struct Walk {
    /// The remaining slices. The first one is being read.
    slices: Vec<VecDeque<Slice>>,
    open: usize,
}

impl Walk {
    /// Starts with these slices, which must be in ascending order.
    #[must_use]
    pub fn new(slices: Vec<Vec<Slice>>) -> Self {
        let slices: Vec<VecDeque<Slice>> = slices.into_iter().map(Into::into).collect();
        Self { open: slices.iter().filter(|one| !one.is_empty()).count(), slices }
    }

    /// The number of partitions with slices left.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open
    }

    /// The partitions with slices left, and the offset where each continues.
    pub fn starts(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        self.slices.iter().enumerate().filter_map(|(at, slices)| Some((at, slices.front()?.start)))
    }

    /// Handles a record.
    pub fn record(&mut self, partition: usize, offset: i64) -> WalkResult {
        let mut result = WalkResult { counts: false, covered: 0, step: Step::Stay };
        let Some(slices) = self.slices.get_mut(partition) else { return result };
        while let Some(slice) = slices.front_mut() {
            // Fetched before the last seek.
            if offset < slice.start {
                return result;
            }
            result.counts = offset < slice.end;
            let upto = if result.counts { offset + 1 } else { slice.end };
            result.covered += upto.abs_diff(slice.start);
            slice.start = upto;
            if upto < slice.end {
                return result;
            }
            slices.pop_front();
            result.step = slices.front().map_or(Step::Done, |next| Step::Seek(next.start));
            if result.counts {
                break;
            }
        }
        self.open -= usize::from(result.step == Step::Done);
        result
    }

    /// Handles the end of a log: offsets below it are covered, and none above it exist.
    pub fn end(&mut self, partition: usize, offset: i64) -> WalkResult {
        let mut result = WalkResult { counts: false, covered: 0, step: Step::Stay };
        let Some(slices) = self.slices.get_mut(partition) else { return result };
        let Some(slice) = slices.pop_front() else { return result };
        result.covered = slice.end.min(offset).saturating_sub(slice.start).max(0).unsigned_abs();
        if offset < slice.end {
            slices.clear();
        }
        result.step = slices.front().map_or(Step::Done, |next| Step::Seek(next.start));
        self.open -= usize::from(result.step == Step::Done);
        result
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn result(counts: bool, covered: u64, step: Step) -> WalkResult {
        WalkResult { counts, covered, step }
    }

    #[test]
    fn a_sample_moves_from_slice_to_slice() {
        let mut walk = Walk::new(vec![vec![0..3, 10..12, 20..22], vec![]]);
        assert_eq!((walk.open(), walk.starts().collect::<Vec<_>>()), (1, vec![(0, 0)]));
        assert_eq!(walk.record(0, 0), result(true, 1, Step::Stay));
        // Offset 1 has no record.
        assert_eq!(walk.record(0, 2), result(true, 2, Step::Seek(10)));
        assert_eq!(walk.record(0, 3), result(false, 0, Step::Stay), "fetched before the seek");
        assert_eq!(walk.record(0, 10), result(true, 1, Step::Stay));
        assert_eq!(walk.record(0, 10), result(false, 0, Step::Stay), "a repeated record");
        assert_eq!(walk.record(0, 15), result(false, 1, Step::Seek(20)), "the rest has no records");
        assert_eq!(walk.record(0, 21), result(true, 2, Step::Done));
        assert_eq!((walk.record(0, 22), walk.open()), (result(false, 0, Step::Stay), 0));
        assert_eq!(walk.record(7, 0), result(false, 0, Step::Stay));
    }

    #[test]
    fn the_end_of_the_log_ends_a_slice() {
        let mut walk = Walk::new(vec![vec![0..3], vec![0..3, 8..9], vec![5..9]]);
        assert_eq!(walk.end(0, 3), result(false, 3, Step::Done), "markers only");
        assert_eq!(walk.end(1, 2), result(false, 2, Step::Done), "the log was truncated");
        assert_eq!((walk.end(2, 2), walk.open()), (result(false, 0, Step::Done), 0));
        assert_eq!(walk.end(2, 2), result(false, 0, Step::Stay));
    }

    proptest! {
        /// With any gaps, every record of a slice counts once, and all offsets of a slice are covered.
        #[test]
        fn every_record_of_a_slice_counts_once(
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
                let result = match next {
                    Some(offset) => walk.record(0, offset),
                    None => walk.end(0, end),
                };
                covered += result.covered;
                if result.counts {
                    counted.extend(next);
                }
                at = match result.step {
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
