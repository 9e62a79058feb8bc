//! Moments of a recording.

use std::{str::FromStr, time::Duration};

use chrono::{DateTime, Utc};

use crate::watch::parse_duration;

/// A moment of a recording, as written by the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Moment {
    /// The first frame.
    Start,
    /// The last frame.
    #[default]
    End,
    /// After the first frame.
    After(Duration),
    /// Before the last frame.
    BeforeEnd(Duration),
    /// By the clock.
    Time(DateTime<Utc>),
}

impl Moment {
    /// The moment in milliseconds since 1970. One outside of the recording becomes its first or last moment.
    pub(super) fn within(self, range: Option<(i64, i64)>) -> i64 {
        let (first, last) = range.unwrap_or_default();
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let at_ms = match self {
            Self::Start => first,
            Self::End => last,
            Self::After(time) => first.saturating_add(ms(time)),
            Self::BeforeEnd(time) => last.saturating_sub(ms(time)),
            Self::Time(at) => at.timestamp_millis(),
        };
        at_ms.clamp(first, last)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "start" => return Ok(Self::Start),
            "end" => return Ok(Self::End),
            _ => {}
        }
        if let Some(Ok(time)) = text.strip_prefix('-').map(parse_duration) {
            return Ok(Self::BeforeEnd(time));
        }
        if let Ok(time) = parse_duration(text) {
            return Ok(Self::After(time));
        }
        let time = DateTime::parse_from_rfc3339(text).map(|at| Self::Time(at.to_utc()));
        time.map_err(|_| {
            format!("`{text}` is not a moment; use start, end, 1m30s, -10s or a time such as 2026-11-20T08:00:00Z")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_relative_to_both_ends_or_by_the_clock() {
        let range = Some((1_000_000, 1_090_000));
        let at = |text: &str| text.parse::<Moment>().map(|moment| moment.within(range));
        let moments = ["start", "end", "30s", "-1m", "2h", "-2h", "1970-01-01T00:17:00Z"].map(at);
        let expected = [1_000_000, 1_090_000, 1_030_000, 1_030_000, 1_090_000, 1_000_000, 1_020_000];
        assert_eq!(moments, expected.map(Ok));
        assert!(at("yesterday").is_err_and(|error| error.contains("1m30s")));
        assert!(at("").is_err() && at("-").is_err());
    }
}
