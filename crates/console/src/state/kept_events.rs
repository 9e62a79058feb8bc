//! The latest events of the feed.

use std::collections::VecDeque;

use kreplay_model::feed::{Event, Severity};

/// Maximum number of events kept; the oldest are dropped first.
const MAX_EVENTS: usize = 5_000;

/// The latest events of the feed, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptEvents {
    events: VecDeque<Event>,
    next_seq: u64,
    missed: u64,
}

impl KeptEvents {
    /// The latest events as of a moment, oldest first.
    pub(crate) fn latest(events: Vec<Event>) -> Self {
        let first = events.first().map_or(0, |event| event.seq);
        let mut kept = Self { next_seq: first, ..Self::default() };
        kept.add(events);
        kept
    }

    /// Appends new events and ignores known ones.
    pub(crate) fn add(&mut self, events: Vec<Event>) {
        for event in events {
            if event.seq < self.next_seq {
                continue;
            }
            self.missed += event.seq - self.next_seq;
            self.next_seq = event.seq + 1;
            if self.events.len() == MAX_EVENTS {
                self.events.pop_front();
            }
            self.events.push_back(event);
        }
    }

    /// The sequence number of the next event.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The number of events dropped before the console could read them.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The events of at least a severity, oldest first.
    #[must_use]
    pub fn of(&self, min_severity: Severity) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter().filter(move |event| event.kind.severity() >= min_severity)
    }
}
