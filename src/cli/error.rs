//! Exit codes and errors of commands.

use std::{io, path::PathBuf, process::ExitCode};

use kreplay_model::{
    domain::{Classified, ErrorClass},
    feed::{RunState, RunView, Totals},
};

use crate::{config::ConfigError, dlq::DlqError};

/// The exit codes of all commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The command succeeded.
    Done = 0,
    /// The command failed.
    Failed = 1,
    /// The command line or the configuration is invalid.
    Usage = 2,
    /// The run completed, but records were skipped, dead-lettered, lost to retention or unjudged.
    Skipped = 3,
    /// The command was stopped before its end. A run with a journal can be resumed.
    Stopped = 4,
}

impl Exit {
    /// The exit code of a run. A dry run in which records would have failed ends with `Skipped`.
    #[must_use]
    pub fn of_view(run: &RunView) -> Self {
        match Self::of_run(run.state, &run.totals) {
            Self::Done if run.dry_run().is_some_and(|view| view.failed > 0) => Self::Skipped,
            exit => exit,
        }
    }

    /// The exit code for a state and totals. A run that has not ended counts as stopped.
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

impl From<ErrorClass> for Exit {
    fn from(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Failed => Self::Failed,
            ErrorClass::Usage => Self::Usage,
            ErrorClass::Stopped => Self::Stopped,
        }
    }
}

/// Why a command failed, as text for the user.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Invalid or contradictory flags.
    #[error("{0}")]
    Usage(String),
    /// The command failed; one sentence with the next step.
    #[error("{0}")]
    Failed(String),
    /// The user stopped the command.
    #[error("{0}")]
    Stopped(String),
    /// The result could not be written.
    #[error("cannot write {}: {source}", target.as_ref().map_or("to standard output".into(), |path| path.display().to_string()))]
    Output {
        /// The file; `None` for standard output.
        target: Option<PathBuf>,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl CliError {
    /// An error with a class.
    #[must_use]
    pub fn new(class: ErrorClass, text: String) -> Self {
        match class {
            ErrorClass::Failed => Self::Failed(text),
            ErrorClass::Usage => Self::Usage(text),
            ErrorClass::Stopped => Self::Stopped(text),
        }
    }

    /// The text and the class of another error.
    #[must_use]
    pub fn of(error: &impl Classified) -> Self {
        Self::new(error.class(), error.to_string())
    }

    /// The exit code for this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.class().into()
    }
}

impl Classified for CliError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Config(_) | Self::Usage(_) => ErrorClass::Usage,
            Self::Failed(_) | Self::Output { .. } => ErrorClass::Failed,
            Self::Stopped(_) => ErrorClass::Stopped,
        }
    }
}

impl From<DlqError> for CliError {
    fn from(error: DlqError) -> Self {
        Self::of(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_errors_map_to_exit_codes() {
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
        assert_eq!(CliError::Stopped(String::new()).exit() as u8, 4);
    }
}
