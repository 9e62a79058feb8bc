//! The records of a batch that remain to be sent. No I/O.

use super::targets::RoutingError;
use crate::{Advice, LaneFailure, LaneRun};

/// The remaining records of a batch: of each run, from the first unsettled record to the first failed one.
#[derive(Debug)]
pub(super) struct RemainingWork {
    runs: Vec<RemainingRun>,
}

#[derive(Debug)]
struct RemainingRun {
    done: usize,
    end: usize,
    failure: Option<RoutingError>,
}

/// A record of a batch: the index of its run and its index in the run.
pub(super) type RecordIndex = (usize, usize);

impl RemainingWork {
    /// All records of a batch.
    pub(super) fn new(batch: &[LaneRun]) -> Self {
        let remaining = |run: &LaneRun| RemainingRun { done: 0, end: run.records.len(), failure: None };
        Self { runs: batch.iter().map(remaining).collect() }
    }

    /// The remaining records, run by run and in order.
    pub(super) fn remaining(&self) -> impl Iterator<Item = RecordIndex> + '_ {
        self.runs
            .iter()
            .enumerate()
            .flat_map(|(run, remaining)| (remaining.done..remaining.end).map(move |index| (run, index)))
    }

    /// The number of remaining records.
    pub(super) fn len(&self) -> usize {
        self.runs.iter().map(|remaining| remaining.end - remaining.done).sum()
    }

    /// Fails a record. It and the later records of its run are no longer remaining.
    pub(super) fn fail(&mut self, (run, index): RecordIndex, failure: RoutingError) {
        let remaining = &mut self.runs[run];
        if (remaining.done..remaining.end).contains(&index) {
            remaining.end = index;
            remaining.failure = Some(failure);
        }
    }

    /// Settles a record and all before it in its run.
    pub(super) fn settle_through(&mut self, (run, index): RecordIndex) {
        let remaining = &mut self.runs[run];
        remaining.done = remaining.done.max((index + 1).min(remaining.end));
    }

    /// Settles all remaining records.
    pub(super) fn settle_all(&mut self) {
        self.runs.iter_mut().for_each(|remaining| remaining.done = remaining.end);
    }

    /// Fails the first remaining record of each run.
    pub(super) fn fail_remaining(&mut self, error: &str, advice: Advice) {
        for remaining in self.runs.iter_mut().filter(|remaining| remaining.done < remaining.end) {
            remaining.end = remaining.done;
            remaining.failure = Some(RoutingError { error: error.to_owned(), advice });
        }
    }

    /// The failures to report.
    pub(super) fn failures(self) -> Vec<LaneFailure> {
        let failure = |(run, remaining): (usize, RemainingRun)| {
            let RoutingError { error, advice } = remaining.failure?;
            Some(LaneFailure { run, done: remaining.done, error, advice })
        };
        self.runs.into_iter().enumerate().filter_map(failure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::lane;

    fn failed(run: usize, done: usize, error: &str, advice: Advice) -> LaneFailure {
        LaneFailure { run, done, error: error.into(), advice }
    }

    #[test]
    fn a_failure_ends_only_its_own_run() {
        let mut work = RemainingWork::new(&[lane(0, 3), lane(1, 4)]);
        work.fail((1, 2), RoutingError::permanent("later"));
        work.fail((1, 1), RoutingError::permanent("first"));
        work.fail((1, 3), RoutingError::permanent("after the first"));
        assert_eq!(work.remaining().collect::<Vec<_>>(), [(0, 0), (0, 1), (0, 2), (1, 0)]);
        work.settle_through((0, 1));
        assert_eq!(work.remaining().collect::<Vec<_>>(), [(0, 2), (1, 0)]);
        work.settle_all();
        assert_eq!((work.len(), work.failures()), (0, vec![failed(1, 1, "first", Advice::GiveUp)]));
    }

    #[test]
    fn a_shared_failure_fails_the_remaining_records_of_each_run() {
        let mut work = RemainingWork::new(&[lane(0, 3), lane(1, 2), lane(2, 2)]);
        work.settle_through((0, 0));
        work.settle_through((1, 1));
        work.fail((2, 0), RoutingError::permanent("its own"));
        work.fail_remaining("away", Advice::Retry);
        let expected = [failed(0, 1, "away", Advice::Retry), failed(2, 0, "its own", Advice::GiveUp)];
        assert_eq!(work.failures(), expected);
    }
}
