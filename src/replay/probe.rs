//! What a measurement asks of a run, and an ordinary run does without.

use std::time::{Duration, Instant};

/// A run with a probe measures, for each record, the time from when it came out of the client until its handler returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Take so many records a second from the client, evenly, as if they arrived like that; `None` takes all there are. A group
    /// is not slowed down.
    pub fetch_rate: Option<u32>,
}

/// Says how many records may be taken by now, so that they come at an even rate. Time that a fetcher missed is made up for, up
/// to [`Pace::CATCH_UP`]: a burst after a long pause would measure the pause.
#[derive(Clone, Debug)]
pub struct Pace {
    rate: u32,
    since: Instant,
    taken: u64,
    begun: bool,
}

impl Pace {
    /// The longest time that is made up for.
    pub const CATCH_UP: Duration = Duration::from_millis(100);

    /// So many records a second (at least one), from the first record on: until then the client connects.
    #[must_use]
    pub fn new(rate: u32, now: Instant) -> Self {
        Self { rate: rate.max(1), since: now, taken: 0, begun: false }
    }

    /// How many records may be taken now.
    pub fn due(&mut self, now: Instant) -> usize {
        if !self.begun {
            return 1;
        }
        let due = self.records_in(now.saturating_duration_since(self.since)).saturating_sub(self.taken);
        let most = self.records_in(Self::CATCH_UP).max(1);
        if due > most {
            self.taken += due - most;
        }
        usize::try_from(due.min(most)).unwrap_or(usize::MAX)
    }

    /// So many were taken.
    pub fn took(&mut self, records: usize, now: Instant) {
        if !self.begun && records > 0 {
            (self.begun, self.since) = (true, now);
        } else {
            self.taken += records as u64;
        }
    }

    fn records_in(&self, time: Duration) -> u64 {
        u64::try_from(time.as_nanos() * u128::from(self.rate) / 1_000_000_000).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn begun(rate: u32, at: Instant) -> Pace {
        let mut pace = Pace::new(rate, at.checked_sub(Duration::from_secs(7)).unwrap());
        assert_eq!(pace.due(at), 1, "however long the client takes to connect");
        pace.took(0, at.checked_sub(Duration::from_secs(1)).unwrap());
        pace.took(1, at);
        pace
    }

    #[test]
    fn records_come_evenly() {
        let begin = Instant::now() + Duration::from_secs(60);
        let mut pace = begun(10_000, begin);
        assert_eq!(pace.due(begin), 0);
        for millisecond in 1..=50 {
            let now = begin + Duration::from_millis(millisecond);
            let due = pace.due(now);
            assert_eq!(due, 10);
            pace.took(due, now);
        }
    }

    #[test]
    fn a_long_pause_is_not_made_up_for_in_one_burst() {
        let begin = Instant::now() + Duration::from_secs(60);
        let mut pace = begun(1000, begin);
        let later = begin + Duration::from_secs(60);
        assert_eq!(pace.due(later), 100);
        pace.took(100, later);
        assert_eq!(pace.due(later), 0);
        assert_eq!(pace.due(later + Duration::from_millis(3)), 3);
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_never_less_where_all_is_taken(
            rate in 1_u32..1_000_000, steps in prop::collection::vec(1_u64..90_000, 1..50),
        ) {
            let begin = Instant::now() + Duration::from_secs(60);
            let (mut pace, mut taken, mut at) = (begun(rate, begin), 0_u64, 0_u64);
            for step in steps {
                at += step;
                let now = begin + Duration::from_micros(at);
                let due = pace.due(now);
                pace.took(due, now);
                taken += due as u64;
                let exact = u128::from(at) * u128::from(rate) / 1_000_000;
                prop_assert_eq!(u128::from(taken), exact);
            }
        }
    }
}
