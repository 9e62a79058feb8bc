//! Tiers: how records are read from librdkafka.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How records are read from librdkafka. All tiers deliver the same records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// `buffered` or `dedicated`, depending on the plan and on measurements while reading.
    #[default]
    Auto,
    /// An asynchronous stream.
    Stream,
    /// One poll per record.
    Standard,
    /// Batches from one queue.
    Buffered,
    /// Batches, from several clients with one thread each.
    Dedicated,
}

impl Tier {
    /// All tiers: the default first, then by increasing complexity.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Stream, Self::Standard, Self::Buffered, Self::Dedicated];

    /// The name used in flags, configuration, and reports.
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
