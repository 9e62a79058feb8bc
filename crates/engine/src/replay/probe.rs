//! Paces reading in measurements with a fixed rate.

use std::time::{Duration, Instant};

/// Paces reading: tells how many records may be read by now, so that they come at an even rate. Time that a fetcher
/// missed is made up for, up to [`FetchPacer::MAX_CATCH_UP`]: a burst after a long pause would measure the pause.
#[derive(Clone, Debug)]
pub struct FetchPacer {
    rate: u32,
    since: Instant,
    taken: u64,
    has_begun: bool,
}

impl FetchPacer {
    /// The longest missed time that is made up for.
    pub const MAX_CATCH_UP: Duration = Duration::from_millis(100);

    /// Allows `rate` records a second (at least one), counted from the first record on, since the client has to connect
    /// first.
    #[must_use]
    pub fn new(rate: u32, now: Instant) -> Self {
        Self { rate: rate.max(1), since: now, taken: 0, has_begun: false }
    }

    /// How many records may be read now.
    pub fn due(&mut self, now: Instant) -> usize {
        if !self.has_begun {
            return 1;
        }
        let due = self.records_in(now.saturating_duration_since(self.since)).saturating_sub(self.taken);
        let max_records = self.records_in(Self::MAX_CATCH_UP).max(1);
        if due > max_records {
            self.taken += due - max_records;
        }
        usize::try_from(due.min(max_records)).unwrap_or(usize::MAX)
    }

    /// Notes how many records were read.
    pub fn note_taken(&mut self, records: usize, now: Instant) {
        if !self.has_begun && records > 0 {
            (self.has_begun, self.since) = (true, now);
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

    fn started(rate: u32, at: Instant) -> FetchPacer {
        let mut pacer = FetchPacer::new(rate, at.checked_sub(Duration::from_secs(7)).unwrap());
        assert_eq!(pacer.due(at), 1, "the time to connect does not count");
        pacer.note_taken(0, at.checked_sub(Duration::from_secs(1)).unwrap());
        pacer.note_taken(1, at);
        pacer
    }

    #[test]
    fn records_come_evenly() {
        let begin = Instant::now() + Duration::from_secs(60);
        let mut pacer = started(10_000, begin);
        assert_eq!(pacer.due(begin), 0);
        for millisecond in 1..=50 {
            let now = begin + Duration::from_millis(millisecond);
            let due = pacer.due(now);
            assert_eq!(due, 10);
            pacer.note_taken(due, now);
        }
    }

    #[test]
    fn a_long_pause_does_not_cause_a_burst() {
        let begin = Instant::now() + Duration::from_secs(60);
        let mut pacer = started(1000, begin);
        let later = begin + Duration::from_secs(60);
        assert_eq!(pacer.due(later), 100);
        pacer.note_taken(100, later);
        assert_eq!(pacer.due(later), 0);
        assert_eq!(pacer.due(later + Duration::from_millis(3)), 3);
    }

    proptest! {
        #[test]
        fn the_rate_is_exact_when_every_due_record_is_taken(
            rate in 1_u32..1_000_000, steps in prop::collection::vec(1_u64..90_000, 1..50),
        ) {
            let begin = Instant::now() + Duration::from_secs(60);
            let (mut pacer, mut taken, mut at) = (started(rate, begin), 0_u64, 0_u64);
            for step in steps {
                at += step;
                let now = begin + Duration::from_micros(at);
                let due = pacer.due(now);
                pacer.note_taken(due, now);
                taken += due as u64;
                let exact = u128::from(at) * u128::from(rate) / 1_000_000;
                prop_assert_eq!(u128::from(taken), exact);
            }
        }
    }
}
