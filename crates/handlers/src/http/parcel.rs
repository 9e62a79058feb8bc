//! The progress of each lane of a batch, and the choice of records for the next request. No I/O.

use crate::{Advice, LaneFailure};

/// The place of a record in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordIndex {
    /// The index of its run.
    pub(super) run: usize,
    /// Its index in the run.
    pub(super) index: usize,
}

#[derive(Debug)]
struct Run {
    length: usize,
    done: usize,
    failure: Option<(String, Advice)>,
}

/// The progress of each lane of a batch.
#[derive(Debug)]
pub(super) struct BatchProgress {
    runs: Vec<Run>,
    /// Runs before this index are handled or have failed.
    first: usize,
}

impl BatchProgress {
    pub(super) fn new(lengths: impl Iterator<Item = usize>) -> Self {
        let runs = lengths.map(|length| Run { length, done: 0, failure: None }).collect();
        Self { runs, first: 0 }
    }

    /// Chooses the records of the next request, lane by lane and in order, as long as they fit. Empty if nothing is
    /// left.
    ///
    /// With `one_per_lane` the request has at most one record of each lane, because an endpoint that fails one record
    /// must not have received a later one of the same lane.
    pub(super) fn next(&mut self, one_per_lane: bool, mut fits: impl FnMut(RecordIndex) -> bool) -> Vec<RecordIndex> {
        while self.runs.get(self.first).is_some_and(|run| !run.is_open()) {
            self.first += 1;
        }
        let mut records = Vec::new();
        for (run, it) in self.runs.iter().enumerate().skip(self.first).filter(|(_, it)| it.is_open()) {
            let last = if one_per_lane { it.done + 1 } else { it.length };
            for index in it.done..last {
                let at = RecordIndex { run, index };
                if !fits(at) {
                    return records;
                }
                records.push(at);
            }
        }
        records
    }

    /// Whether a record is handled, or its lane has failed.
    pub(super) fn is_settled(&self, at: RecordIndex) -> bool {
        let run = &self.runs[at.run];
        run.failure.is_some() || run.done > at.index
    }

    /// Marks a record and all before it in its lane as handled.
    pub(super) fn handled(&mut self, at: RecordIndex) {
        let run = &mut self.runs[at.run];
        if run.failure.is_none() {
            run.done = run.done.max(at.index + 1);
        }
    }

    /// Fails a record and the rest of its lane.
    pub(super) fn fail(&mut self, at: RecordIndex, error: &str, advice: Advice) {
        let run = &mut self.runs[at.run];
        if run.is_open() {
            run.done = at.index;
            run.failure = Some((error.to_owned(), advice));
        }
    }

    /// Fails all remaining records.
    pub(super) fn fail_remaining(&mut self, error: &str, advice: Advice) {
        for run in self.runs.iter_mut().filter(|run| run.is_open()) {
            run.failure = Some((error.to_owned(), advice));
        }
    }

    /// The number of handled records.
    pub(super) fn count(&self) -> usize {
        self.runs.iter().map(|run| run.done).sum()
    }

    /// The lanes that were not handled completely.
    pub(super) fn failures(self) -> Vec<LaneFailure> {
        let runs = self.runs.into_iter().enumerate();
        runs.filter_map(|(run, it)| {
            let (error, advice) = it.failure?;
            Some(LaneFailure { run, done: it.done, error, advice })
        })
        .collect()
    }
}

impl Run {
    fn is_open(&self) -> bool {
        self.failure.is_none() && self.done < self.length
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records(progress: &mut BatchProgress, one_per_lane: bool, most: usize) -> Vec<(usize, usize)> {
        let mut count = 0;
        let request = progress.next(one_per_lane, |_| {
            count += 1;
            count <= most
        });
        request.iter().map(|at| (at.run, at.index)).collect()
    }

    #[test]
    fn a_request_has_whole_lanes_or_one_record_of_each() {
        let mut it = BatchProgress::new([2, 0, 3].into_iter());
        assert_eq!(records(&mut it, false, 4), [(0, 0), (0, 1), (2, 0), (2, 1)]);
        assert_eq!(records(&mut it, true, 4), [(0, 0), (2, 0)]);
        it.handled(RecordIndex { run: 0, index: 0 });
        it.fail(RecordIndex { run: 2, index: 0 }, "no", Advice::Retry);
        assert_eq!(records(&mut it, false, 4), [(0, 1)]);
        it.fail_remaining("all", Advice::Stop);
        assert_eq!(records(&mut it, false, 4), []);
        assert_eq!(it.count(), 1);
        let failures: Vec<_> = it.failures().into_iter().map(|it| (it.run, it.done, it.error)).collect();
        assert_eq!(failures, [(0, 1, "all".to_owned()), (2, 0, "no".to_owned())]);
    }

    proptest! {
        #[test]
        fn every_record_is_sent_once_and_in_order(
            lengths in prop::collection::vec(0..5_usize, 0..6), one_per_lane in any::<bool>(), most in 1..5_usize,
        ) {
            let mut it = BatchProgress::new(lengths.iter().copied());
            let mut sent = vec![Vec::new(); lengths.len()];
            loop {
                let request = records(&mut it, one_per_lane, most);
                if request.is_empty() {
                    break;
                }
                prop_assert!(request.len() <= most);
                for (run, index) in request {
                    sent[run].push(index);
                    it.handled(RecordIndex { run, index });
                }
            }
            for (run, length) in lengths.iter().enumerate() {
                prop_assert_eq!(&sent[run], &(0..*length).collect::<Vec<_>>());
            }
            prop_assert_eq!(it.failures(), []);
        }
    }
}
