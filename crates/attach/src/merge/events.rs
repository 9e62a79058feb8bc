//! The events of several processes in the order of their times.

use chrono::{DateTime, Utc};
use kreplay_model::feed::Event;

/// Holds events back until earlier ones of other processes have arrived.
#[derive(Clone, Debug, Default)]
pub struct Interleaver {
    waiting: Vec<Event>,
}

impl Interleaver {
    /// Adds the events of a process, oldest first.
    pub fn push(&mut self, events: impl IntoIterator<Item = Event>) {
        self.waiting.extend(events);
    }

    /// The events up to a time, in the order of their times. Those of a process stay in their order.
    pub fn release(&mut self, up_to: DateTime<Utc>) -> Vec<Event> {
        self.waiting.sort_by_key(|event| event.at);
        let later = self.waiting.split_off(self.waiting.partition_point(|event| event.at <= up_to));
        std::mem::replace(&mut self.waiting, later)
    }
}
