//! What is wrong with a configuration, and where each value comes from.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::feed::printable;

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    #[default]
    Default,
    /// A place in a file; lines and columns count from 1, columns in characters.
    File {
        /// The file.
        path: Arc<Path>,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// An environment variable, by name.
    Environment(String),
    /// A flag of the command line, by name.
    Flag(String),
}

impl Origin {
    /// Line and column, to tell of a file from its top to its end.
    pub(super) fn place(&self) -> (usize, usize) {
        match self {
            Self::File { line, column, .. } => (*line, *column),
            Self::Default | Self::Environment(_) | Self::Flag(_) => (0, 0),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", printable(&path.display().to_string()))
            }
            Self::Environment(name) | Self::Flag(name) => f.write_str(&printable(name)),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// Which setting, where it is about one.
    pub key: Option<String>,
    /// What is wrong and what is allowed. It never holds the value of a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        // A flag and a variable name the setting already; -X does not.
        let names_itself = match &self.origin {
            Origin::Flag(name) => name != "-X",
            Origin::Environment(_) => true,
            Origin::Default | Origin::File { .. } => false,
        };
        if let Some(key) = self.key.as_ref().filter(|_| !names_itself) {
            write!(f, "{}: ", printable(key))?;
        }
        f.write_str(&printable(&self.message))
    }
}

/// A configuration that cannot be used, with everything that is wrong with it, a line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {reason}", printable(&path.display().to_string()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Values that are not allowed, keys that do not exist.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
}
