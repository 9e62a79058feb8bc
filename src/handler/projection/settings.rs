//! `[projection]`

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use super::target::Target;

/// `[projection]`
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectionSettings {
    /// Where the projection is kept; stronger than what its definition says.
    pub target: Option<Target>,
    /// The definition's file, where the handler does not name one; neither means the built-in projection.
    pub definition: Option<PathBuf>,
    /// What a commit survives.
    pub durability: Durability,
    /// The longest wait for a database that somebody else has locked.
    pub busy_timeout: Duration,
}

impl Default for ProjectionSettings {
    fn default() -> Self {
        Self { target: None, definition: None, durability: Durability::default(), busy_timeout: Duration::from_secs(5) }
    }
}

/// What a commit survives. Positions are part of it: what is lost is applied again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however it comes; a loss of power may take the last commits and damages nothing.
    #[default]
    Process,
    /// A loss of power, too: each commit waits for the disk.
    Power,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Process => "process",
            Self::Power => "power",
        })
    }
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "process" => Ok(Self::Process),
            "power" => Ok(Self::Power),
            other => Err(format!("`{other}` is not a durability")),
        }
    }
}
