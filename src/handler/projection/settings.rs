//! `[projection]`

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use crate::domain::Masked;

/// `[projection]`
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectionSettings {
    /// Where the projection is kept ([`ProjectionTarget`](crate::handler::ProjectionTarget)); stronger than what its definition
    /// says.
    pub target: Option<Masked>,
    /// The definition's file, where the handler does not name one; neither means the built-in projection.
    pub definition: Option<PathBuf>,
    /// What a commit survives.
    pub durability: Durability,
    /// The longest wait for a database that somebody else has locked.
    pub busy_timeout: Duration,
    /// The schema of PostgreSQL that unqualified names mean, before `public`; it is made where it is not there.
    pub schema: Option<String>,
    /// How long a connection to PostgreSQL that was lost is tried to be made again before records fail.
    pub reconnect_timeout: Duration,
    /// Whether the projection is made anew beside the one in use, verified, and only then put in its place.
    pub shadow: bool,
    /// Whether the one that was in use is kept then.
    pub keep_old: bool,
}

impl Default for ProjectionSettings {
    fn default() -> Self {
        Self {
            target: None,
            definition: None,
            durability: Durability::default(),
            busy_timeout: Duration::from_secs(5),
            schema: None,
            reconnect_timeout: Duration::from_secs(30),
            shadow: false,
            keep_old: true,
        }
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
