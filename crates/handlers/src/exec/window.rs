//! The records of a batch that are in flight at a child, and those that may be sent next. No I/O, no clock.
//!
//! - *Lanes*: at most one record of each lane is in flight, lanes in parallel. A record is sent once the previous one
//!   of its lane is acknowledged, so after a failure the child has seen no later record of that lane.
//! - *Pipeline*: one lane after another, without waiting for acknowledgements. After a failure the rest of its lane is
//!   sent again.
//! - *One at a time*: used after a child failed with several records in flight, because any of them may be the cause.
//!   All are sent again singly until the batch ends. A record is blamed only if it was the sole record sent to a
//!   freshly started child that then died; otherwise the child may have died for its own reasons.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{Advice, LaneFailure, verdict::Verdict};

/// The place of a record in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordIndex {
    /// The index of its run.
    pub(super) run: usize,
    /// Its index in the run.
    pub(super) index: usize,
}

/// An acknowledgement that matches no record in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnexpectedAck {
    /// No record with this number is in flight.
    #[error("it acknowledged record {0}, which is not in flight")]
    UnknownId(u64),
    /// No record is in flight.
    #[error("it acknowledged a record, but none is in flight")]
    NothingInFlight,
}

#[derive(Debug)]
struct Run {
    /// Records from this index on are not sent: the first failed record, or the run's length.
    end: usize,
    /// The next record to send.
    next: usize,
    /// The number of records acknowledged without a gap.
    done: usize,
    /// Records acknowledged beyond a gap.
    out_of_order: BTreeSet<usize>,
    failure: Option<(String, Advice)>,
}

/// The records of one batch.
#[derive(Debug)]
pub(super) struct Window {
    runs: Vec<Run>,
    pipeline: bool,
    one_at_a_time: bool,
    /// Runs with a record that may be sent.
    ready: VecDeque<usize>,
    in_flight: BTreeMap<u64, RecordIndex>,
    next_id: u64,
}

impl Window {
    /// A batch with runs of these lengths. Records are numbered from `first_id` in the order in which they are sent.
    pub(super) fn new(lengths: impl Iterator<Item = usize>, pipeline: bool, first_id: u64) -> Self {
        let run = |end| Run { end, next: 0, done: 0, out_of_order: BTreeSet::new(), failure: None };
        let runs: Vec<_> = lengths.map(run).collect();
        let ready = (0..runs.len()).collect();
        Self { runs, pipeline, one_at_a_time: false, ready, in_flight: BTreeMap::new(), next_id: first_id }
    }

    /// The next record to send, with its number; from now on it is in flight. `None` if none may be sent now.
    pub(super) fn next(&mut self) -> Option<(u64, RecordIndex)> {
        if self.one_at_a_time && !self.in_flight.is_empty() {
            return None;
        }
        while let Some(&run) = self.ready.front() {
            let run_state = &mut self.runs[run];
            if run_state.next >= run_state.end {
                self.ready.pop_front();
                continue;
            }
            let at = RecordIndex { run, index: run_state.next };
            run_state.next += 1;
            if self.waits_for_acks() {
                self.ready.pop_front();
            }
            let id = self.next_id;
            self.next_id += 1;
            self.in_flight.insert(id, at);
            return Some((id, at));
        }
        None
    }

    /// Applies a verdict to the record with this number, or to the record that has been in flight longest.
    ///
    /// # Errors
    /// No such record is in flight.
    pub(super) fn acknowledge(&mut self, id: Option<u64>, verdict: Verdict) -> Result<(), UnexpectedAck> {
        let id = match id {
            Some(id) => id,
            None => *self.in_flight.first_key_value().ok_or(UnexpectedAck::NothingInFlight)?.0,
        };
        let at = self.in_flight.remove(&id).ok_or(UnexpectedAck::UnknownId(id))?;
        match verdict {
            Verdict::Handled => self.runs[at.run].handled(at.index),
            Verdict::Failed { error, advice } => self.fail(at, error, advice),
        }
        if self.waits_for_acks() {
            self.ready.push_back(at.run);
        }
        Ok(())
    }

    /// Fails a record and the rest of its run.
    pub(super) fn fail(&mut self, at: RecordIndex, error: String, advice: Advice) {
        self.in_flight.retain(|_, other| *other != at);
        let run = &mut self.runs[at.run];
        if at.index < run.end {
            run.end = at.index;
            run.failure = Some((error, advice));
        }
    }

    /// The child has died with all records in flight. If exactly one was in flight and the failure is `conclusive`,
    /// that record fails; otherwise all are sent again one at a time. Returns whether a record was failed.
    pub(super) fn child_failed(&mut self, error: &str, conclusive: bool) -> bool {
        let suspect = self.in_flight.pop_first().map(|(_, at)| at);
        let culprit = suspect.filter(|_| self.in_flight.is_empty() && conclusive);
        match culprit {
            Some(at) => self.fail(at, error.to_owned(), Advice::Retry),
            None => self.one_at_a_time |= suspect.is_some(),
        }
        self.in_flight.clear();
        for run in &mut self.runs {
            run.out_of_order.clear();
            run.next = run.done;
        }
        // The suspect goes to the next child first, so that the outcome is conclusive.
        self.ready = suspect.iter().map(|at| at.run).chain(0..self.runs.len()).collect();
        culprit.is_some()
    }

    /// Fails every record that is not handled yet.
    pub(super) fn fail_remaining(&mut self, error: &str, advice: Advice) {
        self.in_flight.clear();
        self.ready.clear();
        for run in &mut self.runs {
            if run.done < run.end {
                run.end = run.done;
                run.failure = Some((error.to_owned(), advice));
            }
        }
    }

    /// Whether nothing is in flight and nothing is left to send.
    pub(super) fn is_done(&self) -> bool {
        self.in_flight.is_empty() && self.runs.iter().all(|run| run.next >= run.end)
    }

    /// The number of the next record.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// The runs that were not handled completely.
    pub(super) fn failures(self) -> Vec<LaneFailure> {
        let runs = self.runs.into_iter().enumerate();
        runs.filter_map(|(run, run_state)| {
            let (error, advice) = run_state.failure?;
            Some(LaneFailure { run, done: run_state.done, error, advice })
        })
        .collect()
    }

    fn waits_for_acks(&self) -> bool {
        self.one_at_a_time || !self.pipeline
    }
}

impl Run {
    fn handled(&mut self, index: usize) {
        self.out_of_order.insert(index);
        while self.done < self.end && self.out_of_order.remove(&self.done) {
            self.done += 1;
        }
    }
}
