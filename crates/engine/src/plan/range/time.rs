//! Times in the forms that users and other programs write.

use std::fmt::Write;

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// Length of `2026-01-31`.
const DATE_BYTES: usize = 10;

/// Parses a date, or a date and a time with a time zone (default: UTC). `ms:` and `s:` precede milliseconds and seconds
/// since 1970. `None` if the text has none of these forms.
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

/// Splits a text into its date and time of day, and the rest.
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
    // Logs write fractions with a comma. The minutes of a full hour may be omitted.
    let clock = if clock.len() == 2 { format!("{clock}:00") } else { clock.replace(',', ".") };
    let time = ["%H:%M:%S%.f", "%H:%M"].into_iter().find_map(|form| NaiveTime::parse_from_str(&clock, form).ok())?;
    Some((date.and_time(time), zone))
}

/// The offset of a time zone from UTC: empty, `Z`, `+01:00`, `+0100` or `+01`.
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

/// A hint for a text in a form of another program; empty if the form is unknown.
pub(super) fn hint(text: &str) -> String {
    let mut hint = String::new();
    // Writing to a String cannot fail.
    let _ = match text.split_once('@') {
        Some(("s" | "e", ms)) if digits(ms).is_some() => write!(hint, "; for milliseconds since 1970, use ms:{ms}"),
        Some(("", seconds)) if digits(seconds).is_some() => {
            write!(hint, "; for seconds since 1970, use s:{seconds}")
        }
        _ if text == "now" => write!(hint, "; for the end of the log, use latest"),
        _ if super::duration::duration(text).is_some() => write!(hint, "; for a time before now, use -{text}"),
        _ => match local(text) {
            Some((_, zone)) => {
                write!(hint, "; its time zone `{}` is not understood: use Z, +01:00 or +0100", zone.trim_start())
            }
            None if looks_like_date(text) => {
                write!(hint, "; times are written 2026-01-31, 2026-01-31T10:00 or 2026-01-31T10:00:00+01:00")
            }
            None => Ok(()),
        },
    };
    hint
}

/// Whether a text has at least 5 digits and a character that dates contain.
fn looks_like_date(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= 5 && text.contains(['-', '/', '.', ':', 'T'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_other_programs_parse() {
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
    fn hints_suggest_the_correct_form() {
        for (text, part) in [
            ("s@1795000000000", "use ms:1795000000000"),
            ("@1795000000", "use s:1795000000"),
            ("2026-01-31T10:00 CET", "`CET` is not understood: use Z, +01:00"),
            ("2026-01-31T10:00:00+01:00[Europe/Berlin]", "is not understood: use Z"),
            ("31.01.2026", "2026-01-31T10:00"),
            ("2026/01/31 10:00", "2026-01-31T10:00"),
            ("2h", "use -2h"),
            ("now", "latest"),
        ] {
            assert!(hint(text).contains(part), "{text}: {}", hint(text));
        }
        assert_eq!(hint("soon"), "");
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
        fn any_text_parses_or_fails(text in "\\PC{0,30}") {
            drop((parse(&text), hint(&text), parse(&format!("2026-01-31{text}")), parse(&format!("2026-01-31T10{text}"))));
        }
    }
}
