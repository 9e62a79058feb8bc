//! Words of evidence.

use kreplay_model::domain::{
    TopicPartition,
    number::{Count, by_count, long, whole},
};
use kreplay_model::watch::PartitionRow;

/// A lag with thousands separators.
pub(super) fn lag_text(lag: i64) -> String {
    let sign = if lag < 0 { "-" } else { "" };
    format!("{sign}{}", Count(lag.unsigned_abs()))
}

/// A lag with its unit: `1 offset`, `12,345 offsets`.
pub(super) fn lag_in_offsets(lag: i64) -> String {
    format!("{} {}", lag_text(lag), by_count(lag.unsigned_abs(), "offset", "offsets"))
}

/// A duration in the notation of the console: `0.3 s`, `30 s`, `3m 12s`, `3h 12m`.
#[must_use]
pub fn duration_text(seconds: f64) -> String {
    // Not a number becomes 0, too.
    let seconds = seconds.max(0.0);
    if seconds > 0.0 && seconds < 0.5 {
        format!("{seconds:.1} s")
    } else if seconds < 59.5 {
        format!("{seconds:.0} s")
    } else {
        long(whole(seconds))
    }
}

/// The bounds of a duration, such as `22 s to 25 s`; `None` if both look the same.
pub(super) fn bounds_text(low: f64, high: f64) -> Option<String> {
    let (low, high) = (duration_text(low), duration_text(high));
    (low != high).then(|| format!("{low} to {high}"))
}

/// The name of a row's partition.
pub(super) fn name(row: &PartitionRow) -> TopicPartition {
    TopicPartition::new(row.topic.as_str(), row.partition)
}

/// The first of several things, and how many others there are.
pub(super) fn and_others(first: &str, count: usize) -> String {
    match count.saturating_sub(1) {
        0 => first.to_owned(),
        others => format!("{first} and {others} more"),
    }
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
    fn durations_have_the_notation_of_the_console() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.3, "0.3 s"),
            (59.4, "59 s"),
            (59.6, "1m 00s"),
            (192.0 * 60.0 + 30.0, "3h 12m"),
            (3_601.0, "1h 00m"),
            (90_000.0, "1d 01h"),
            (-5.0, "0 s"),
        ] {
            assert_eq!(duration_text(seconds), text);
        }
    }

    #[test]
    fn bounds_that_look_the_same_are_no_range() {
        assert_eq!(bounds_text(22.6, 22.9), None);
        assert_eq!(bounds_text(22.0, 192.0).as_deref(), Some("22 s to 3m 12s"));
    }
}
