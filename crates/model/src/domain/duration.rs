//! Durations as whole numbers with units, such as `1d12h`.

use std::{fmt::Write, time::Duration};

/// Unit and milliseconds, the largest first.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Parses whole numbers with units, the largest unit first: `2h`, `1d12h`, `90s`. `None` for any other text. The
/// maximum is what milliseconds since 1970 can hold.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let (mut rest, mut total, mut last) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let (_, scale) = UNITS.into_iter().find(|(name, scale)| *name == unit && *scale < last)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(scale)?)?;
        (rest, last) = (tail, scale);
    }
    (last < u64::MAX && i64::try_from(total).is_ok()).then(|| Duration::from_millis(total))
}

/// A duration in whole milliseconds as text that [`parse`] reads, such as `1d12h`; `0s` for none. Weeks are shown in
/// days, which are easier to compare.
#[must_use]
pub fn in_units(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, scale) in UNITS.into_iter().skip(1) {
        if left >= scale {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{unit}", left / scale);
            left %= scale;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_descend_and_each_number_has_one() {
        assert_eq!(parse("1d12h"), Some(Duration::from_secs(36 * 3600)));
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        for wrong in ["", "5", "-1h", "1x", "1h1d", "1h1h", "2026-01-31", "99999999999999999999s"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_duration_is_read_as_it_was(millis in 0..=u64::try_from(i64::MAX).unwrap()) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&in_units(duration)), Some(duration));
        }
    }
}
