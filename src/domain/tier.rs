//! How records come out of the Kafka client.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How records come out of the Kafka client: one trait, several ways, the same records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// `buffered` or `dedicated`, by what there is to read and what is seen while reading.
    #[default]
    Auto,
    /// rdkafka's asynchronous stream.
    Stream,
    /// One poll a record.
    Standard,
    /// Batches out of one queue.
    Buffered,
    /// Batches, with clients and threads of their own.
    Dedicated,
}

impl Tier {
    /// All of them, the default first and then the plainest.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Stream, Self::Standard, Self::Buffered, Self::Dedicated];

    /// The word used in flags, configuration and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Stream => "stream",
            Self::Standard => "standard",
            Self::Buffered => "buffered",
            Self::Dedicated => "dedicated",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a tier; use auto, stream, standard, buffered or dedicated"))
    }
}
