//! How far each lane of a batch has got, and which records go together into the next request. No I/O.

use crate::handler::{Advice, LaneFailure};

/// Where a record is in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which run, by index.
    pub(super) run: usize,
    /// Which of its records, by index.
    pub(super) index: usize,
}

#[derive(Debug)]
struct Run {
    length: usize,
    done: usize,
    failure: Option<(String, Advice)>,
}

/// How far each lane of a batch has got.
#[derive(Debug)]
pub(super) struct Progress {
    runs: Vec<Run>,
    /// Runs before this one are at their end, or have failed.
    first: usize,
}

impl Progress {
    pub(super) fn new(lengths: impl Iterator<Item = usize>) -> Self {
        let runs = lengths.map(|length| Run { length, done: 0, failure: None }).collect();
        Self { runs, first: 0 }
    }

    /// The records of the next request: those of a lane in their order, as long as they fit, and none where nothing is left.
    /// With `one_each` no two of one lane: whoever fails one of them must not have another one of its lane in hand.
    pub(super) fn next(&mut self, one_each: bool, mut fits: impl FnMut(Place) -> bool) -> Vec<Place> {
        while self.runs.get(self.first).is_some_and(|run| !run.is_open()) {
            self.first += 1;
        }
        let mut places = Vec::new();
        for (run, it) in self.runs.iter().enumerate().skip(self.first).filter(|(_, it)| it.is_open()) {
            let last = if one_each { it.done + 1 } else { it.length };
            for index in it.done..last {
                let place = Place { run, index };
                if !fits(place) {
                    return places;
                }
                places.push(place);
            }
        }
        places
    }

    /// Whether a record's lane has failed before it.
    pub(super) fn is_passed_over(&self, place: Place) -> bool {
        let run = &self.runs[place.run];
        run.failure.is_some() || run.done > place.index
    }

    /// A record is handled, and all before it in its lane.
    pub(super) fn handled(&mut self, place: Place) {
        let run = &mut self.runs[place.run];
        if run.failure.is_none() {
            run.done = run.done.max(place.index + 1);
        }
    }

    /// A record, and with it the rest of its lane, has failed.
    pub(super) fn fail(&mut self, place: Place, error: &str, advice: Advice) {
        let run = &mut self.runs[place.run];
        if run.is_open() {
            run.done = place.index;
            run.failure = Some((error.to_owned(), advice));
        }
    }

    /// All that is left has failed.
    pub(super) fn abandon(&mut self, error: &str, advice: Advice) {
        for run in self.runs.iter_mut().filter(|run| run.is_open()) {
            run.failure = Some((error.to_owned(), advice));
        }
    }

    /// So many records are handled.
    pub(super) fn count(&self) -> usize {
        self.runs.iter().map(|run| run.done).sum()
    }

    /// The lanes that did not come to their end.
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

    fn places(progress: &mut Progress, one_each: bool, most: usize) -> Vec<(usize, usize)> {
        let mut count = 0;
        let parcel = progress.next(one_each, |_| {
            count += 1;
            count <= most
        });
        parcel.iter().map(|place| (place.run, place.index)).collect()
    }

    #[test]
    fn a_parcel_has_lanes_one_after_the_other_or_one_record_of_each() {
        let mut it = Progress::new([2, 0, 3].into_iter());
        assert_eq!(places(&mut it, false, 4), [(0, 0), (0, 1), (2, 0), (2, 1)]);
        assert_eq!(places(&mut it, true, 4), [(0, 0), (2, 0)]);
        it.handled(Place { run: 0, index: 0 });
        it.fail(Place { run: 2, index: 0 }, "no", Advice::Retry);
        assert_eq!(places(&mut it, false, 4), [(0, 1)]);
        it.abandon("all", Advice::Stop);
        assert_eq!(places(&mut it, false, 4), []);
        assert_eq!(it.count(), 1);
        let failures: Vec<_> = it.failures().into_iter().map(|it| (it.run, it.done, it.error)).collect();
        assert_eq!(failures, [(0, 1, "all".to_owned()), (2, 0, "no".to_owned())]);
    }

    proptest! {
        #[test]
        fn every_record_goes_out_once_and_in_its_order(
            lengths in prop::collection::vec(0..5_usize, 0..6), one_each in any::<bool>(), most in 1..5_usize,
        ) {
            let mut it = Progress::new(lengths.iter().copied());
            let mut sent = vec![Vec::new(); lengths.len()];
            loop {
                let parcel = places(&mut it, one_each, most);
                if parcel.is_empty() {
                    break;
                }
                prop_assert!(parcel.len() <= most);
                for (run, index) in parcel {
                    sent[run].push(index);
                    it.handled(Place { run, index });
                }
            }
            for (run, length) in lengths.iter().enumerate() {
                prop_assert_eq!(&sent[run], &(0..*length).collect::<Vec<_>>());
            }
            prop_assert_eq!(it.failures(), []);
        }
    }
}
