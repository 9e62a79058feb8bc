//! How detailed the exported figures are.

use std::{fmt, str::FromStr};

/// How detailed the exported figures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Figures of each group, or of the run as a whole.
    Group,
    /// Those, and figures of each topic.
    Topic,
    /// Those, and figures of each partition.
    Partition,
}

impl Level {
    /// All levels, the coarsest first.
    pub const ALL: [Self; 3] = [Self::Group, Self::Topic, Self::Partition];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Group => "group",
            Self::Topic => "topic",
            Self::Partition => "partition",
        })
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|level| level.to_string() == text);
        found.ok_or_else(|| format!("`{text}` is not a level"))
    }
}
