//! The event log of a session, in bounded memory.

use std::{collections::VecDeque, sync::Arc};

use chrono::Utc;
use parking_lot::Mutex;

use super::{Event, EventKind};
use crate::domain::Severity;

/// Maximum number of events kept; the oldest are dropped first.
const MAX_EVENTS: usize = 10_000;

/// What one part of a run has reported last. A problem that is found again and again is reported once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastReport(Option<String>);

impl LastReport {
    /// Keeps a text, and returns it if it differs from the last one.
    fn replace(&mut self, text: String) -> Option<String> {
        if self.0.as_ref() == Some(&text) {
            return None;
        }
        self.0 = Some(text.clone());
        Some(text)
    }

    /// Whether anything was reported since the last [`LastReport::clear`].
    #[must_use]
    pub fn is_reported(&self) -> bool {
        self.0.is_some()
    }

    /// Notes that the problem is over: the same text is reported again next time. Returns whether there was a report.
    pub fn clear(&mut self) -> bool {
        self.0.take().is_some()
    }
}

/// How many events a log has had, by severity. Those that were dropped are included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts([u64; Severity::ALL.len()]);

impl EventCounts {
    /// The number of events of a severity.
    #[must_use]
    pub fn of(&self, severity: Severity) -> u64 {
        // The severities number the counts.
        self.0[severity as usize]
    }

    fn add(&mut self, severity: Severity) {
        self.0[severity as usize] += 1;
    }
}

/// An append-only event log. Any number of readers can follow it by sequence number.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    next_seq: u64,
    events: VecDeque<Event>,
    counts: EventCounts,
}

impl Inner {
    /// Appends an event with the next sequence number.
    fn push(&mut self, event: Event) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.counts.add(event.kind.severity());
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Event { seq, ..event });
    }
}

impl EventLog {
    /// Appends an event with the current time.
    pub fn push(&self, kind: EventKind) {
        self.inner.lock().push(Event { seq: 0, at: Utc::now(), process: None, kind });
    }

    /// Appends events of other logs. They keep their times and get the next sequence numbers.
    pub fn extend(&self, events: impl IntoIterator<Item = Event>) {
        let mut inner = self.inner.lock();
        events.into_iter().for_each(|event| inner.push(event));
    }

    /// Reports information about normal operation, in one sentence.
    pub fn notice(&self, text: impl Into<String>) {
        self.push(EventKind::Notice { text: text.into() });
    }

    /// Reports a problem that does not stop the run, in one sentence.
    pub fn warn(&self, text: impl Into<String>) {
        self.push(EventKind::Warning { text: text.into() });
    }

    /// Reports a problem that stops part or all of the run, in one sentence.
    pub fn error(&self, text: impl Into<String>) {
        self.push(EventKind::Error { text: text.into() });
    }

    /// Reports a problem, unless `last` says that the same text was the last one reported.
    pub fn warn_once(&self, last: &mut LastReport, text: impl Into<String>) {
        if let Some(text) = last.replace(text.into()) {
            self.warn(text);
        }
    }

    /// The events with a sequence number of at least `seq`, oldest first. If the first one has a higher number, the
    /// events in between have been dropped.
    #[must_use]
    pub fn since(&self, seq: u64) -> Vec<Event> {
        let inner = self.inner.lock();
        let start = inner.events.partition_point(|event| event.seq < seq);
        inner.events.range(start..).cloned().collect()
    }

    /// How many events there were.
    #[must_use]
    pub fn counts(&self) -> EventCounts {
        self.inner.lock().counts
    }

    /// The sequence number of the next event.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.inner.lock().next_seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_reported_once_until_it_is_over() {
        let (log, mut last) = (EventLog::default(), LastReport::default());
        for text in ["a", "a", "b", "b"] {
            log.warn_once(&mut last, text);
        }
        assert_eq!(log.next_seq(), 2);
        assert!(last.is_reported() && last.clear() && !last.clear());
        log.warn_once(&mut last, "b");
        assert_eq!(log.next_seq(), 3);
    }

    #[test]
    fn events_are_counted_by_severity_also_after_they_were_dropped() {
        let log = EventLog::default();
        (0..=MAX_EVENTS).for_each(|at| log.warn(at.to_string()));
        log.error("x");
        let counts = Severity::ALL.map(|severity| log.counts().of(severity));
        assert_eq!(counts, [0, 0, MAX_EVENTS as u64 + 1, 1]);
    }

    #[test]
    fn events_of_other_logs_keep_their_time_and_get_new_numbers() {
        let (log, other) = (EventLog::default(), EventLog::default());
        log.push(EventKind::Paused);
        let at = Utc::now() - chrono::TimeDelta::hours(1);
        let process = Some("a".to_owned());
        other.push(EventKind::Resumed);
        log.extend(other.since(0).into_iter().map(|event| Event { at, process: process.clone(), ..event }));
        let event = log.since(1).pop().unwrap();
        assert_eq!((event.seq, event.at, event.text()), (1, at, format!("a: {}", EventKind::Resumed)));
    }

    #[test]
    fn readers_follow_by_sequence_number_and_oldest_events_are_dropped() {
        let log = EventLog::default();
        for _ in 0..MAX_EVENTS + 5 {
            log.push(EventKind::Paused);
        }
        assert_eq!(log.next_seq(), MAX_EVENTS as u64 + 5);
        assert_eq!(log.since(0).first().map(|event| event.seq), Some(5));
        assert_eq!(log.since(MAX_EVENTS as u64 + 3).len(), 2);
        assert!(log.since(MAX_EVENTS as u64 + 5).is_empty());
    }
}
