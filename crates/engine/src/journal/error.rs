//! Errors of journals.

use std::path::PathBuf;

use kreplay_model::domain::{Classified, ErrorClass};

/// Why a journal cannot be used, with the next step.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No run has this id.
    #[error("there is no run `{wanted}` in {}; `kreplay runs` lists the existing runs", dir.display())]
    Unknown {
        /// The requested id.
        wanted: String,
        /// The searched directory.
        dir: PathBuf,
    },
    /// There are no runs.
    #[error("there are no runs in {}; nothing can be resumed", dir.display())]
    None {
        /// The searched directory.
        dir: PathBuf,
    },
    /// Several ids match.
    #[error("`{wanted}` matches {}; enter more characters of the id", fits.join(", "))]
    Ambiguous {
        /// The requested prefix.
        wanted: String,
        /// The first matching ids.
        fits: Vec<String>,
    },
    /// Another process is working on the run.
    #[error("run {id} is running in process {pid}; stop that process first")]
    Live {
        /// The run.
        id: String,
        /// The process id, if known.
        pid: String,
    },
    /// The run is complete.
    #[error("run {id} is done; there is nothing left to resume. To handle its records again, start a new run")]
    Done {
        /// The run.
        id: String,
    },
    /// Its contents are inconsistent.
    #[error(
        "the journal of run {id} is corrupt ({reason}) and cannot be trusted; start a new run, and remove this one \
         with `kreplay runs --forget {id}`"
    )]
    Corrupt {
        /// The run.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It was written by an incompatible version of kreplay.
    #[error(
        "the journal of run {id} has format {found}, but this kreplay reads format {known}; use the version that wrote \
         it"
    )]
    Version {
        /// The run.
        id: String,
        /// Its format version.
        found: i64,
        /// The format version of this kreplay.
        known: i64,
    },
    /// There is no directory for it.
    #[error("no directory is configured for journals; set run.state_dir, XDG_STATE_HOME or HOME")]
    NoDirectory,
    /// The operating system returned an error.
    #[error("{}: {reason}", path.display())]
    System {
        /// Which file or directory.
        path: PathBuf,
        /// The error.
        reason: String,
    },
}

impl JournalError {
    pub(super) fn system(path: &std::path::Path, error: &dyn std::fmt::Display) -> Self {
        Self::System { path: path.into(), reason: error.to_string() }
    }
}

impl Classified for JournalError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Unknown { .. }
            | Self::None { .. }
            | Self::Ambiguous { .. }
            | Self::Done { .. }
            | Self::NoDirectory => ErrorClass::Usage,
            Self::Live { .. } | Self::Corrupt { .. } | Self::Version { .. } | Self::System { .. } => ErrorClass::Failed,
        }
    }
}
