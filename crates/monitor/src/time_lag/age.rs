//! From timestamps to seconds.

use kreplay_model::watch::{SecondsRange, TimeExactness};

use super::Bracket;

/// Timestamps in the future up to this difference in milliseconds are taken as inexact clocks.
pub const MAX_CLOCK_DIFFERENCE_MS: i64 = 5_000;

/// The age of the first unread record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Age {
    /// Seconds.
    pub seconds: SecondsRange,
    /// How well it is known.
    pub exactness: TimeExactness,
}

impl Age {
    /// The age where nothing is left to read.
    pub const NOTHING_LEFT: Self =
        Self { seconds: SecondsRange { value: 0.0, low: 0.0, high: 0.0 }, exactness: TimeExactness::Exact };
}

/// Bounds that are further apart than this, and by more than a factor of two, say too little to be an age.
const MAX_UNKNOWN_WIDTH_S: f64 = 1.0;

/// The age of the first unread record, whose timestamp lies in `bracket`; `None` while a bound is missing, or while the
/// bounds are too far apart.
#[must_use]
pub fn age(bracket: Bracket, in_order: bool, now_ms: i64) -> Option<Age> {
    let (low_ms, high_ms) = (bracket.low_ms?, bracket.high_ms?);
    let seconds_since = |ms: i64| seconds(now_ms.saturating_sub(ms)).max(0.0);
    let (low, high) = (seconds_since(high_ms), seconds_since(low_ms));
    let exactness = if low_ms > now_ms.saturating_add(MAX_CLOCK_DIFFERENCE_MS) {
        TimeExactness::ClockAhead
    } else if bracket.named || (in_order && bracket.is_exact()) {
        TimeExactness::Exact
    } else if in_order {
        TimeExactness::Bracket
    } else {
        TimeExactness::AtLeast
    };
    if exactness == TimeExactness::Bracket && high - low > MAX_UNKNOWN_WIDTH_S && high > 2.0 * low {
        return None;
    }
    let value = if exactness == TimeExactness::AtLeast { low } else { whole_milliseconds(f64::midpoint(low, high)) };
    Some(Age { seconds: SecondsRange { value, low, high }, exactness })
}

/// The seconds from the first unread record, whose timestamp lies in `bracket`, to the newest record.
#[must_use]
pub fn behind_s(bracket: Bracket, newest_ms: i64) -> Option<f64> {
    let middle = bracket.low_ms?.saturating_add(bracket.width_ms()? / 2);
    Some(seconds(newest_ms.saturating_sub(middle)).max(0.0))
}

/// Seconds until retention by time may delete the first unread record, at the earliest; 0 if it may at any moment.
/// `None` if the age has no upper bound.
#[must_use]
pub fn deadline_s(age: Age, retention_ms: u64) -> Option<f64> {
    let known = matches!(age.exactness, TimeExactness::Exact | TimeExactness::Bracket);
    let kept_s = seconds(i64::try_from(retention_ms).unwrap_or(i64::MAX));
    known.then(|| whole_milliseconds(kept_s - age.seconds.high).max(0.0))
}

/// Rounds seconds to milliseconds, which timestamps have: differences of fractions have more digits than are known.
fn whole_milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "a duration for display")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
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

    fn bracket(low: i64, high: i64) -> Bracket {
        Bracket { low_ms: Some(low), high_ms: Some(high), named: false }
    }

    #[test]
    fn a_deadline_has_milliseconds() {
        let exact = Age { seconds: SecondsRange::exact(86_399.936), exactness: TimeExactness::Exact };
        assert_eq!(deadline_s(exact, 87_174_872), Some(774.936));
    }

    #[test]
    fn an_age_without_both_bounds_is_unknown() {
        assert_eq!(age(Bracket::OPEN, true, 10), None);
        assert_eq!(age(Bracket { low_ms: Some(1), ..Bracket::OPEN }, true, 10), None);
    }

    #[test]
    fn a_bracket_keeps_its_bounds() {
        let found = age(bracket(1_000, 3_000), true, 11_000).unwrap();
        assert_eq!(found.seconds, SecondsRange { value: 9.0, low: 8.0, high: 10.0 });
        assert_eq!(found.exactness, TimeExactness::Bracket);
        assert_eq!(age(bracket(1_000, 3_000), false, 11_000).unwrap().seconds.value, 8.0);
        assert_eq!(age(bracket(1_000, 1_000), true, 11_000).unwrap().exactness, TimeExactness::Exact);
    }

    #[test]
    fn a_record_from_the_future_has_no_age() {
        let found = age(bracket(20_000, 20_000), true, 10_000).unwrap();
        assert_eq!((found.seconds.value, found.exactness), (0.0, TimeExactness::ClockAhead));
        let near = age(bracket(12_000, 12_000), true, 10_000).unwrap();
        assert_eq!((near.seconds.value, near.exactness), (0.0, TimeExactness::Exact));
    }

    #[test]
    fn the_deadline_assumes_the_largest_age() {
        let found = age(bracket(1_000, 3_000), true, 11_000).unwrap();
        assert_eq!(deadline_s(found, 60_000), Some(50.0));
        assert_eq!(deadline_s(found, 5_000), Some(0.0));
        let late = age(bracket(1_000, 3_000), false, 11_000).unwrap();
        assert_eq!(deadline_s(late, 60_000), None);
    }
}
