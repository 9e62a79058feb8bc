//! Limits records or bytes per second.

use std::time::{Duration, Instant};

use kreplay_model::domain::{RateLimit, TokenBucket};

/// The most that may be sent at once, in seconds of the rate.
const BURST_S: f64 = 0.1;

/// Computes how long to wait before the next record. Pure: the caller passes the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacer {
    limit: Option<(RateLimit, TokenBucket)>,
}

impl Pacer {
    #[allow(clippy::cast_precision_loss, reason = "rates far below 2^52")]
    pub(super) fn new(limit: Option<RateLimit>, now: Instant) -> Self {
        let bucket = |limit| {
            let (RateLimit::Records(per_s) | RateLimit::Bytes(per_s)) = limit;
            let per_s = per_s.get() as f64;
            (limit, TokenBucket::empty(per_s, (per_s * BURST_S).max(1.0), now))
        };
        Self { limit: limit.map(bucket) }
    }

    /// Counts records that were sent.
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(super) fn note(&mut self, records: u64, bytes: u64) {
        match &mut self.limit {
            Some((RateLimit::Records(_), bucket)) => bucket.take(records as f64),
            Some((RateLimit::Bytes(_), bucket)) => bucket.take(bytes as f64),
            None => {}
        }
    }

    /// The time to wait until what was sent keeps to the rate.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        let Some((_, bucket)) = &mut self.limit else { return Duration::ZERO };
        bucket.level(now);
        bucket.time_until(0.0)
    }

    /// How many records may be sent at once: a tenth of a second's worth, if records are limited.
    pub(super) fn burst(&self, most: usize) -> usize {
        match self.limit {
            Some((RateLimit::Records(per_s), _)) => usize::try_from(per_s.get() / 10).unwrap_or(most).clamp(1, most),
            Some((RateLimit::Bytes(_), _)) => 1,
            None => most,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[test]
    fn the_rate_is_kept_and_a_pause_is_not_made_up_for() {
        let start = Instant::now();
        let mut pacer = Pacer::new(NonZeroU64::new(100).map(RateLimit::Records), start);
        assert_eq!(pacer.wait(start), Duration::ZERO);
        pacer.note(50, 1);
        assert_eq!(pacer.wait(start + Duration::from_millis(100)), Duration::from_millis(400));
        assert_eq!(pacer.wait(start + Duration::from_secs(60)), Duration::ZERO);
        pacer.note(50, 1);
        assert_eq!(pacer.wait(start + Duration::from_secs(60)), Duration::from_millis(400));
        assert_eq!((pacer.burst(500), Pacer::new(None, start).burst(500)), (10, 500));
    }
}
