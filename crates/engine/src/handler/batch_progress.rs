//! How far a batch is: what is handled, what has failed, and what is left. No I/O.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use kreplay_model::domain::Record;

use super::{LaneFailure, LaneRun, RecordFailure};

/// The place of a record in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordIndex {
    /// The index of its run.
    pub run: usize,
    /// Its index in the run.
    pub index: usize,
}

/// The progress of a batch. Each run has records that are handled, then records that are left, and then, if one of them
/// failed, those from that one on.
///
/// ```
/// # use kreplay_engine::handler::{Advice, BatchProgress, RecordFailure, RecordIndex, testing::lane};
/// let batch = [lane(0, 3), lane(1, 2)];
/// let mut progress = BatchProgress::new(&batch);
/// progress.fail(RecordIndex { run: 0, index: 1 }, RecordFailure::new("refused", Advice::GiveUp));
/// assert_eq!(progress.left().count(), 3);
/// progress.handle_all();
/// let failures = progress.failures();
/// assert_eq!((failures[0].run, failures[0].done), (0, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct BatchProgress {
    runs: Vec<RunProgress>,
    /// Nothing is left of the runs before this one.
    first: usize,
}

#[derive(Clone, Debug)]
struct RunProgress {
    /// Records before this index are handled.
    done: usize,
    /// The first failed record, or the run's length.
    end: usize,
    failure: Option<RecordFailure>,
}

impl RunProgress {
    fn is_over(&self) -> bool {
        self.done >= self.end
    }
}

impl BatchProgress {
    /// A batch of which nothing is handled yet.
    #[must_use]
    pub fn new(batch: &[LaneRun]) -> Self {
        Self::of_lengths(batch.iter().map(|run| run.records.len()))
    }

    /// A batch with runs of these lengths.
    pub fn of_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let runs = lengths.into_iter().map(|end| RunProgress { done: 0, end, failure: None }).collect();
        Self { runs, first: 0 }
    }

    /// The records that are left, run by run and in order.
    pub fn left(&self) -> impl Iterator<Item = RecordIndex> + '_ {
        self.runs_left().flat_map(|(run, left)| left.map(move |index| RecordIndex { run, index }))
    }

    /// The runs of which records are left, and the indexes of these records.
    pub fn runs_left(&self) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
        let runs = self.runs.iter().enumerate().skip(self.first);
        runs.filter(|(_, run)| !run.is_over()).map(|(at, run)| (at, run.done..run.end))
    }

    /// The records that are left of one run.
    #[must_use]
    pub fn left_of(&self, run: usize) -> Range<usize> {
        self.runs.get(run).map_or(0..0, |run| run.done..run.end)
    }

    /// Whether a record is left.
    #[must_use]
    pub fn is_left(&self, at: RecordIndex) -> bool {
        self.left_of(at.run).contains(&at.index)
    }

    /// Whether no record is left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.runs_left().next().is_none()
    }

    /// The number of handled records.
    #[must_use]
    pub fn handled(&self) -> usize {
        self.runs.iter().map(|run| run.done).sum()
    }

    /// A record is handled, and with it all before it in its run.
    pub fn handle_through(&mut self, at: RecordIndex) {
        if let Some(run) = self.runs.get_mut(at.run) {
            run.done = run.done.max((at.index + 1).min(run.end));
        }
        self.pass_over_ended_runs();
    }

    /// A record is handled, and with it all that are left before it, in all runs.
    pub fn handle_all_through(&mut self, at: RecordIndex) {
        self.runs.iter_mut().take(at.run).for_each(|run| run.done = run.end);
        self.handle_through(at);
    }

    /// All that is left is handled.
    pub fn handle_all(&mut self) {
        self.runs.iter_mut().for_each(|run| run.done = run.end);
        self.first = self.runs.len();
    }

    /// A record failed; it and the rest of its run are no longer left. Has no effect if the record is not left.
    pub fn fail(&mut self, at: RecordIndex, failure: impl Into<RecordFailure>) {
        if self.is_left(at)
            && let Some(run) = self.runs.get_mut(at.run)
        {
            (run.end, run.failure) = (at.index, Some(failure.into()));
        }
        self.pass_over_ended_runs();
    }

    /// All that is left failed: the first such record of each run.
    pub fn fail_left(&mut self, failure: impl Into<RecordFailure>) {
        let failure = failure.into();
        for run in self.runs.iter_mut().filter(|run| !run.is_over()) {
            (run.end, run.failure) = (run.done, Some(failure.clone()));
        }
        self.first = self.runs.len();
    }

    /// The failures to report. Call it when nothing is left: records that are left are not reported, so the run would
    /// count them as handled.
    #[must_use]
    pub fn failures(self) -> Vec<LaneFailure> {
        let failure = |(run, progress): (usize, RunProgress)| Some(progress.failure?.in_run(run, progress.done));
        self.runs.into_iter().enumerate().filter_map(failure).collect()
    }

    fn pass_over_ended_runs(&mut self) {
        while self.runs.get(self.first).is_some_and(RunProgress::is_over) {
            self.first += 1;
        }
    }
}

/// Handles the records of a batch one after another. A record that fails, or at which `handle` panics, ends its run,
/// and no other.
pub fn handle_each<F>(batch: &[LaneRun], mut handle: impl FnMut(&Record) -> Result<(), F>) -> Vec<LaneFailure>
where
    F: Into<RecordFailure>,
{
    let mut failure = |record: &Record| match catch_unwind(AssertUnwindSafe(|| handle(record))) {
        Ok(handled) => handled.err().map(Into::into),
        Err(panic) => Some(RecordFailure::of_panic(panic.as_ref())),
    };
    let first_failure = |(run, lane): (usize, &LaneRun)| {
        let mut records = lane.records.iter().enumerate();
        records.find_map(|(done, record)| Some(failure(record)?.in_run(run, done)))
    };
    batch.iter().enumerate().filter_map(first_failure).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::handler::{Advice, testing::lane};

    fn at(run: usize, index: usize) -> RecordIndex {
        RecordIndex { run, index }
    }

    fn left(progress: &BatchProgress) -> Vec<(usize, usize)> {
        progress.left().map(|at| (at.run, at.index)).collect()
    }

    fn failed(run: usize, done: usize, error: &str, advice: Advice) -> LaneFailure {
        LaneFailure { run, done, error: error.into(), advice }
    }

    #[test]
    fn a_failure_ends_only_its_own_run() {
        let mut progress = BatchProgress::of_lengths([3, 4]);
        for (index, error) in [(2, "later"), (1, "first"), (3, "behind the first")] {
            progress.fail(at(1, index), RecordFailure::new(error, Advice::GiveUp));
        }
        assert_eq!(left(&progress), [(0, 0), (0, 1), (0, 2), (1, 0)]);
        progress.handle_through(at(0, 1));
        assert_eq!(left(&progress), [(0, 2), (1, 0)]);
        progress.handle_all();
        assert!(progress.is_over());
        assert_eq!(progress.failures(), [failed(1, 1, "first", Advice::GiveUp)]);
    }

    #[test]
    fn a_shared_failure_fails_what_is_left_of_each_run() {
        let mut progress = BatchProgress::of_lengths([3, 2, 0, 2]);
        progress.handle_through(at(0, 0));
        progress.handle_through(at(1, 1));
        progress.fail(at(3, 0), RecordFailure::new("its own", Advice::GiveUp));
        progress.fail_left("away".to_owned());
        assert_eq!(progress.handled(), 3);
        assert_eq!(progress.failures(), [failed(0, 1, "away", Advice::Retry), failed(3, 0, "its own", Advice::GiveUp)]);
    }

    #[test]
    fn everything_before_a_record_is_handled_up_to_the_failures() {
        let mut progress = BatchProgress::of_lengths([3, 2, 3, 1]);
        progress.fail(at(0, 1), RecordFailure::new("bad", Advice::GiveUp));
        progress.handle_all_through(at(2, 0));
        assert_eq!(left(&progress), [(2, 1), (2, 2), (3, 0)]);
        progress.fail_left("disk".to_owned());
        let expected = [(0, 1, "bad"), (2, 1, "disk"), (3, 0, "disk")];
        let failures = progress.failures();
        assert_eq!(failures.iter().map(|it| (it.run, it.done, it.error.as_str())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_record_is_handled_until_one_of_its_run_fails() {
        let mut handled = Vec::new();
        let failures = handle_each(&[lane(0, 3), lane(1, 2)], |record| {
            handled.push(record.offset);
            if record.offset == 1 { Err("bad".to_owned()) } else { Ok(()) }
        });
        assert_eq!(handled, [0, 1, 0, 1]);
        assert_eq!(failures, [failed(0, 1, "bad", Advice::Retry), failed(1, 1, "bad", Advice::Retry)]);
    }

    #[test]
    fn a_panic_is_blamed_only_on_the_record_at_which_it_happened() {
        let mut handled = Vec::new();
        let failures = handle_each(&[lane(0, 4), lane(1, 2)], |record| {
            assert_ne!(record.offset, 3, "boom");
            handled.push(record.offset);
            Ok::<(), String>(())
        });
        assert_eq!(handled, [0, 1, 2, 0, 1]);
        assert_eq!(failures.len(), 1);
        assert_eq!((failures[0].run, failures[0].done, failures[0].advice), (0, 3, Advice::Retry));
        let error = &failures[0].error;
        assert!(error.starts_with("the handler panicked: ") && error.contains("boom"), "{error}");
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_model_of_single_records(
            lengths in prop::collection::vec(0..5_usize, 0..5),
            steps in prop::collection::vec((0..4_u8, 0..5_usize, 0..5_usize), 0..20),
        ) {
            #[derive(Clone, Copy, PartialEq)]
            enum State { Left, Handled, Failed }
            let mut progress = BatchProgress::of_lengths(lengths.iter().copied());
            let mut model: Vec<Vec<State>> = lengths.iter().map(|length| vec![State::Left; *length]).collect();
            for (action, run, index) in steps {
                match action {
                    0 => progress.handle_through(at(run, index)),
                    1 => progress.handle_all_through(at(run, index)),
                    2 => progress.fail(at(run, index), "bad".to_owned()),
                    _ => progress.fail_left("away".to_owned()),
                }
                let fails = action == 2 && model.get(run).and_then(|run| run.get(index)) == Some(&State::Left);
                for (number, states) in model.iter_mut().enumerate() {
                    for (place, state) in states.iter_mut().enumerate().filter(|(_, state)| **state == State::Left) {
                        let is_earlier_run = number < run;
                        let is_in_run = number == run;
                        *state = match action {
                            0 | 1 if is_in_run && place <= index || action == 1 && is_earlier_run => State::Handled,
                            2 if fails && is_in_run && place >= index => State::Failed,
                            3 => State::Failed,
                            _ => State::Left,
                        };
                    }
                }
                let count = |wanted| model.iter().flatten().filter(|state| **state == wanted).count();
                prop_assert_eq!(progress.left().count(), count(State::Left));
                prop_assert_eq!(progress.handled(), count(State::Handled));
                for (run, states) in model.iter().enumerate() {
                    for (index, state) in states.iter().enumerate() {
                        prop_assert_eq!(progress.is_left(at(run, index)), *state == State::Left);
                    }
                }
            }
            progress.handle_all();
            for failure in progress.failures() {
                let handled = model[failure.run].iter().position(|state| *state == State::Failed);
                prop_assert_eq!(Some(failure.done), handled);
            }
        }
    }
}
