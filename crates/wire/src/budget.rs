//! Limits the number of requests per second to a broker.

use std::time::Duration;

/// A token bucket that holds the requests of one second, as the generic cell rate algorithm (ITU-T I.371) computes it
/// from a single time. All times are since the same start.
#[derive(Debug)]
pub(crate) struct RequestBudget {
    /// The time between two requests at the full rate.
    interval: Duration,
    /// How far requests may be ahead of the full rate.
    tolerance: Duration,
    /// When the next request would be due at the full rate.
    due: Duration,
}

impl RequestBudget {
    pub(crate) fn new(requests_per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / requests_per_second.max(1);
        Self { interval, tolerance: Duration::from_secs(1).saturating_sub(interval), due: Duration::ZERO }
    }

    /// Reserves a request and returns the time at which it may be sent.
    pub(crate) fn reserve(&mut self, now: Duration) -> Duration {
        let due = self.due.max(now);
        self.due = due.saturating_add(self.interval);
        due.saturating_sub(self.tolerance).max(now)
    }

    /// Delays all requests that are not reserved yet until `time`.
    pub(crate) fn pause_until(&mut self, time: Duration) {
        self.due = self.due.max(time.saturating_add(self.tolerance));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_second_has_more_than_twice_the_rate_and_no_request_waits_without_need(
            rate in 1..50_u32,
            gaps_ms in prop::collection::vec(0..400_u64, 1..200),
        ) {
            let mut budget = RequestBudget::new(rate);
            let mut now = Duration::ZERO;
            let mut sent = Vec::new();
            for gap in gaps_ms {
                now += Duration::from_millis(gap);
                let at = budget.reserve(now);
                prop_assert!(at >= now);
                if at > now {
                    // It waits only after a burst of the whole bucket.
                    prop_assert!(sent.len() >= rate as usize);
                }
                sent.push(at);
            }
            prop_assert!(sent.is_sorted());
            for (index, start) in sent.iter().enumerate() {
                let end = *start + Duration::from_secs(1);
                let within = sent[index..].iter().take_while(|at| **at < end).count();
                prop_assert!(within <= 2 * rate as usize);
            }
        }
    }

    #[test]
    fn a_pause_delays_the_next_request() {
        let mut budget = RequestBudget::new(20);
        budget.pause_until(Duration::from_secs(3));
        assert_eq!(budget.reserve(Duration::from_secs(1)), Duration::from_secs(3));
        assert_eq!(budget.reserve(Duration::from_secs(4)), Duration::from_secs(4));
    }
}
