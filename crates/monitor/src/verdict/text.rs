//! Words of evidence.

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::PartitionRow;

/// A duration with its two largest units: `3 h 12 min`.
#[must_use]
pub fn duration_text(seconds: f64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    // A duration below 0 or not a number becomes 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds")]
    let mut left = seconds.round() as u64;
    if left == 0 && seconds > 0.0 {
        return format!("{seconds:.1} s");
    }
    let mut parts = Vec::new();
    for (length, unit) in UNITS {
        if left >= length || (length == 1 && parts.is_empty()) {
            parts.push(format!("{} {unit}", left / length));
        } else if !parts.is_empty() {
            break;
        }
        left %= length;
        if parts.len() == 2 {
            break;
        }
    }
    parts.join(" ")
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
    fn durations_have_two_units_at_most() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.3, "0.3 s"),
            (59.6, "1 min"),
            (192.0 * 60.0 + 30.0, "3 h 12 min"),
            (3_601.0, "1 h"),
            (90_000.0, "1 d 1 h"),
            (-5.0, "0 s"),
        ] {
            assert_eq!(duration_text(seconds), text);
        }
    }
}
