//! Problems of a configuration, and the origins of its values.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use kreplay_model::domain::printable;

/// The origin of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The value is a default.
    #[default]
    Default,
    /// A position in a file. Lines and columns start at 1; columns count characters.
    File {
        /// The file.
        path: Arc<Path>,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The name of an environment variable.
    Environment(String),
    /// The name of a flag.
    Flag(String),
}

impl Origin {
    /// Line and column, for sorting the problems of a file; (0, 0) for other origins.
    pub(super) fn line_and_column(&self) -> (usize, usize) {
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

/// A problem with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The origin of the value.
    pub origin: Origin,
    /// The setting, if the problem concerns one.
    pub key: Option<String>,
    /// The problem and the allowed values. It never contains the value of a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        // The names of flags and variables identify the setting; -X does not.
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

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {reason}", printable(&path.display().to_string()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Invalid values or unknown keys, shown one per line.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
}
