//! Durations in the form that Kafka's tool takes: ISO 8601 with days and smaller units, such as `P1DT2H30M`.

use std::time::Duration;

const UNITS_OF_DATE: [(char, u64); 1] = [('D', 86_400_000)];
const UNITS_OF_TIME: [(char, u64); 3] = [('H', 3_600_000), ('M', 60_000), ('S', 1000)];

/// Parses a duration, rounded down to milliseconds. Only seconds may have a fraction, and signs are not accepted.
/// `None` if the text has another form, or is longer than what milliseconds since 1970 can hold.
#[must_use]
pub fn parse_iso_duration(text: &str) -> Option<Duration> {
    let text = text.to_ascii_uppercase();
    let rest = text.strip_prefix('P')?;
    let (date, time) = rest.split_once('T').map_or((rest, None), |(date, time)| (date, Some(time)));
    if time == Some("") || (date.is_empty() && time.is_none()) {
        return None;
    }
    let total = units(date, &UNITS_OF_DATE)?.checked_add(units(time.unwrap_or_default(), &UNITS_OF_TIME)?)?;
    i64::try_from(total).is_ok().then(|| Duration::from_millis(total))
}

/// The milliseconds of a list of numbers with units, the largest unit first.
fn units(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let (mut rest, mut units, mut total) = (text, units.iter(), 0_u64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let unit = tail.chars().next()?;
        let (_, scale) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(millis(number, *scale, unit == 'S')?)?;
        rest = tail.get(unit.len_utf8()..)?;
    }
    Some(total)
}

fn millis(number: &str, scale: u64, may_have_fraction: bool) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, part)| (whole, Some(part)));
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let Some(fraction) = fraction else { return Some(whole) };
    if !may_have_fraction || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("00".chars()).take(3).collect();
    whole.checked_add(digits.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_of_kafkas_tool_parse() {
        for (text, ms) in [
            ("P1D", 86_400_000),
            ("PT2H", 7_200_000),
            ("P1DT2H3M4S", 93_784_000),
            ("PT0.5S", 500),
            ("PT1.2345S", 1234),
            ("pt90m", 5_400_000),
            ("P0D", 0),
        ] {
            assert_eq!(parse_iso_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for wrong in
            ["", "P", "PT", "P1DT", "1D", "P1H", "PT1D", "PT1", "PTS", "PT1M2H", "PT1.5M", "PT1.S", "-P1D", "PT-1S"]
        {
            assert_eq!(parse_iso_duration(wrong), None, "{wrong}");
        }
        assert_eq!(parse_iso_duration("P999999999999999D"), None);
    }

    proptest! {
        #[test]
        fn parts_add_up(days in 0_u64..1000, hours in 0_u64..100, minutes in 0_u64..100, ms in 0_u64..100_000) {
            let text = format!("P{days}DT{hours}H{minutes}M{}.{:03}S", ms / 1000, ms % 1000);
            let total = days * 86_400_000 + hours * 3_600_000 + minutes * 60_000 + ms;
            prop_assert_eq!(parse_iso_duration(&text), Some(Duration::from_millis(total)));
        }

        #[test]
        fn no_text_panics(text in ".{0,20}") {
            let _ = parse_iso_duration(&text);
        }
    }
}
