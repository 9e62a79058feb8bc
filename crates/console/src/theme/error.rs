//! Themes that cannot be loaded.

use std::{io, path::PathBuf};

use kreplay_model::domain::printable;

use super::built_in;

/// A theme that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// Neither the name of a theme nor a file.
    #[error("unknown theme `{}`; use {}, or the path of a .toml file", printable(name), built_in::names().join(", "))]
    Unknown {
        /// What was given.
        name: String,
    },
    /// The file cannot be read.
    #[error("theme {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The file is not a valid theme. The error names line and key.
    #[error("theme {origin}: {source}")]
    Parse {
        /// The file, or the name of a built-in theme.
        origin: String,
        /// The error with its location.
        source: Box<toml::de::Error>,
    },
}
