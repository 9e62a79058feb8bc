//! The times of the demo's events, which its broker cannot look up.

use super::{Datasets, event::timestamp_ms, schedule::Schedule};

/// The times of the events of some topics, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventTimes(Vec<i64>);

impl EventTimes {
    /// The times of the events of topics. A topic that the demo does not have has no events.
    #[must_use]
    pub fn of(datasets: &Datasets, topics: &[String]) -> Self {
        let counts = datasets.split();
        let is_wanted: Vec<bool> = (1..=counts.len()).map(|number| topics.contains(&Datasets::topic(number))).collect();
        let events = (0..).zip(Schedule::new(counts));
        let wanted = events.filter(|(_, slot)| is_wanted.get(slot.dataset).copied().unwrap_or(false));
        Self(wanted.map(|(position, _)| timestamp_ms(position)).collect())
    }

    /// The number of events.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time of the last event, in milliseconds since 1970.
    #[must_use]
    pub fn last(&self) -> Option<i64> {
        self.0.last().copied()
    }

    /// The number of events before a time. For one topic, it is the offset of the first event that is not before it.
    #[must_use]
    pub fn before(&self, at_ms: i64) -> u64 {
        self.0.partition_point(|time| *time < at_ms) as u64
    }
}

/// The number of events before a time, by dataset: the offset of its first event that is not before it.
#[must_use]
pub fn events_before(datasets: &Datasets, at_ms: i64) -> Vec<u64> {
    let counts = datasets.split();
    let mut before = vec![0; counts.len()];
    let events = (0..).zip(Schedule::new(counts));
    for (_, slot) in events.take_while(|(position, _)| timestamp_ms(*position) < at_ms) {
        if let Some(count) = before.get_mut(slot.dataset) {
            *count += 1;
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_events() {
        let datasets =
            Datasets { count: 3.try_into().unwrap(), events: 1_000.try_into().unwrap(), ..Datasets::default() };
        let all: Vec<String> = (1..=3).map(Datasets::topic).collect();
        let times = EventTimes::of(&datasets, &all);
        assert_eq!((times.len(), times.last()), (1_000, Some(timestamp_ms(999))));
        assert!(EventTimes::of(&datasets, &["no.topic".to_owned()]).is_empty());
        for at_ms in [0, timestamp_ms(0), timestamp_ms(0) + 1, timestamp_ms(500), timestamp_ms(999) + 1] {
            let each: Vec<u64> =
                all.iter().map(|topic| EventTimes::of(&datasets, std::slice::from_ref(topic)).before(at_ms)).collect();
            assert_eq!(events_before(&datasets, at_ms), each, "{at_ms}");
            assert_eq!(each.iter().sum::<u64>(), times.before(at_ms));
        }
    }
}
