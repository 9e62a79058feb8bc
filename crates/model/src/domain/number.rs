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

/// An estimated duration, without decimals from a second on: `0.3 s`, `23 s`, `3m 12s`.
#[must_use]
pub fn estimate(seconds: f64) -> String {
    let seconds = if seconds.is_nan() { 0.0 } else { seconds.max(0.0) };
    if seconds == 0.0 {
        "0 s".to_owned()
    } else if seconds < 0.95 {
        format!("{seconds:.1} s")
    } else if seconds < 59.5 {
        format!("{seconds:.0} s")
    } else {
        long(whole(seconds))
    }
}

/// An estimate that is a lower bound: rounded down to what is shown.
#[must_use]
pub fn estimate_at_least(seconds: f64) -> String {
    let step = if seconds < 1.0 { 10.0 } else { 1.0 };
    estimate((seconds * step).floor() / step)
}

/// The estimated time left of something that has not ended, which is never 0: `< 1 s`, then as [`estimate`].
#[must_use]
pub fn time_left(seconds: f64) -> String {
    if seconds < 1.0 { "< 1 s".to_owned() } else { estimate(seconds) }
}

/// The handling time of one record: `850 µs`, `1.24 ms`, `1.24 s`.
#[must_use]
pub fn record_time(seconds: f64) -> String {
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 1e-3 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{:.0} µs", seconds * 1e6)
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

/// A count with its noun, whose plural ends with an s: `1 record`, `12,345 records`.
#[must_use]
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = known(count);
    format!("{} {noun}{}", Count(count), by_count(count, "", "s"))
}

/// A count and what follows it, such as a noun with its verb: `1 key waits`, `2 keys wait`.
#[must_use]
pub fn counted_as(count: impl TryInto<u64>, one: &str, more: &str) -> String {
    let count = known(count);
    format!("{} {}", Count(count), by_count(count, one, more))
}

/// The words that agree with a count: `one` for 1, otherwise `more`.
#[must_use]
pub fn by_count<'a>(count: impl TryInto<u64>, one: &'a str, more: &'a str) -> &'a str {
    if known(count) == 1 { one } else { more }
}

/// How often something has happened: `once`, `12 times`.
#[must_use]
pub fn number_of_times(count: impl TryInto<u64>) -> String {
    match known(count) {
        1 => "once".to_owned(),
        count => format!("{} times", Count(count)),
    }
}

/// Counts are of many types, and none is negative.
fn known(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or(u64::MAX)
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
    }

    #[test]
    fn words_agree_with_their_count() {
        assert_eq!(
            [0, 1, 2, 12_345].map(|count: u64| counted(count, "record")),
            ["0 records", "1 record", "2 records", "12,345 records"]
        );
        assert_eq!([1_u64, 2].map(|count| counted_as(count, "key waits", "keys wait")), ["1 key waits", "2 keys wait"]);
        assert_eq!([0, 1, 2].map(|count: u64| by_count(count, "is", "are")), ["are", "is", "are"]);
        assert_eq!([0, 1, 1_000].map(|count: u64| number_of_times(count)), ["0 times", "once", "1,000 times"]);
    }

    #[test]
    fn counts_of_any_type_have_words() {
        assert_eq!((counted(1_usize, "file"), counted(1_i32, "file")), ("1 file".to_owned(), "1 file".to_owned()));
        assert_eq!(counted(u128::from(u64::MAX) + 2, "file"), counted(u64::MAX, "file"));
    }

    #[test]
    fn estimates_have_no_digits_that_are_not_known() {
        assert_eq!(
            [0.0, 0.32, 0.97, 22.62, 59.6, 192.4].map(estimate),
            ["0 s", "0.3 s", "1 s", "23 s", "1m 00s", "3m 12s"]
        );
        assert_eq!([0.39, 22.9, 59.9].map(estimate_at_least), ["0.3 s", "22 s", "59 s"]);
        assert_eq!([0.0, 0.99, 1.0, 22.62].map(time_left), ["< 1 s", "< 1 s", "1 s", "23 s"]);
        assert_eq!([0.000_85, 0.001_24, 1.236].map(record_time), ["850 µs", "1.24 ms", "1.24 s"]);
    }
}
