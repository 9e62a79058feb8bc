//! Durations as text.

use std::time::Duration;

use kreplay_model::domain::unit;

/// Parses a duration such as `250us`, `1ms`, `1.5s` or `2m`; at most an hour.
///
/// # Errors
/// One sentence that shows the valid forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = unit::split_decimal(text);
    let scale = match unit {
        "" => (text == "0").then_some(1.0),
        // Units above the limit of an hour are not accepted.
        "h" | "d" => None,
        _ => unit::seconds(unit),
    }
    .ok_or_else(|| format!("`{text}` is not a time; use a value such as 250us, 1ms, 1.5s or 2m"))?;
    number
        .parse::<f64>()
        .ok()
        .map(|number| number * scale)
        .filter(|seconds| (0.0..=3600.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("`{text}` is not a time from 0 to 60m"))
}
