//! Which records of a batch a child has in hand, and which it may get next. No I/O, no clock.
//!
//! - *Lanes*: of each lane one record at a time, the lanes side by side. A record is sent when the one before it in its lane
//!   is acknowledged, so that after a failure the child has seen nothing of what comes later in that lane.
//! - *Pipeline*: lane after lane, without waiting. After a failure the rest of its lane comes again.
//! - *Alone*: one record at a time. It begins when a child broke with several records in hand: nobody knows which of them it
//!   was. Each is sent again, alone, until the batch ends; only who breaks a child alone, that did nothing before, is to blame:
//!   a child may have had enough by itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::handler::{Advice, LaneFailure, verdict::Verdict};

/// Where a record is in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which run, by index.
    pub(super) run: usize,
    /// Which of its records, by index.
    pub(super) index: usize,
}

/// An acknowledgement that belongs to no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stray {
    /// Its number is not that of a record in hand.
    #[error("it acknowledged record {0}, which it does not have in hand")]
    Unknown(u64),
    /// No record is in hand.
    #[error("it acknowledged a record, and has none in hand")]
    Nothing,
}

#[derive(Debug)]
struct Run {
    /// Records from here on are not sent any more: the first that failed, or the end.
    end: usize,
    /// The next to be sent.
    next: usize,
    /// So many are acknowledged without a gap.
    done: usize,
    /// Acknowledged behind a gap.
    early: BTreeSet<usize>,
    failure: Option<(String, Advice)>,
}

/// The records of one batch.
#[derive(Debug)]
pub(super) struct Window {
    runs: Vec<Run>,
    pipeline: bool,
    alone: bool,
    /// Runs of which a record may be sent.
    ready: VecDeque<usize>,
    in_hand: BTreeMap<u64, Place>,
    next_id: u64,
}

impl Window {
    /// A batch with runs of these lengths. Its records have numbers from `first_id` on, in the order in which they are sent.
    pub(super) fn new(lengths: impl Iterator<Item = usize>, pipeline: bool, first_id: u64) -> Self {
        let run = |end| Run { end, next: 0, done: 0, early: BTreeSet::new(), failure: None };
        let runs: Vec<_> = lengths.map(run).collect();
        let ready = (0..runs.len()).collect();
        Self { runs, pipeline, alone: false, ready, in_hand: BTreeMap::new(), next_id: first_id }
    }

    /// The next record to be sent, with its number; it is in hand from now on. `None` where none may be sent just now.
    pub(super) fn next(&mut self) -> Option<(u64, Place)> {
        if self.alone && !self.in_hand.is_empty() {
            return None;
        }
        while let Some(&run) = self.ready.front() {
            let it = &mut self.runs[run];
            if it.next >= it.end {
                self.ready.pop_front();
                continue;
            }
            let place = Place { run, index: it.next };
            it.next += 1;
            if self.one_by_one() {
                self.ready.pop_front();
            }
            let id = self.next_id;
            self.next_id += 1;
            self.in_hand.insert(id, place);
            return Some((id, place));
        }
        None
    }

    /// Takes what was said of a record: by its number, or of the one that is in hand for longest.
    ///
    /// # Errors
    /// There is no such record.
    pub(super) fn acknowledge(&mut self, id: Option<u64>, verdict: Verdict) -> Result<(), Stray> {
        let id = match id {
            Some(id) => id,
            None => *self.in_hand.first_key_value().ok_or(Stray::Nothing)?.0,
        };
        let place = self.in_hand.remove(&id).ok_or(Stray::Unknown(id))?;
        match verdict {
            Verdict::Handled => self.runs[place.run].handled(place.index),
            Verdict::Failed { error, advice } => self.fail(place, error, advice),
        }
        if self.one_by_one() {
            self.ready.push_back(place.run);
        }
        Ok(())
    }

    /// A record cannot be handled, and with it the rest of its run.
    pub(super) fn fail(&mut self, place: Place, error: String, advice: Advice) {
        self.in_hand.retain(|_, other| *other != place);
        let run = &mut self.runs[place.run];
        if place.index < run.end {
            run.end = place.index;
            run.failure = Some((error, advice));
        }
    }

    /// The child is gone, and with it all that was in hand. Where one record alone was, and it is certain that the fault is its
    /// own, that one has failed; otherwise all are sent again, one at a time. Answers whether somebody is to blame.
    pub(super) fn broken(&mut self, error: &str, certain: bool) -> bool {
        let suspect = self.in_hand.pop_first().map(|(_, place)| place);
        let blamed = suspect.filter(|_| self.in_hand.is_empty() && certain);
        match blamed {
            Some(place) => self.fail(place, error.to_owned(), Advice::Retry),
            None => self.alone |= suspect.is_some(),
        }
        self.in_hand.clear();
        for run in &mut self.runs {
            run.early.clear();
            run.next = run.done;
        }
        // The next child gets the suspect first: what becomes of it then says all.
        self.ready = suspect.iter().map(|place| place.run).chain(0..self.runs.len()).collect();
        blamed.is_some()
    }

    /// Everything that is not handled yet has failed.
    pub(super) fn abandon(&mut self, error: &str, advice: Advice) {
        self.in_hand.clear();
        self.ready.clear();
        for run in &mut self.runs {
            if run.done < run.end {
                run.end = run.done;
                run.failure = Some((error.to_owned(), advice));
            }
        }
    }

    /// Whether nothing is in hand and nothing is left to be sent.
    pub(super) fn is_done(&self) -> bool {
        self.in_hand.is_empty() && self.runs.iter().all(|run| run.next >= run.end)
    }

    /// The number after the last one that was given.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// The runs that did not come to their end.
    pub(super) fn failures(self) -> Vec<LaneFailure> {
        let runs = self.runs.into_iter().enumerate();
        runs.filter_map(|(run, it)| {
            let (error, advice) = it.failure?;
            Some(LaneFailure { run, done: it.done, error, advice })
        })
        .collect()
    }

    fn one_by_one(&self) -> bool {
        self.alone || !self.pipeline
    }
}

impl Run {
    fn handled(&mut self, index: usize) {
        self.early.insert(index);
        while self.done < self.end && self.early.remove(&self.done) {
            self.done += 1;
        }
    }
}
