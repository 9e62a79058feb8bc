//! Kafka's consumer group protocols.

use std::{fmt, str::FromStr};

/// Kafka's two consumer group protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// Supported by every broker. Members assign partitions among themselves with the range assignor.
    #[default]
    Classic,
    /// KIP-848, Kafka 4.0 and later. The broker assigns partitions.
    Consumer,
}

impl fmt::Display for GroupProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        })
    }
}

impl FromStr for GroupProtocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "classic" => Ok(Self::Classic),
            "consumer" => Ok(Self::Consumer),
            other => Err(format!("`{other}` is not a group protocol; use classic or consumer")),
        }
    }
}
