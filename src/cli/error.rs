//! How a command ends: with an exit code, and with a sentence where it could not do its work.

use std::{io, path::PathBuf, process::ExitCode};

use crate::{
    config::ConfigError,
    feed::{RunState, RunView, Totals},
};

/// The exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything is done.
    Done = 0,
    /// It could not be done.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// It is done, but records were skipped, put aside, or not judged by its rules.
    Skipped = 3,
    /// It was stopped before its end and can be resumed.
    Stopped = 4,
}

impl Exit {
    /// How a run ended; a dry run with records that would have failed is done with these left over.
    #[must_use]
    pub fn of_view(run: &RunView) -> Self {
        match Self::of_run(run.state, &run.totals) {
            Self::Done if run.dry_run().is_some_and(|view| view.failed > 0) => Self::Skipped,
            exit => exit,
        }
    }

    /// How a run ended. One that is not over counts as stopped.
    #[must_use]
    pub fn of_run(state: RunState, totals: &Totals) -> Self {
        match state {
            RunState::Done if totals.skipped + totals.dead_lettered + totals.lost + totals.unjudged > 0 => {
                Self::Skipped
            }
            RunState::Done => Self::Done,
            RunState::Failed => Self::Failed,
            _ => Self::Stopped,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<crate::dlq::DlqError> for CliError {
    fn from(error: crate::dlq::DlqError) -> Self {
        use crate::{dlq::DlqError, kafka::CatalogError};
        match &error {
            DlqError::NoTopics(_) | DlqError::Catalog(CatalogError::UnknownTopic(_)) => Self::Usage(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// Why a command could not do its work, in words for the user.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Flags that do not go together.
    #[error("{0}")]
    Usage(String),
    /// The work itself failed; one sentence with the next step.
    #[error("{0}")]
    Failed(String),
    /// The result could not be written.
    #[error("cannot write {}: {source}", target.as_ref().map_or("to standard output".into(), |path| path.display().to_string()))]
    Output {
        /// The file; `None` is standard output.
        target: Option<PathBuf>,
        /// What the system said.
        source: io::Error,
    },
}

impl CliError {
    /// The exit code that goes with it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::Usage(_) => Exit::Usage,
            Self::Failed(_) | Self::Output { .. } => Exit::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_code() {
        let skipped = Totals { skipped: 1, ..Totals::default() };
        let codes = [
            (RunState::Done, Totals::default()),
            (RunState::Done, skipped),
            (RunState::Done, Totals { unjudged: 1, ..Totals::default() }),
            (RunState::Failed, skipped),
            (RunState::Cancelled, Totals::default()),
            (RunState::Running, Totals::default()),
        ]
        .map(|(state, totals)| Exit::of_run(state, &totals) as u8);
        assert_eq!(codes, [0, 3, 3, 1, 4, 4]);
        assert_eq!(CliError::Usage(String::new()).exit() as u8, 2);
        assert_eq!(CliError::Failed(String::new()).exit() as u8, 1);
    }
}
