//! Failed records by kind of error, in bounded memory: a reducer of events.

use chrono::{DateTime, Utc};

use super::{Event, EventKind, Failure};

mod fold;

pub use fold::fold;

/// Maximum number of kinds kept. Then the one that has not occurred for longest is dropped.
pub const MAX_ERROR_KINDS: usize = 200;
/// Maximum size of the error of a failure that is kept, in bytes.
const MAX_ERROR_BYTES: usize = 4 << 10;

/// What followed the failure of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureOutcome {
    /// It is retried.
    Retried,
    /// It was skipped.
    Skipped,
    /// It was dead-lettered.
    DeadLettered,
    /// Its key was quarantined.
    Quarantined,
}

/// How often each outcome followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureCounts {
    /// Failures that were followed by a retry.
    pub retried: u64,
    /// Records that were skipped.
    pub skipped: u64,
    /// Records that were dead-lettered.
    pub dead_lettered: u64,
    /// Records whose key was quarantined.
    pub quarantined: u64,
}

impl FailureCounts {
    fn add(&mut self, outcome: FailureOutcome) {
        let count = match outcome {
            FailureOutcome::Retried => &mut self.retried,
            FailureOutcome::Skipped => &mut self.skipped,
            FailureOutcome::DeadLettered => &mut self.dead_lettered,
            FailureOutcome::Quarantined => &mut self.quarantined,
        };
        *count += 1;
    }

    /// All failures.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.retried + self.skipped + self.dead_lettered + self.quarantined
    }
}

/// Failures with the same error, apart from numbers and ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorKind {
    /// What the errors have in common: see [`fold()`]. It identifies the kind.
    pub pattern: String,
    /// How often it occurred.
    pub counts: FailureCounts,
    /// The sequence number of the last event.
    pub last_seq: u64,
    /// When it occurred last.
    pub last_at: DateTime<Utc>,
    /// What followed last.
    pub last_outcome: FailureOutcome,
    /// The last failure. Its error, truncated if long, and its key are external data: views must escape them.
    pub last: Failure,
}

/// The failed records of a session by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorKinds {
    /// The kinds, in the order in which they occurred first; at most [`MAX_ERROR_KINDS`].
    kinds: Vec<ErrorKind>,
    dropped: u64,
    of_run: FailureCounts,
    next_seq: u64,
}

impl ErrorKinds {
    /// Takes an event. Events that were taken before, and those that are neither about a failed record nor the start
    /// of a run, change nothing.
    pub fn add(&mut self, event: &Event) {
        if event.seq < self.next_seq {
            return;
        }
        self.next_seq = event.seq + 1;
        // Several processes that are shown together have one run, which goes on when one of them starts.
        if matches!(event.kind, EventKind::Started { .. }) && event.process.is_none() {
            self.of_run = FailureCounts::default();
        }
        let Some((failure, outcome)) = failure_of(&event.kind) else { return };
        self.of_run.add(outcome);
        let error = head(&failure.error, MAX_ERROR_BYTES);
        let pattern = fold(error);
        let last = Failure { error: error.to_owned(), ..failure.clone() };
        if let Some(kind) = self.kinds.iter_mut().find(|kind| kind.pattern == pattern) {
            kind.counts.add(outcome);
            (kind.last_seq, kind.last_at, kind.last_outcome, kind.last) = (event.seq, event.at, outcome, last);
            return;
        }
        if self.kinds.len() >= MAX_ERROR_KINDS {
            self.drop_oldest();
        }
        let mut counts = FailureCounts::default();
        counts.add(outcome);
        self.kinds.push(ErrorKind {
            pattern,
            counts,
            last_seq: event.seq,
            last_at: event.at,
            last_outcome: outcome,
            last,
        });
    }

    /// The kinds, in the order in which they occurred first.
    #[must_use]
    pub fn kinds(&self) -> &[ErrorKind] {
        &self.kinds
    }

    /// The failures since the last run began, those of dropped kinds included.
    #[must_use]
    pub fn of_run(&self) -> FailureCounts {
        self.of_run
    }

    /// The number of failures of kinds that were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn drop_oldest(&mut self) {
        let oldest = self.kinds.iter().enumerate().min_by_key(|(_, kind)| kind.last_seq).map(|(at, _)| at);
        if let Some(at) = oldest {
            self.dropped += self.kinds.remove(at).counts.total();
        }
    }
}

/// The failed record that an event is about, and what followed.
#[must_use]
pub fn failure_of(kind: &EventKind) -> Option<(&Failure, FailureOutcome)> {
    match kind {
        EventKind::Retried(failure) => Some((failure, FailureOutcome::Retried)),
        EventKind::Skipped(failure) => Some((failure, FailureOutcome::Skipped)),
        EventKind::DeadLettered { failure, .. } => Some((failure, FailureOutcome::DeadLettered)),
        EventKind::Quarantined { failure, .. } => Some((failure, FailureOutcome::Quarantined)),
        _ => None,
    }
}

/// The beginning of a text, at most `max` bytes of whole characters.
fn head(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Offset, TopicPartition};

    fn failure(error: &str, attempt: u32) -> Failure {
        let partition = TopicPartition::new("orders", 3);
        Failure { partition, offset: Offset::new(7).unwrap(), key: Some("k".into()), attempt, error: error.into() }
    }

    fn event(seq: u64, kind: EventKind) -> Event {
        Event { seq, at: DateTime::from_timestamp(i64::try_from(seq).unwrap(), 0).unwrap(), kind, process: None }
    }

    #[test]
    fn failures_that_differ_in_numbers_are_one_kind() {
        let mut errors = ErrorKinds::default();
        errors.add(&event(0, EventKind::Retried(failure("no stock of item 17", 1))));
        errors.add(&event(1, EventKind::Paused));
        errors.add(&event(2, EventKind::Skipped(failure("no stock of item 9000", 4))));
        errors.add(&event(3, EventKind::Retried(failure("timed out", 1))));
        errors.add(&event(3, EventKind::Retried(failure("timed out", 1))));
        let [stock, timeout] = errors.kinds() else { panic!("{errors:?}") };
        assert_eq!((stock.counts.retried, stock.counts.skipped, stock.counts.total()), (1, 1, 2));
        assert_eq!((stock.last.error.as_str(), stock.last.attempt), ("no stock of item 9000", 4));
        assert_eq!(stock.last_outcome, FailureOutcome::Skipped);
        assert_eq!(timeout.counts.total(), 1, "an event is taken once");
    }

    #[test]
    fn failures_are_also_counted_by_run() {
        let started = |process: Option<&str>, seq| Event {
            process: process.map(str::to_owned),
            ..event(seq, EventKind::Started { run_id: "r".into(), concurrency: 1 })
        };
        let mut errors = ErrorKinds::default();
        errors.add(&started(None, 0));
        errors.add(&event(1, EventKind::Retried(failure("timed out", 1))));
        errors.add(&started(Some("b"), 2));
        assert_eq!(errors.of_run().total(), 1, "the run of several processes goes on");
        errors.add(&started(None, 3));
        assert_eq!(errors.of_run(), FailureCounts::default());
        errors.add(&event(4, EventKind::Skipped(failure("timed out", 1))));
        assert_eq!((errors.of_run().skipped, errors.of_run().total()), (1, 1));
        assert_eq!(errors.kinds()[0].counts.total(), 2, "the kinds are those of the session");
    }

    #[test]
    fn the_kind_that_has_not_occurred_for_longest_is_dropped() {
        let mut errors = ErrorKinds::default();
        let name = |at: usize| "x".repeat(at + 1);
        for at in 0..MAX_ERROR_KINDS {
            errors.add(&event(at as u64, EventKind::Skipped(failure(&name(at), 1))));
        }
        errors.add(&event(1_000, EventKind::Skipped(failure(&name(0), 1))));
        errors.add(&event(1_001, EventKind::Skipped(failure("new", 1))));
        assert_eq!((errors.kinds().len(), errors.dropped()), (MAX_ERROR_KINDS, 1));
        assert!(errors.kinds().iter().any(|kind| kind.pattern == name(0)));
        assert!(!errors.kinds().iter().any(|kind| kind.pattern == name(1)));
    }

    #[test]
    fn a_long_error_is_truncated_between_characters() {
        let mut errors = ErrorKinds::default();
        errors.add(&event(0, EventKind::Skipped(failure(&"名".repeat(MAX_ERROR_BYTES), 1))));
        let kept = &errors.kinds()[0].last.error;
        assert!(kept.len() <= MAX_ERROR_BYTES && kept.chars().all(|c| c == '名'));
    }

    proptest! {
        #[test]
        fn no_failure_is_lost_and_memory_is_bounded(texts in prop::collection::vec("[a-z]{1,3}[0-9]{0,2}", 0..900)) {
            let mut errors = ErrorKinds::default();
            for (seq, text) in (0_u64..).zip(&texts) {
                errors.add(&event(seq, EventKind::Retried(failure(text, 1))));
            }
            let kept: u64 = errors.kinds().iter().map(|kind| kind.counts.total()).sum();
            prop_assert_eq!(kept + errors.dropped(), texts.len() as u64);
            prop_assert!(errors.kinds().len() <= MAX_ERROR_KINDS);
            if let Some(last) = texts.last() {
                prop_assert!(errors.kinds().iter().any(|kind| kind.last.error == *last), "the newest is kept");
            }
        }
    }
}
