//! Formats of numbers in texts: counts, sizes, rates, and durations. The console has shorter forms for narrow places.

/// A size in bytes with a binary unit and two decimals: `1.20 MiB`.
pub use indicatif::HumanBytes as Bytes;
/// A count with thousands separators: `1,234,567`.
pub use indicatif::HumanCount as Count;

/// A duration: `1.69 s` below a minute, then `3m 12s`, `2h 05m`, `3d 04h`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast must saturate")]
#[must_use]
pub fn seconds(seconds: f64) -> String {
    let seconds = if seconds.is_nan() { 0.0 } else { seconds.max(0.0) };
    if seconds < 59.995 { format!("{seconds:.2} s") } else { long(seconds.round() as u64) }
}

/// A duration that is an estimate, or that changes from one look to the next: `0.3 s` below 10 seconds, `45 s` below a
/// minute, then as [`seconds`].
#[must_use]
pub fn rounded_seconds(seconds: f64) -> String {
    let seconds = if seconds.is_nan() { 0.0 } else { seconds.max(0.0) };
    if seconds < 9.95 && seconds.fract() > 0.0 {
        format!("{seconds:.1} s")
    } else if seconds < 59.5 {
        format!("{} s", whole(seconds))
    } else {
        long(whole(seconds))
    }
}

/// A duration of a minute or more.
#[must_use]
pub fn long(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (10_000.., _) => "years".to_owned(),
        (1.., _) => format!("{days}d {hours:02}h"),
        (0, 1..) => format!("{hours}h {minutes:02}m"),
        (0, 0) => format!("{minutes}m {:02}s", seconds % 60),
    }
}

/// A rate with thousands separators and without decimals: `5,912`. One decimal below 10.
#[must_use]
pub fn rate(per_s: f64) -> String {
    if per_s < 9.95 { format!("{:.1}", per_s.max(0.0)) } else { Count(whole(per_s)).to_string() }
}

/// Rounds to the nearest whole number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast must saturate")]
#[must_use]
pub fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_at_any_size() {
        assert_eq!([1.694, -1.0, 59.994, 59.996].map(seconds), ["1.69 s", "0.00 s", "59.99 s", "1m 00s"]);
        assert_eq!([125.4, 7_500.0, 274_000.0, f64::INFINITY].map(seconds), ["2m 05s", "2h 05m", "3d 04h", "years"]);
        assert_eq!([rate(0.0), rate(9.94), rate(9.96), rate(3_400_000.4)], ["0.0", "9.9", "10", "3,400,000"]);
        assert_eq!(whole(f64::NAN), 0);
        assert_eq!(
            [-1.0, 0.3, 7.0, 9.96, 59.4, 514.4].map(rounded_seconds),
            ["0 s", "0.3 s", "7 s", "10 s", "59 s", "8m 34s"]
        );
    }
}
