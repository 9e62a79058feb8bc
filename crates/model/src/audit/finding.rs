//! What deserves attention in an audit.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A subject that an audit checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// A key has records in several partitions.
    Spread,
    /// Records are not where the topic's partitioner puts them, or no known partitioner explains their places.
    Partitioner,
    /// Partitions were added after records had been written.
    Growth,
    /// Timestamps or sequence numbers of a key decrease.
    Order,
    /// A partition has no keyed records.
    Unused,
    /// Two topics have common keys in different partitions.
    CoPartitioning,
}

impl Check {
    /// All checks.
    pub const ALL: [Self; 6] =
        [Self::Spread, Self::Partitioner, Self::Growth, Self::Order, Self::Unused, Self::CoPartitioning];

    /// The name in flags and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::Partitioner => "partitioner",
            Self::Growth => "growth",
            Self::Order => "order",
            Self::Unused => "unused",
            Self::CoPartitioning => "co-partitioning",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Check {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|check| check.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a check; use {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// Something that deserves attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The check that found it.
    pub check: Check,
    /// The topic; for two topics the first one.
    pub topic: String,
    /// One sentence with the figures. Text from outside in it is escaped.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displayed_checks_parse_back() {
        for check in Check::ALL {
            assert_eq!(check.to_string().parse(), Ok(check));
            assert_eq!(serde_json::to_value(check).unwrap(), check.as_str());
        }
        assert!("skew".parse::<Check>().unwrap_err().contains("spread, partitioner"));
    }
}
