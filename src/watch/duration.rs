//! Durations as flags and conditions have them.

use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("1d12h"), Ok(Duration::from_secs(36 * 3600)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "5", "-1h", "1x", "2026-01-31"] {
            assert!(parse_duration(wrong).unwrap_err().contains("not a duration"), "{wrong}");
        }
    }
}
