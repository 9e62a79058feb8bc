//! Durations as text: whole numbers with units, such as `1d12h`.

use std::{fmt, time::Duration};

const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Parses whole numbers with units, the largest unit first: `2h`, `1d12h`, `90s`. The maximum is what milliseconds
/// since 1970 can hold.
pub(super) fn duration(text: &str) -> Option<Duration> {
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

/// A duration with units, such as `1d12h`.
pub(in crate::plan) fn in_units(duration: Duration) -> String {
    Ago(duration).to_string().trim_start_matches('-').to_owned()
}

/// The text of a time before now, such as `-1d12h`.
pub(super) struct Ago(pub(super) Duration);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        f.write_str("-")?;
        if left == 0 {
            return f.write_str("0s");
        }
        // Weeks are shown in days, which are easier to compare.
        for (unit, scale) in UNITS.into_iter().skip(1) {
            if left >= scale {
                write!(f, "{}{unit}", left / scale)?;
                left %= scale;
            }
        }
        Ok(())
    }
}
