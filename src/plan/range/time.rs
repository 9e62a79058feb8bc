//! Points in time as people and other programs write them.

use std::fmt::Write;

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// How long `2026-01-31` is.
const DATE_BYTES: usize = 10;

/// A date; a date and a time with a zone, or without one in UTC; `ms:` and `s:` with milliseconds and seconds since 1970. `None`
/// where the text is none of these.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    if let Some(ms) = text.strip_prefix("ms:") {
        return digits(ms).and_then(DateTime::from_timestamp_millis);
    }
    if let Some(seconds) = text.strip_prefix("s:") {
        return digits(seconds).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    }
    let (time, zone) = local(text)?;
    Some((time - offset(zone)?).and_utc())
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// The date and the time of day as they are written, and what stands behind them.
fn local(text: &str) -> Option<(NaiveDateTime, &str)> {
    let (date, rest) = text.split_at_checked(DATE_BYTES)?;
    let date =
        NaiveDate::parse_from_str(date, "%Y-%m-%d").ok().filter(|_| date.starts_with(|c: char| c.is_ascii_digit()))?;
    if rest.is_empty() {
        return Some((date.and_time(NaiveTime::MIN), ""));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, zone) =
        rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && !":.,".contains(c)).unwrap_or(rest.len()));
    // Logs write the fraction with a comma, and a full hour is often all that matters.
    let clock = if clock.len() == 2 { format!("{clock}:00") } else { clock.replace(',', ".") };
    let time = ["%H:%M:%S%.f", "%H:%M"].into_iter().find_map(|form| NaiveTime::parse_from_str(&clock, form).ok())?;
    Some((date.and_time(time), zone))
}

/// How far a zone is ahead of UTC: nothing or `Z`, `+01:00`, `+0100` or `+01`.
fn offset(zone: &str) -> Option<Duration> {
    let zone = zone.strip_prefix(' ').unwrap_or(zone);
    if matches!(zone, "" | "Z" | "z" | "UTC" | "GMT") {
        return Some(Duration::zero());
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        2 => (rest, "0"),
        4 => rest.split_at_checked(2)?,
        5 => rest.split_once(':').filter(|(hours, _)| hours.len() == 2)?,
        _ => return None,
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then(|| Duration::minutes(sign * (hours * 60 + minutes)))
}

/// What to write instead of something that other programs would understand; empty where nothing is known.
pub(super) fn advice(text: &str) -> String {
    let mut advice = String::new();
    // Writing to a String cannot fail.
    let _ = match text.split_once('@') {
        Some(("s" | "e", ms)) if digits(ms).is_some() => write!(advice, "; for milliseconds since 1970 write ms:{ms}"),
        Some(("", seconds)) if digits(seconds).is_some() => {
            write!(advice, "; for seconds since 1970 write s:{seconds}")
        }
        _ if text == "now" => write!(advice, "; the end of the log is latest"),
        _ if super::text::duration(text).is_some() => write!(advice, "; for a time before now write -{text}"),
        _ => match local(text) {
            Some((_, zone)) => {
                write!(advice, "; its time zone `{}` is not understood: write Z, +01:00 or +0100", zone.trim_start())
            }
            None if has_a_date(text) => {
                write!(advice, "; times are written 2026-01-31, 2026-01-31T10:00 or 2026-01-31T10:00:00+01:00")
            }
            None => Ok(()),
        },
    };
    advice
}

/// Whether there are as many digits in it as in a date, with a sign that dates have.
fn has_a_date(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= 5 && text.contains(['-', '/', '.', ':', 'T'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_as_other_programs_write_them() {
        for (text, utc) in [
            ("2026-01-31T10:00:00+0100", "2026-01-31T09:00:00Z"),
            ("2026-01-31T10:00:00+01", "2026-01-31T09:00:00Z"),
            ("2026-01-31T10:00:00.5-05:30", "2026-01-31T15:30:00.500Z"),
            ("2026-01-31T10+01", "2026-01-31T09:00:00Z"),
            ("2026-01-31 10:00", "2026-01-31T10:00:00Z"),
            ("2026-01-31 10:00:00 UTC", "2026-01-31T10:00:00Z"),
            ("2026-01-31 10:00:00 +0100", "2026-01-31T09:00:00Z"),
            ("2026-01-31 10:00:00,123", "2026-01-31T10:00:00.123Z"),
            ("2026-01-31t10:00z", "2026-01-31T10:00:00Z"),
            ("s:1767225600", "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse(text).unwrap(), DateTime::parse_from_rfc3339(utc).unwrap(), "{text}");
        }
        for wrong in [
            "2026-01-31T10:00+1",
            "2026-01-31T10:00+25",
            "2026-01-31T10:00+01:60",
            "2026-01-31T10:00 CET",
            "2026-01-31x10:00",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_near_miss_says_what_to_write() {
        for (text, part) in [
            ("s@1795000000000", "write ms:1795000000000"),
            ("@1795000000", "write s:1795000000"),
            ("2026-01-31T10:00 CET", "`CET` is not understood: write Z, +01:00"),
            ("2026-01-31T10:00:00+01:00[Europe/Berlin]", "is not understood: write Z"),
            ("31.01.2026", "2026-01-31T10:00"),
            ("2026/01/31 10:00", "2026-01-31T10:00"),
            ("2h", "write -2h"),
            ("now", "latest"),
        ] {
            assert!(advice(text).contains(part), "{text}: {}", advice(text));
        }
        assert_eq!(advice("soon"), "");
    }

    proptest! {
        #[test]
        fn zones_agree_with_rfc_3339(hours in 0_u32..24, minutes in 0_u32..60, minus in any::<bool>()) {
            let sign = if minus { '-' } else { '+' };
            let full = format!("2026-01-31T10:00:00{sign}{hours:02}:{minutes:02}");
            prop_assert_eq!(parse(&full), DateTime::parse_from_rfc3339(&full).ok().map(|time| time.to_utc()));
            prop_assert_eq!(parse(&format!("2026-01-31T10:00{sign}{hours:02}{minutes:02}")), parse(&full));
        }

        #[test]
        fn no_text_upsets_it(text in "\\PC{0,30}") {
            drop((parse(&text), advice(&text), parse(&format!("2026-01-31{text}")), parse(&format!("2026-01-31T10{text}"))));
        }
    }
}
