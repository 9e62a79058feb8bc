//! Durations as flags and conditions have them.

use std::{fmt::Write as _, time::Duration};

use kreplay_engine::plan::RangeStart;

/// Parses a duration such as `500ms`, `10s`, `2h` or `1d12h`.
///
/// # Errors
/// One sentence that shows the valid forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    // The notation of a time before now.
    match format!("-{text}").parse::<RangeStart>() {
        Ok(RangeStart::Ago(duration)) => Ok(duration),
        _ => Err(format!("`{text}` is not a duration; write 500ms, 10s, 2h or 1d12h")),
    }
}

/// How much of the time before a watch can be read.
const HISTORIES: std::ops::RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(7 * 24 * 3600);

/// Parses the length of a history.
///
/// # Errors
/// One sentence with the limits.
pub fn parse_history(text: &str) -> Result<Duration, String> {
    let history = parse_duration(text)?;
    if HISTORIES.contains(&history) { Ok(history) } else { Err("a history is from 1m to 7d long".to_owned()) }
}

/// A duration of whole milliseconds in the form that [`parse_duration`] reads: `2h`, `1d12h`.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    const UNITS: [(&str, u128); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let mut left = duration.as_millis();
    let mut text = String::new();
    for (unit, length) in UNITS {
        if left >= length {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{unit}", left / length);
            left %= length;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_duration_is_read_as_it_was() {
        for milliseconds in [0, 1, 999, 60_000, 7_200_000, 129_600_000, 90_061_001] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(&duration_text(duration)), Ok(duration), "{}", duration_text(duration));
        }
        assert_eq!(duration_text(Duration::from_secs(36 * 3600)), "1d12h");
        assert!(parse_history("2h").is_ok() && parse_history("59s").is_err() && parse_history("8d").is_err());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("1d12h"), Ok(Duration::from_secs(36 * 3600)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "5", "-1h", "1x", "2026-01-31"] {
            assert!(parse_duration(wrong).unwrap_err().contains("not a duration"), "{wrong}");
        }
    }
}
