//! Why handlers cannot be made, or cannot be brought to their end.

use std::{io, path::PathBuf};

/// A handler that cannot be made, or cannot be brought to its end.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Its settings contradict each other, or lack something.
    #[error("handler {handler}: {reason}")]
    Settings {
        /// The handler's name.
        handler: &'static str,
        /// What is wrong, with the next step.
        reason: String,
    },
    /// What it writes to cannot be used.
    #[error("handler {handler}: {reason}")]
    Target {
        /// The handler's name.
        handler: &'static str,
        /// What is wrong, with the next step; never with a secret.
        reason: String,
    },
    /// What it has written belongs to other records than those of this run.
    #[error("handler {handler}: {reason}")]
    OtherLog {
        /// The handler's name.
        handler: &'static str,
        /// What differs, with the next step.
        reason: String,
        /// Whether another cluster was asked for than the one that the target belongs to.
        usage: bool,
    },
    /// It has no effects that could be built without being applied.
    #[error("this handler has no effects to preview; leave --dry-run out, or choose another handler")]
    NoPreview,
    /// One of two handlers to compare has no effects that could be built without being applied.
    #[error("handler {0} has no effects to compare; choose another one")]
    NothingToCompare(String),
    /// Two handlers to compare whose effects have nothing in common.
    #[error(
        "handler {left} makes {left_form} and handler {right} makes {right_form}, so every record would differ; compare two \
         handlers of one kind"
    )]
    Incomparable {
        /// One handler.
        left: String,
        /// What its effects are.
        left_form: &'static str,
        /// The other one.
        right: String,
        /// What its effects are.
        right_form: &'static str,
    },
    /// Its file cannot be opened.
    #[error("cannot open {} for the ndjson handler: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its file cannot be brought to the disk.
    #[error("cannot bring {} to the disk: {source}", path.display())]
    Finish {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl HandlerError {
    /// Whether what was asked for is wrong, rather than what happened.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Settings { .. }
                | Self::NoPreview
                | Self::NothingToCompare(_)
                | Self::Incomparable { .. }
                | Self::OtherLog { usage: true, .. }
        )
    }

    /// Whether the same would come of another try.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.is_usage() || matches!(self, Self::OtherLog { .. })
    }
}
