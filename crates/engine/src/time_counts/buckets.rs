//! The borders of the buckets: round times, so that a range of them is readable.

/// The most buckets.
pub const MAX_BUCKETS: usize = 40;
/// The same number, to compute with times.
const MAX: i64 = 40;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The widths of buckets in milliseconds. Each divides a day, or is a multiple of one.
const WIDTHS_MS: [i64; 35] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
    182 * DAY,
    364 * DAY,
    3_640 * DAY,
];

/// The borders of the narrowest buckets that cover the times from the first to the last, both inclusive.
pub(super) fn borders(first_ms: i64, last_ms: i64) -> Vec<i64> {
    let last_ms = last_ms.max(first_ms);
    let fits = |width: &&i64| count(first_ms, last_ms, **width) <= MAX;
    // 40 of the widest cover more time than Kafka's timestamps of any use have.
    let width = WIDTHS_MS.iter().find(fits).copied().unwrap_or_else(|| (last_ms - first_ms) / MAX * 2);
    let start = first_ms.div_euclid(width) * width;
    (0..=count(first_ms, last_ms, width)).map(|at| start.saturating_add(at.saturating_mul(width))).collect()
}

/// The number of buckets of a width.
fn count(first_ms: i64, last_ms: i64, width: i64) -> i64 {
    last_ms.div_euclid(width) - first_ms.div_euclid(width) + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn borders_are_round_times() {
        let from = 1_767_225_600_000;
        assert_eq!(borders(from + 100, from + 100), [from + 100, from + 101]);
        let hour = borders(from + 10_000, from + HOUR);
        assert_eq!((hour.len(), hour[0], hour[1], hour[31]), (32, from, from + 2 * MINUTE, from + HOUR + 2 * MINUTE));
        let year = borders(from, from + 365 * DAY);
        assert!(year.windows(2).all(|pair| pair[1] - pair[0] == 14 * DAY), "{year:?}");
    }

    proptest! {
        #[test]
        fn borders_cover_the_time_with_few_equal_buckets(
            first in -1_000_000_000_000_i64..4_000_000_000_000,
            length in prop_oneof![0..100_i64, 0..1_000_000_i64, 0..4_000_000_000_000_i64],
        ) {
            let last = first + length;
            let borders = borders(first, last);
            let buckets = borders.len() - 1;
            prop_assert!((1..=MAX_BUCKETS).contains(&buckets), "{buckets}");
            prop_assert!(borders[0] <= first && last < borders[buckets]);
            // Neither the first nor the last bucket is outside of the time.
            prop_assert!(borders[1] > first && borders[buckets - 1] <= last);
            let width = borders[1] - borders[0];
            prop_assert!(WIDTHS_MS.contains(&width));
            prop_assert!(borders.windows(2).all(|pair| pair[1] - pair[0] == width));
            prop_assert!(borders.iter().all(|border| border.rem_euclid(width) == 0));
        }
    }
}
