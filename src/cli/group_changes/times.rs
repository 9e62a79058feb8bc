//! Times and durations to which committed offsets are reset, as text.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kreplay_engine::plan::RangeStart;
use kreplay_groups::parse_iso_duration;

use crate::watch::parse_duration;

/// Parses a time: a [`RangeStart`] that is one.
///
/// # Errors
/// One sentence that shows the valid forms.
pub(in crate::cli) fn time(text: &str) -> Result<DateTime<Utc>, String> {
    match text.parse::<RangeStart>() {
        Ok(RangeStart::Time(time)) => Ok(time),
        Ok(RangeStart::Ago(ago)) => before_now(ago),
        Ok(_) => Err("not a time; use 2026-01-31T10:00:00, ms:MILLISECONDS or -2h".to_owned()),
        Err(problem) => Err(problem),
    }
}

/// Parses a duration, also in the form of Kafka's tool.
///
/// # Errors
/// One sentence that shows the valid forms.
pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
    if let Some(duration) = parse_iso_duration(text) {
        return Ok(duration);
    }
    parse_duration(text).map_err(|_| "not a duration; use 90s, 2h, 1d12h or P1DT12H".to_owned())
}

/// The time that long ago.
///
/// # Errors
/// It is before 1970.
pub(in crate::cli) fn before_now(ago: Duration) -> Result<DateTime<Utc>, String> {
    let ago = chrono::Duration::from_std(ago).ok().and_then(|ago| Utc::now().checked_sub_signed(ago));
    ago.filter(|time| time.timestamp_millis() >= 0).ok_or_else(|| "that is before 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_of_kreplay_and_of_kafkas_tool_are_read() {
        for text in ["2026-01-31T10:00:00.000", "2026-01-31T11:00:00.000+0100", "2026-01-31T10:00Z", "ms:1769853600000"]
        {
            assert_eq!(time(text).unwrap().timestamp_millis(), 1_769_853_600_000, "{text}");
        }
        assert!(time("-1h").unwrap() < Utc::now());
        for wrong in ["latest", "5", "soon", "-x", "committed", "-99999999999w"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        for text in ["1d12h", "P1DT12H", "PT36H", "36h"] {
            assert_eq!(duration(text).unwrap(), Duration::from_secs(36 * 3600), "{text}");
        }
        for wrong in ["", "5", "-1h", "-PT1H", "1x"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
