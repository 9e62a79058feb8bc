//! Durations as flags and conditions have them.

use std::time::Duration;

use kreplay_model::domain::duration;
pub use kreplay_model::domain::duration::in_units as duration_text;

/// Parses a duration such as `500ms`, `10s`, `2h` or `1d12h`.
///
/// # Errors
/// One sentence that shows the valid forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text)
        .ok_or_else(|| format!("`{text}` is not a duration; use a value such as 500ms, 10s, 2h or 1d12h"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_limits() {
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
