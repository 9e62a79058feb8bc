//! Ordering: which records must be handled one after another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Which records share a lane, so that they are never handled in parallel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ordering {
    /// Records of the same key keep their order; records without a key keep the order of their partition.
    #[default]
    Key,
    /// Records of the same partition keep their order.
    Partition,
    /// No order is kept.
    None,
}

impl Ordering {
    /// The name used in flags, configuration, and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Partition => "partition",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Ordering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Ordering {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "key" => Ok(Self::Key),
            "partition" => Ok(Self::Partition),
            "none" => Ok(Self::None),
            other => Err(format!("`{other}` is not an ordering; use key, partition or none")),
        }
    }
}
