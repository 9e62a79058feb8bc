//! The events of several processes in the order of their times.

use std::time::{Duration, Instant};

use kreplay_model::feed::Event;

/// Holds events back until earlier ones of other processes have arrived.
///
/// How long an event waits depends on when it was received and not on its time: the clocks of the processes may differ.
#[derive(Clone, Debug, Default)]
pub struct Interleaver {
    /// When each event was received, and the event.
    waiting: Vec<(Instant, Event)>,
}

impl Interleaver {
    /// Adds the events of a process, oldest first.
    pub fn push(&mut self, received: Instant, events: impl IntoIterator<Item = Event>) {
        self.waiting.extend(events.into_iter().map(|event| (received, event)));
    }

    /// The events that have waited for this long, and those with earlier times, in the order of their times. Events of
    /// the same time stay in their order. With a delay of zero, none is left.
    pub fn release(&mut self, now: Instant, delay: Duration) -> Vec<Event> {
        let has_waited = |(received, _): &&(Instant, Event)| now.saturating_duration_since(*received) >= delay;
        let Some(up_to) = self.waiting.iter().filter(has_waited).map(|(_, event)| event.at).max() else {
            return Vec::new();
        };
        self.waiting.sort_by_key(|(_, event)| event.at);
        let later = self.waiting.split_off(self.waiting.partition_point(|(_, event)| event.at <= up_to));
        let released = std::mem::replace(&mut self.waiting, later);
        released.into_iter().map(|(_, event)| event).collect()
    }
}
