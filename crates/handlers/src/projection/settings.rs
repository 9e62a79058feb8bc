//! `[projection]`

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use kreplay_model::domain::Secret;

/// `[projection]`
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectionSettings {
    /// The target of the projection ([`ProjectionTarget`](crate::ProjectionTarget)). Overrides that of the
    /// definition.
    pub target: Option<Secret>,
    /// The definition file, if the handler names none. Without both the built-in projection is used.
    pub definition: Option<PathBuf>,
    /// What a commit survives.
    pub durability: Durability,
    /// The maximum wait for a database that another process has locked.
    pub busy_timeout: Duration,
    /// The PostgreSQL schema that unqualified names resolve to, before `public`. It is created if it does not exist.
    pub schema: Option<String>,
    /// The time for which reconnecting to PostgreSQL is tried before records fail, from the loss of a connection on.
    pub reconnect_timeout: Duration,
    /// Whether the projection is rebuilt beside the one in use, verified, and only then swapped in.
    pub shadow: bool,
    /// Whether the replaced projection is kept after a rebuild.
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

/// What a commit survives. Positions are part of a commit, so lost records are applied again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Any end of the process. A power failure may lose the last commits, but does not damage the file.
    #[default]
    Process,
    /// A power failure, too: each commit waits for the disk.
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
