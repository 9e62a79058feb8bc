//! Formats numbers: counts, rates, durations, sizes, and percentages.

mod clock;
mod forms;
mod watched;

use kreplay_model::domain::number::{self, Count, estimate, long};

pub(super) use kreplay_model::domain::number::{by_count, counted_as, number_of_times};

pub(super) use clock::clock;
pub(super) use forms::{Forms, counts, exact_times, latencies, rates, sizes, times, times_left};
pub(super) use watched::{ages, etas, lags};

/// A count with thousands separators: `1,234,567`.
pub(super) fn count(value: u64) -> String {
    Count(value).to_string()
}

/// Milliseconds as seconds, to the nanosecond: a division alone leaves digits that nothing has measured.
pub(super) fn seconds_of_ms(ms: f64) -> f64 {
    (ms * 1e6).round() / 1e9
}

/// A count with its noun: `1 record`, `12,345 records`.
pub(super) fn counted(value: u64, noun: &str) -> String {
    number::counted(value, noun)
}

/// As [`counted`], with the number as in [`short`].
pub(super) fn counted_short(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", short(value), by_count(value, "", "s"))
}

/// The number of cells of a count with thousands separators.
pub(super) fn count_cells(value: u64) -> usize {
    let digits = value.checked_ilog10().map_or(1, |log| log as usize + 1);
    digits + (digits - 1) / 3
}

/// A count in at most nine cells: all digits below ten million, three significant digits above.
pub(super) fn short(value: u64) -> String {
    counts(value).fit(9).to_owned()
}

/// A rate per second, without the unit: one decimal for small rates, `M` for large ones.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast must saturate")]
pub(super) fn rate(per_s: f64) -> String {
    let per_s = if per_s.is_finite() { per_s.max(0.0) } else { 0.0 };
    if per_s >= 9.95 || per_s == 0.0 { short(per_s.round() as u64) } else { format!("{per_s:.1}") }
}

/// A duration in seconds: `4.2 s`, `3m 12s`, `2h 05m`, `3d 04h`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast must saturate")]
pub(super) fn seconds(value: f64) -> String {
    let value = if value.is_nan() { 0.0 } else { value.max(0.0) };
    if value < 59.95 {
        return format!("{value:.1} s");
    }
    long(value.round() as u64)
}

/// The bounds of an estimated duration, such as ` (22 s–25 s)`; empty if both look the same.
pub(super) fn bounds(low: f64, high: f64) -> String {
    let (low, high) = (estimate(low), estimate(high));
    if low == high { String::new() } else { format!(" ({low}–{high})") }
}

/// A duration in milliseconds with three significant digits: `850 µs`, `1.24 ms`, `12.4 ms`, `124 ms`, `1.24 s`.
pub(super) fn millis(value: f64) -> String {
    let value = if value.is_nan() { 0.0 } else { value.max(0.0) };
    if value < 0.9995 {
        format!("{:.0} µs", value * 1000.0)
    } else if value < 9.995 {
        format!("{value:.2} ms")
    } else if value < 99.95 {
        format!("{value:.1} ms")
    } else if value < 999.5 {
        format!("{value:.0} ms")
    } else if value < 99_950.0 {
        format!("{:.2} s", value / 1000.0)
    } else {
        seconds(value / 1000.0)
    }
}

/// A size: `812 B`, `1.2 MiB`, `290 KiB`.
#[allow(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub(super) fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut size = value as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(size < 99.95);
    format!("{size:.digits$} {}", UNITS[unit])
}

/// A share from 0 to 1 as `42 %`. `100 %` is shown only for a share of 1.
pub(super) fn percent(share: f64) -> String {
    let share = sane(share);
    let shown = (share * 100.0).round();
    if shown >= 100.0 && share < 1.0 { "99 %".to_owned() } else { format!("{shown:.0} %") }
}

/// The part of `cells` cells that a share fills, in eighths of a cell.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and eight times the cells")]
pub(super) fn eighths(share: f64, cells: u16) -> u32 {
    (sane(share) * f64::from(cells) * 8.0).round() as u32
}

/// The index of the cell, out of `cells`, at a share of the distance.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of cells")]
pub(super) fn cell(share: f64, cells: u16) -> u16 {
    ((sane(share) * f64::from(cells)).floor() as u16).min(cells.saturating_sub(1))
}

/// The share of `part` in `whole`; 1 if `whole` is 0.
#[allow(clippy::cast_precision_loss, reason = "precise enough for a ratio")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { (part as f64 / whole as f64).clamp(0.0, 1.0) }
}

/// A count as a number of cells, saturating at `u16::MAX`.
pub(super) fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// The next round number, for the end of an axis. At most half of the axis stays empty.
pub(super) fn round_up(value: f64) -> f64 {
    if !(value.is_finite() && value > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= value * 0.999)
        .unwrap_or(value)
}

fn sane(share: f64) -> f64 {
    if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_rates_are_formatted() {
        assert_eq!([9_999_999, 12_345_678, 7_100_000_000].map(short), ["9,999,999", "12.3 M", "7.10 G"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.5, 9.94, 1012.4, 2e7, 3e10].map(rate), ["0", "0.5", "9.9", "1,012", "20.0 M", "30.0 G"]);
        assert_eq!(rate(f64::NAN), "0");
        for value in [0, 9, 10, 999, 1000, 999_999, 1_000_000, u64::MAX] {
            assert_eq!(count_cells(value), count(value).len(), "{value}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(
            [0.0, 4.24, 59.94, 59.96, 192.0, 7500.0, 274_000.0].map(seconds),
            ["0.0 s", "4.2 s", "59.9 s", "1m 00s", "3m 12s", "2h 05m", "3d 04h"]
        );
        assert_eq!(seconds(f64::INFINITY), "years");
        assert_eq!((bounds(22.61, 22.63).as_str(), bounds(180.0, 200.0).as_str()), ("", " (3m 00s–3m 20s)"));
        assert_eq!(
            [0.85, 1.236, 12.36, 123.6, 1236.0, 200_000.0].map(millis),
            ["850 µs", "1.24 ms", "12.4 ms", "124 ms", "1.24 s", "3m 20s"]
        );
    }

    #[test]
    fn sizes_and_shares_are_formatted() {
        assert_eq!([812, 1024, 296_800, 1_300_000].map(bytes), ["812 B", "1.0 KiB", "290 KiB", "1.2 MiB"]);
        assert_eq!([0.0, 0.424, 0.9999, 1.0, 3.0].map(percent), ["0 %", "42 %", "99 %", "100 %", "100 %"]);
        assert_eq!((eighths(0.5, 10), eighths(2.0, 10), eighths(f64::NAN, 10)), (40, 80, 0));
        assert_eq!((cell(0.0, 10), cell(0.99, 10), cell(1.0, 10)), (0, 9, 9));
    }

    #[test]
    fn axis_ends_are_round_numbers() {
        let ends: Vec<String> = [0.0, 1.0, 3.0, 6012.0, 0.7].iter().map(|value| round_up(*value).to_string()).collect();
        assert_eq!(ends, ["1", "1", "3", "8000", "0.8"]);
    }
}
