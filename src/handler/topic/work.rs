//! What is left to do of a batch. Pure: the sending is done elsewhere.

use super::targets::Misrouted;
use crate::handler::{Advice, LaneFailure, LaneRun};

/// What is left to do of a batch: of each run the records from the first that is not dealt with to the first that failed.
#[derive(Debug)]
pub(super) struct Work {
    runs: Vec<Left>,
}

#[derive(Debug)]
struct Left {
    done: usize,
    end: usize,
    failure: Option<Misrouted>,
}

/// A record of a batch: which run, and which of its records.
pub(super) type At = (usize, usize);

impl Work {
    /// Everything.
    pub(super) fn all_of(batch: &[LaneRun]) -> Self {
        let left = |run: &LaneRun| Left { done: 0, end: run.records.len(), failure: None };
        Self { runs: batch.iter().map(left).collect() }
    }

    /// The records that are left, run by run, in their order.
    pub(super) fn left(&self) -> impl Iterator<Item = At> + '_ {
        self.runs.iter().enumerate().flat_map(|(run, left)| (left.done..left.end).map(move |index| (run, index)))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.runs.iter().map(|left| left.end - left.done).sum()
    }

    /// A record has failed: it and what comes after it in its run are left alone.
    pub(super) fn fail(&mut self, (run, index): At, failure: Misrouted) {
        let left = &mut self.runs[run];
        if (left.done..left.end).contains(&index) {
            left.end = index;
            left.failure = Some(failure);
        }
    }

    /// A record is dealt with, and all before it in its run.
    pub(super) fn done_to(&mut self, (run, index): At) {
        let left = &mut self.runs[run];
        left.done = left.done.max((index + 1).min(left.end));
    }

    /// Everything that is left is dealt with.
    pub(super) fn done(&mut self) {
        self.runs.iter_mut().for_each(|left| left.done = left.end);
    }

    /// The first record that is left of each run has failed.
    pub(super) fn fail_all(&mut self, error: &str, advice: Advice) {
        for left in self.runs.iter_mut().filter(|left| left.done < left.end) {
            left.end = left.done;
            left.failure = Some(Misrouted { error: error.to_owned(), advice });
        }
    }

    /// What the run is told.
    pub(super) fn failures(self) -> Vec<LaneFailure> {
        let failure = |(run, left): (usize, Left)| {
            let Misrouted { error, advice } = left.failure?;
            Some(LaneFailure { run, done: left.done, error, advice })
        };
        self.runs.into_iter().enumerate().filter_map(failure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::testing::lane;

    fn failed(run: usize, done: usize, error: &str, advice: Advice) -> LaneFailure {
        LaneFailure { run, done, error: error.into(), advice }
    }

    #[test]
    fn a_failure_ends_its_own_run_only() {
        let mut work = Work::all_of(&[lane(0, 3), lane(1, 4)]);
        work.fail((1, 2), Misrouted::for_good("later"));
        work.fail((1, 1), Misrouted::for_good("first"));
        work.fail((1, 3), Misrouted::for_good("behind the first"));
        assert_eq!(work.left().collect::<Vec<_>>(), [(0, 0), (0, 1), (0, 2), (1, 0)]);
        work.done_to((0, 1));
        assert_eq!(work.left().collect::<Vec<_>>(), [(0, 2), (1, 0)]);
        work.done();
        assert_eq!((work.len(), work.failures()), (0, vec![failed(1, 1, "first", Advice::GiveUp)]));
    }

    #[test]
    fn what_ails_all_fails_what_is_left_of_each() {
        let mut work = Work::all_of(&[lane(0, 3), lane(1, 2), lane(2, 2)]);
        work.done_to((0, 0));
        work.done_to((1, 1));
        work.fail((2, 0), Misrouted::for_good("its own"));
        work.fail_all("away", Advice::Retry);
        let expected = [failed(0, 1, "away", Advice::Retry), failed(2, 0, "its own", Advice::GiveUp)];
        assert_eq!(work.failures(), expected);
    }
}
