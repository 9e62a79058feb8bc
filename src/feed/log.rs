//! The events of a session, kept in order and bounded.

use std::{collections::VecDeque, sync::Arc};

use chrono::Utc;
use parking_lot::Mutex;

use super::{Event, EventKind};

/// How many events are kept; the oldest go first.
const KEPT: usize = 10_000;

/// An append-only list of events that any number of readers follow by sequence number.
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
    /// Notes that something happened just now.
    pub fn push(&self, kind: EventKind) {
        let mut inner = self.inner.lock();
        let seq = inner.next_seq;
        inner.next_seq += 1;
        if inner.events.len() == KEPT {
            inner.events.pop_front();
        }
        inner.events.push_back(Event { seq, at: Utc::now(), kind });
    }

    /// The kept events with a sequence number of at least `seq`, oldest first. A first event with a higher number
    /// tells that those between have been dropped.
    #[must_use]
    pub fn since(&self, seq: u64) -> Vec<Event> {
        let inner = self.inner.lock();
        let start = inner.events.partition_point(|event| event.seq < seq);
        inner.events.range(start..).cloned().collect()
    }

    /// The number that the next event will carry.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.inner.lock().next_seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_follow_by_number_and_the_oldest_go_first() {
        let log = EventLog::default();
        for _ in 0..KEPT + 5 {
            log.push(EventKind::Paused);
        }
        assert_eq!(log.next_seq(), KEPT as u64 + 5);
        assert_eq!(log.since(0).first().map(|event| event.seq), Some(5));
        assert_eq!(log.since(KEPT as u64 + 3).len(), 2);
        assert!(log.since(KEPT as u64 + 5).is_empty());
    }
}
