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

use crate::{BatchProgress, LaneFailure, RecordFailure, RecordIndex, verdict::Verdict};

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

/// What is sent of a run.
#[derive(Clone, Debug, Default)]
struct SentRun {
    /// The next record to send.
    next: usize,
    /// Records acknowledged beyond a gap.
    out_of_order: BTreeSet<usize>,
}

/// The records of one batch.
#[derive(Debug)]
pub(super) struct Window {
    progress: BatchProgress,
    runs: Vec<SentRun>,
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
        let lengths: Vec<usize> = lengths.collect();
        Self {
            runs: vec![SentRun::default(); lengths.len()],
            ready: (0..lengths.len()).collect(),
            progress: BatchProgress::of_lengths(lengths),
            pipeline,
            one_at_a_time: false,
            in_flight: BTreeMap::new(),
            next_id: first_id,
        }
    }

    /// The next record to send, with its number; from now on it is in flight. `None` if none may be sent now.
    pub(super) fn next(&mut self) -> Option<(u64, RecordIndex)> {
        if self.one_at_a_time && !self.in_flight.is_empty() {
            return None;
        }
        while let Some(&run) = self.ready.front() {
            if self.is_sent(run) {
                self.ready.pop_front();
                continue;
            }
            let at = RecordIndex { run, index: self.runs[run].next };
            self.runs[run].next += 1;
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
            Verdict::Handled => self.handled(at),
            Verdict::Failed { error, advice } => self.fail(at, RecordFailure { error, advice }),
        }
        if self.waits_for_acks() {
            self.ready.push_back(at.run);
        }
        Ok(())
    }

    /// Fails a record and the rest of its run.
    pub(super) fn fail(&mut self, at: RecordIndex, failure: impl Into<RecordFailure>) {
        self.in_flight.retain(|_, other| *other != at);
        self.progress.fail(at, failure);
    }

    fn handled(&mut self, at: RecordIndex) {
        let out_of_order = &mut self.runs[at.run].out_of_order;
        out_of_order.insert(at.index);
        for index in self.progress.left_of(at.run) {
            if !out_of_order.remove(&index) {
                return;
            }
            self.progress.handle_through(RecordIndex { index, ..at });
        }
    }

    /// Whether all records of a run that are left are sent.
    fn is_sent(&self, run: usize) -> bool {
        self.runs[run].next >= self.progress.left_of(run).end
    }

    /// The child has died with all records in flight. If exactly one was in flight and the failure is `conclusive`,
    /// that record fails; otherwise all are sent again one at a time. Returns whether a record was failed.
    pub(super) fn child_failed(&mut self, error: &str, conclusive: bool) -> bool {
        let suspect = self.in_flight.pop_first().map(|(_, at)| at);
        let culprit = suspect.filter(|_| self.in_flight.is_empty() && conclusive);
        match culprit {
            Some(at) => self.fail(at, error.to_owned()),
            None => self.one_at_a_time |= suspect.is_some(),
        }
        self.in_flight.clear();
        for (run, sent) in self.runs.iter_mut().enumerate() {
            sent.out_of_order.clear();
            sent.next = self.progress.left_of(run).start;
        }
        // The suspect goes to the next child first, so that the outcome is conclusive.
        self.ready = suspect.iter().map(|at| at.run).chain(0..self.runs.len()).collect();
        culprit.is_some()
    }

    /// Fails every record that is not handled yet.
    pub(super) fn fail_left(&mut self, failure: impl Into<RecordFailure>) {
        self.in_flight.clear();
        self.ready.clear();
        self.progress.fail_left(failure);
    }

    /// Whether nothing is in flight and nothing is left to send.
    pub(super) fn is_done(&self) -> bool {
        self.in_flight.is_empty() && (0..self.runs.len()).all(|run| self.is_sent(run))
    }

    /// The number of the next record.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// The runs that were not handled completely.
    pub(super) fn failures(self) -> Vec<LaneFailure> {
        self.progress.failures()
    }

    fn waits_for_acks(&self) -> bool {
        self.one_at_a_time || !self.pipeline
    }
}
