//! Silences as a flag has them.

use std::{str::FromStr, time::Duration};

use kreplay_alerts::LONGEST_SILENCE;

use crate::watch::parse_duration;

/// The length of a silence without one in the flag.
const DEFAULT_LENGTH: Duration = Duration::from_secs(3600);

/// A rule to silence: `RULE` or `RULE=DURATION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceRequest {
    /// The name of the rule.
    pub(super) rule: String,
    /// For how long; `0s` ends a silence.
    pub(super) length: Duration,
}

impl FromStr for SilenceRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rule, length) = match text.split_once('=') {
            Some((rule, length)) => (rule, parse_duration(length)?),
            None => (text, DEFAULT_LENGTH),
        };
        if length > LONGEST_SILENCE {
            return Err("a silence cannot be longer than 31d".to_owned());
        }
        Ok(Self { rule: rule.to_owned(), length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_without_a_duration_takes_an_hour() {
        let request = |text: &str| text.parse::<SilenceRequest>().map(|it| (it.rule, it.length.as_secs()));
        assert_eq!(request("lag"), Ok(("lag".to_owned(), 3600)));
        assert_eq!(request("lag=90m"), Ok(("lag".to_owned(), 5400)));
        assert_eq!(request("lag=0s"), Ok(("lag".to_owned(), 0)));
        assert!(request("lag=x").is_err() && request("lag=32d").is_err());
    }
}
