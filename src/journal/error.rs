//! Why a journal cannot be used.

use std::path::PathBuf;

/// Why a journal cannot be used, with the next step.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No run has this id.
    #[error("there is no run `{wanted}` in {}; `kreplay runs` lists those there are", dir.display())]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// No run can be resumed at all.
    #[error("no run is kept in {}; nothing can be resumed", dir.display())]
    None {
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// The beginning of several ids.
    #[error("`{wanted}` fits {}; give more of the id", fits.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// The first few that fit.
        fits: Vec<String>,
    },
    /// Another process works on it.
    #[error("run {id} is running in process {pid}; stop that one first")]
    Live {
        /// The run.
        id: String,
        /// The process, as far as it said.
        pid: String,
    },
    /// It came to its end.
    #[error("run {id} is done; there is nothing left to resume. To handle its records again, start a new run")]
    Done {
        /// The run.
        id: String,
    },
    /// What is in it does not hold together.
    #[error(
        "the journal of run {id} is damaged ({reason}) and cannot be trusted; start a new run, and remove this one with \
         `kreplay runs --forget {id}`"
    )]
    Corrupt {
        /// The run.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another version of kreplay has written it.
    #[error(
        "the journal of run {id} has form {found}, and this kreplay reads form {known}; use the kreplay that wrote it"
    )]
    Version {
        /// The run.
        id: String,
        /// Its form.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// There is no place for it.
    #[error("neither run.state_dir nor XDG_STATE_HOME nor HOME names a directory for it")]
    NoDirectory,
    /// The system said no.
    #[error("{}: {reason}", path.display())]
    System {
        /// Which file or directory.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
}

impl JournalError {
    /// Whether what was asked for is wrong, rather than what was found.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Unknown { .. } | Self::None { .. } | Self::Ambiguous { .. } | Self::Done { .. } | Self::NoDirectory
        )
    }

    pub(super) fn system(path: &std::path::Path, error: &dyn std::fmt::Display) -> Self {
        Self::System { path: path.into(), reason: error.to_string() }
    }
}
