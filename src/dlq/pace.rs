//! Limits records or bytes per second.

use std::time::Duration;

use kreplay_model::domain::RateLimit;

/// Computes how long to wait before the next record. Pure: the caller passes the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacer {
    limit: Option<RateLimit>,
    sent: u64,
}

impl Pacer {
    pub(super) fn new(limit: Option<RateLimit>) -> Self {
        Self { limit, sent: 0 }
    }

    /// Counts records that were sent.
    pub(super) fn note(&mut self, records: u64, bytes: u64) {
        self.sent += match self.limit {
            Some(RateLimit::Bytes(_)) => bytes,
            _ => records,
        };
    }

    /// The time to wait, given the time since the first record was sent.
    #[allow(clippy::cast_precision_loss, reason = "a pace needs no last digit")]
    pub(super) fn wait(&self, elapsed: Duration) -> Duration {
        let per_s = match self.limit {
            None => return Duration::ZERO,
            Some(RateLimit::Records(per_s) | RateLimit::Bytes(per_s)) => per_s.get(),
        };
        Duration::from_secs_f64(self.sent as f64 / per_s as f64).saturating_sub(elapsed)
    }

    /// How many records may be sent at once: a tenth of a second's worth, if records are limited.
    pub(super) fn burst(&self, most: usize) -> usize {
        match self.limit {
            Some(RateLimit::Records(per_s)) => usize::try_from(per_s.get() / 10).unwrap_or(most).clamp(1, most),
            Some(RateLimit::Bytes(_)) => 1,
            None => most,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[test]
    fn the_mean_rate_is_kept() {
        let mut pacer = Pacer::new(NonZeroU64::new(100).map(RateLimit::Records));
        assert_eq!(pacer.wait(Duration::ZERO), Duration::ZERO);
        pacer.note(50, 1);
        assert_eq!(pacer.wait(Duration::from_millis(100)), Duration::from_millis(400));
        assert_eq!(pacer.wait(Duration::from_secs(1)), Duration::ZERO);
        assert_eq!((pacer.burst(500), Pacer::new(None).burst(500)), (10, 500));
    }
}
