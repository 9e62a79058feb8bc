//! When Kafka deletes committed offsets: `offsets.retention.minutes` after a group became empty, or, for a topic that
//! the group has left, after the last commit.

use kreplay_model::watch::PositionsExpiry;

/// Kafka's default of `offsets.retention.minutes`: 7 days.
pub const DEFAULT_OFFSETS_RETENTION_MINUTES: u64 = 10_080;

/// The fraction of the retention that is left when the expiry becomes a warning.
const SOON: f64 = 0.2;

/// The expiry of positions that have not been needed since `since_ms`. A look can see the beginning only late, so that
/// the time left is a lower bound only if `since_ms` was seen happening.
#[must_use]
pub fn expiry(since_ms: i64, now_ms: i64, retention_minutes: Option<u64>) -> PositionsExpiry {
    let minutes = retention_minutes.unwrap_or(DEFAULT_OFFSETS_RETENTION_MINUTES);
    #[allow(clippy::cast_precision_loss, reason = "durations for display")]
    let (retention_s, passed_s) = (minutes as f64 * 60.0, (now_ms - since_ms) as f64 / 1000.0);
    PositionsExpiry { in_s: (retention_s - passed_s).max(0.0), retention_s, assumed: retention_minutes.is_none() }
}

/// Whether less than a fifth of the retention is left.
#[must_use]
pub fn expires_soon(expiry: &PositionsExpiry) -> bool {
    expiry.in_s < expiry.retention_s * SOON
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::float_cmp,
        reason = "small numbers in tests"
    )]

    use super::*;

    #[test]
    fn the_countdown_ends_at_0_and_warns_at_a_fifth() {
        let start = expiry(0, 0, None);
        assert_eq!((start.in_s, start.assumed), (604_800.0, true));
        assert!(!expires_soon(&expiry(0, 80 * 60_000, Some(100))));
        assert!(expires_soon(&expiry(0, 81 * 60_000, Some(100))));
        assert_eq!(expiry(0, 200 * 60_000, Some(100)).in_s, 0.0);
    }
}
