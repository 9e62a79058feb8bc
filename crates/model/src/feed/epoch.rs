//! Detects numbers that were given as offsets but look like times.

use chrono::{DateTime, NaiveDate};

/// How to write a number as the time that it looks like: seconds, milliseconds, microseconds, or nanoseconds since 1970
/// (from 2001 on), or the digits of a date. `None` for other numbers and for text that is not a number.
pub(super) fn as_time(number: &str) -> Option<String> {
    let value: i64 = number.parse().ok()?;
    let with_time = |form: String, ms: i64| {
        let time = DateTime::from_timestamp_millis(ms)?;
        Some(format!("{form} ({})", time.format("%Y-%m-%dT%H:%M:%SZ")))
    };
    match number.len() {
        8 => NaiveDate::parse_from_str(number, "%Y%m%d")
            .ok()
            .filter(|_| (19_700_101..21_000_101).contains(&value))
            .map(|date| date.to_string()),
        10 => with_time(format!("s:{value}"), value.saturating_mul(1000)),
        13 => with_time(format!("ms:{value}"), value),
        16 => with_time(format!("ms:{}", value / 1000), value / 1000),
        19 => with_time(format!("ms:{}", value / 1_000_000), value / 1_000_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_look_like_times_are_recognised() {
        for (number, time) in [
            ("1795000000", Some("s:1795000000 (2026-11-18T11:06:40Z)")),
            ("1795000000000", Some("ms:1795000000000 (2026-11-18T11:06:40Z)")),
            ("1795000000000123", Some("ms:1795000000000 (2026-11-18T11:06:40Z)")),
            ("1795000000000123456", Some("ms:1795000000000 (2026-11-18T11:06:40Z)")),
            ("20260131", Some("2026-01-31")),
            ("20261331", None),
            ("12345", None),
            ("123456789012", None),
            ("99999999999999999999", None),
            ("latest", None),
            ("-2h", None),
            ("", None),
        ] {
            assert_eq!(as_time(number).as_deref(), time, "{number}");
        }
    }
}
