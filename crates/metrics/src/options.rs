//! What is exported, and under which names.

use std::{fmt, str::FromStr};

use crate::{KnownNames, Level};

/// The series exported at most if nothing else is configured.
pub const DEFAULT_MAX_SERIES: u32 = 50_000;

/// What is exported, and under which names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsOptions {
    /// The beginning of all names of kreplay.
    pub prefix: Prefix,
    /// The level; `None` is [`Level::Group`] for watched groups and [`Level::Partition`] for a run.
    pub level: Option<Level>,
    /// The maximum number of series. Beyond it, the groups with the most series fall back to coarser levels.
    pub max_series: u32,
    /// The names of another exporter to use in addition.
    pub names: KnownNames,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        Self { prefix: Prefix::default(), level: None, max_series: DEFAULT_MAX_SERIES, names: KnownNames::default() }
    }
}

/// The beginning of metric names: at most 64 letters, digits and underscores, and the first is no digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Maximum number of characters.
    pub const MAX_CHARS: usize = 64;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self("kreplay_".to_owned())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Colons are reserved for the names of recording rules.
        let fits = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.len() <= Self::MAX_CHARS;
        if fits { Ok(Self(text.to_owned())) } else { Err("the text cannot begin a metric name".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_begins_a_valid_metric_name() {
        let longest = "a".repeat(Prefix::MAX_CHARS);
        for valid in ["", "kreplay_", "chucc_projection_", "_", &longest] {
            assert_eq!(valid.parse::<Prefix>().map(|prefix| prefix.to_string()), Ok(valid.to_owned()));
        }
        for invalid in ["1a", "a:b", "a-b", "a b", "ä", "a\n", &format!("{longest}a")] {
            assert!(invalid.parse::<Prefix>().is_err(), "{invalid}");
        }
    }
}
