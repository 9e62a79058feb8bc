//! What goes wrong with a child.

use std::{fmt, io, process::ExitStatus, time::Duration};

use super::window::Stray;
use crate::handler::verdict::short;

/// Why a child cannot be gone on with. It never holds a secret.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It cannot be started.
    Start(io::Error),
    /// It has ended, or closed a pipe, while it had records in hand or before it got them.
    Ended {
        /// How; `None` where it only closed a pipe.
        status: Option<ExitStatus>,
        /// The last line of its standard error.
        said: String,
    },
    /// It acknowledged nothing for so long.
    Hangs(Duration),
    /// It wrote a line that is no acknowledgement.
    Garbage {
        /// The line, escaped and cut.
        line: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It wrote a line that has no end.
    TooLong,
    /// It acknowledged what it does not have.
    Stray(Stray),
    /// Its pipes broke.
    Pipe(io::Error),
}

impl Trouble {
    pub(super) fn garbage(line: &[u8], reason: &str) -> Self {
        Self::Garbage { line: short(&String::from_utf8_lossy(line)), reason: short(reason) }
    }

    /// Whether the child does not keep to the protocol.
    pub(super) fn is_violation(&self) -> bool {
        matches!(self, Self::Garbage { .. } | Self::TooLong | Self::Stray(_))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "the command could not be started: {error}"),
            Self::Ended { status, said } => {
                match status {
                    Some(status) => write!(f, "the command ended ({status})")?,
                    None => f.write_str("the command closed its pipes and was ended")?,
                }
                if said.is_empty() { Ok(()) } else { write!(f, ", last saying: {said}") }
            }
            Self::Hangs(time) => write!(f, "the command acknowledged nothing for {time:?} and was ended"),
            Self::Garbage { line, reason } => write!(
                f,
                "the command wrote a line to its standard output that is no acknowledgement ({reason}): {line}; messages \
                 belong on its standard error"
            ),
            Self::TooLong => write!(
                f,
                "the command wrote a line of more than {} KiB to its standard output, which is no acknowledgement",
                super::child::LONGEST_LINE / 1024
            ),
            Self::Stray(stray) => write!(f, "the command does not keep to the protocol: {stray}"),
            Self::Pipe(error) => write!(f, "the pipes to the command broke: {error}"),
        }
    }
}
