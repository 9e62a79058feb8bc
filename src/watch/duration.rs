//! Durations as flags have them.

use std::time::Duration;

use kreplay_model::domain::duration;

/// Parses a duration such as `500ms`, `10s`, `2h` or `1d12h`.
///
/// # Errors
/// One sentence that shows the valid forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| format!("`{text}` is not a duration; write 500ms, 10s, 2h or 1d12h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("1d12h"), Ok(Duration::from_secs(36 * 3600)));
        assert!(parse_duration("5").unwrap_err().contains("not a duration"));
    }
}
