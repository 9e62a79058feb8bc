//! The event log of a session, in bounded memory.

use std::{collections::VecDeque, sync::Arc};

use chrono::Utc;
use parking_lot::Mutex;

use super::{Event, EventKind};

/// Maximum number of events kept; the oldest are dropped first.
const MAX_EVENTS: usize = 10_000;

/// An append-only event log. Any number of readers can follow it by sequence number.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    next_seq: u64,
    events: VecDeque<Event>,
}

impl EventLog {
    /// Appends an event with the current time.
    pub fn push(&self, kind: EventKind) {
        let mut inner = self.inner.lock();
        let seq = inner.next_seq;
        inner.next_seq += 1;
        if inner.events.len() == MAX_EVENTS {
            inner.events.pop_front();
        }
        inner.events.push_back(Event { seq, at: Utc::now(), kind });
    }

    /// The events with a sequence number of at least `seq`, oldest first. If the first one has a higher number, the
    /// events in between have been dropped.
    #[must_use]
    pub fn since(&self, seq: u64) -> Vec<Event> {
        let inner = self.inner.lock();
        let start = inner.events.partition_point(|event| event.seq < seq);
        inner.events.range(start..).cloned().collect()
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
