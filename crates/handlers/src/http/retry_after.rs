//! The header `Retry-After` (RFC 9110, 10.2.3): a number of seconds or an HTTP date.

use std::time::Duration;

use chrono::{DateTime, Datelike as _, Months, NaiveDateTime, Utc};

use crate::verdict::MAX_RETRY_AFTER;

/// Months after which a date with a two-digit year is taken to be in the past (RFC 9110, 5.6.7).
const MAX_MONTHS_AHEAD: Months = Months::new(50 * 12);

/// Parses the delay, at most [`MAX_RETRY_AFTER`]. A date in the past means no delay; `None` if the text has neither
/// form.
pub(super) fn parse(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that overflows means a very long time.
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    }
    let wait = date(text, now)?.signed_duration_since(now).to_std().unwrap_or_default();
    Some(wait.min(MAX_RETRY_AFTER))
}

/// Parses an HTTP date in the preferred form or one of the two obsolete ones, which recipients must accept (RFC 9110,
/// 5.6.7).
fn date(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let preferred = DateTime::parse_from_rfc2822(text).ok().map(|at| at.with_timezone(&Utc));
    let asctime = || Some(NaiveDateTime::parse_from_str(text, "%a %b %e %H:%M:%S %Y").ok()?.and_utc());
    preferred.or_else(asctime).or_else(|| rfc850_date(text, now))
}

/// Parses a date such as `Sunday, 06-Nov-94 08:49:37 GMT`. The day of the week is not checked: it depends on the
/// century, which is missing.
fn rfc850_date(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (_, date) = text.split_once(", ")?;
    let at = NaiveDateTime::parse_from_str(date, "%d-%b-%y %H:%M:%S GMT").ok()?.and_utc();
    let century = now.year() - now.year().rem_euclid(100);
    let year_of_century = at.year().rem_euclid(100);
    let latest = now.checked_add_months(MAX_MONTHS_AHEAD)?;
    let readings = [century + 100, century, century - 100].map(|century| at.with_year(century + year_of_century));
    readings.into_iter().flatten().find(|at| *at <= latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_parsed_and_bounded() {
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:00Z").unwrap().with_timezone(&Utc);
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Fri, 06 Nov 2054 08:00:00 GMT", Some(3600)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:00:00 GMT", Some(0)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Wed Nov 16 08:49:37 1994", Some(3600)),
            // 2044 and 1944: at most 50 years ahead.
            ("Sunday, 06-Nov-44 08:48:59 GMT", Some(3600)),
            ("Monday, 06-Nov-44 08:49:01 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("Sunday, 06-Nov-94", None),
            ("Sunday, 31-Feb-94 08:49:37 GMT", None),
            ("Sun Nov  6 08:49:37", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(parse(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
