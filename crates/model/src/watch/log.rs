//! The events of a watch, in bounded memory.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::WatchEvent;

/// Maximum number of events kept; the oldest are dropped first.
const MAX_EVENTS: usize = 10_000;

/// An append-only log of events. Any number of readers can follow it by sequence number.
#[derive(Clone, Debug, Default)]
pub struct WatchLog {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The sequence number of the first event that is kept.
    first: u64,
    events: VecDeque<WatchEvent>,
}

impl WatchLog {
    /// Appends events.
    pub fn extend(&self, events: impl IntoIterator<Item = WatchEvent>) {
        let mut inner = self.inner.lock();
        for event in events {
            if inner.events.len() == MAX_EVENTS {
                inner.events.pop_front();
                inner.first += 1;
            }
            inner.events.push_back(event);
        }
    }

    /// The events from sequence number `seq` on, oldest first, and the sequence number of the next event. Events that
    /// have been dropped are missing.
    #[must_use]
    pub fn since(&self, seq: u64) -> (Vec<WatchEvent>, u64) {
        let inner = self.inner.lock();
        let skipped = usize::try_from(seq.saturating_sub(inner.first)).unwrap_or(usize::MAX);
        let events = inner.events.iter().skip(skipped).cloned().collect();
        (events, inner.first + inner.events.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::watch::WatchEventKind;

    #[test]
    fn readers_follow_by_sequence_number_and_oldest_events_are_dropped() {
        let event = |number: usize| WatchEvent {
            at: DateTime::UNIX_EPOCH,
            group: number.to_string(),
            kind: WatchEventKind::Appeared,
        };
        let log = WatchLog::default();
        log.extend((0..3).map(event));
        let (events, next) = log.since(1);
        assert_eq!((events.len(), next), (2, 3));
        log.extend((3..MAX_EVENTS + 5).map(event));
        let (events, next) = log.since(0);
        assert_eq!((events.len(), events[0].group.as_str(), next), (MAX_EVENTS, "5", MAX_EVENTS as u64 + 5));
        assert!(log.since(next).0.is_empty() && log.since(next + 9).0.is_empty());
    }
}
