//! Errors of opening and finishing handlers.

use std::{io, path::PathBuf};

use kreplay_model::domain::{Classified, ErrorClass};

/// Why a handler cannot be opened or finished.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The settings contradict each other or are incomplete.
    #[error("handler {handler}: {reason}")]
    Settings {
        /// The handler's name.
        handler: &'static str,
        /// What is wrong, with the next step.
        reason: String,
    },
    /// The target cannot be used.
    #[error("handler {handler}: {reason}")]
    Target {
        /// The handler's name.
        handler: &'static str,
        /// What is wrong, with the next step; never with a secret.
        reason: String,
    },
    /// The target's positions belong to another log than the one this run reads.
    #[error("handler {handler}: {reason}")]
    OtherLog {
        /// The handler's name.
        handler: &'static str,
        /// What differs, with the next step.
        reason: String,
        /// `Usage` if the run names another cluster than the one the target belongs to.
        class: ErrorClass,
    },
    /// The handler cannot build effects without applying them.
    #[error("this handler has no effects to preview; omit --dry-run, or choose another handler")]
    NoPreview,
    /// One of the two handlers to compare cannot build effects without applying them.
    #[error("handler {0} has no effects to compare; choose another handler")]
    NothingToCompare(String),
    /// The two handlers to compare have effects of different forms.
    #[error(
        "handler {left} produces {left_form} and handler {right} produces {right_form}, so every record would differ; \
         compare two handlers of the same kind"
    )]
    Incomparable {
        /// The left handler.
        left: String,
        /// The form of its effects.
        left_form: &'static str,
        /// The right handler.
        right: String,
        /// The form of its effects.
        right_form: &'static str,
    },
    /// The output file cannot be opened.
    #[error("cannot open {} for the ndjson handler: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The output file cannot be synced to disk.
    #[error("cannot sync {} to disk: {source}", path.display())]
    Finish {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl HandlerError {
    /// What is wrong, without the name of the handler, for a sentence that already names it.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Settings { reason, .. } | Self::Target { reason, .. } | Self::OtherLog { reason, .. } => {
                reason.clone()
            }
            other => other.to_string(),
        }
    }

    /// Whether a retry would fail in the same way.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.class().is_usage() || matches!(self, Self::OtherLog { .. })
    }
}

impl Classified for HandlerError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Settings { .. } | Self::NoPreview | Self::NothingToCompare(_) | Self::Incomparable { .. } => {
                ErrorClass::Usage
            }
            Self::Target { .. } | Self::Open { .. } | Self::Finish { .. } => ErrorClass::Failed,
            Self::OtherLog { class, .. } => *class,
        }
    }
}
