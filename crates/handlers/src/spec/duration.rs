//! Durations as text.

use std::time::Duration;

/// Parses a duration such as `250us`, `1ms`, `1.5s` or `2m`; at most an hour.
///
/// # Errors
/// One sentence that shows the valid forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "" if text == "0" => 1.0,
        _ => return Err(format!("`{text}` is not a time; write 250us, 1ms, 1.5s or 2m")),
    };
    number
        .parse::<f64>()
        .ok()
        .map(|number| number * scale)
        .filter(|seconds| (0.0..=3600.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("`{text}` is not a time from 0 to 60m"))
}
