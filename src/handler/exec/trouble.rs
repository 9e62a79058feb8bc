//! What goes wrong with a child.

use std::{fmt, io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

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

/// What an end without words often means.
fn hint(status: Option<ExitStatus>) -> &'static str {
    let Some(status) = status else { return "" };
    match (status.signal(), status.code()) {
        (Some(libc::SIGKILL), _) => {
            "; something killed it, such as the kernel when memory is short: fewer workers (--concurrency) need less"
        }
        // What shells answer.
        (_, Some(127)) => "; a shell ends so when it does not find a command",
        (_, Some(126)) => "; a shell ends so when it may not execute a command",
        (_, Some(137)) => {
            "; what it had started was killed, such as by the kernel when memory is short: fewer workers (--concurrency) need \
             less"
        }
        _ => "",
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => {
                write!(f, "the command could not be started: {error}")?;
                f.write_str(match error.kind() {
                    io::ErrorKind::NotFound => "; check its path, and PATH where it has none (exec.command)",
                    io::ErrorKind::PermissionDenied => "; it has to be a file that may be executed (exec.command)",
                    _ => "",
                })
            }
            Self::Ended { status, said } => {
                match status {
                    Some(status) => write!(f, "the command ended ({status})")?,
                    None => f.write_str("the command closed its pipes and was ended")?,
                }
                if !said.is_empty() {
                    write!(f, ", last saying: {said}")?;
                }
                f.write_str(hint(*status))
            }
            Self::Hangs(time) => {
                write!(f, "the command acknowledged nothing for {time:?} (exec.timeout) and was ended")
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_without_words_gets_a_hint() {
        let said =
            |raw: i32| Trouble::Ended { status: Some(ExitStatus::from_raw(raw)), said: String::new() }.to_string();
        assert!(said(libc::SIGKILL).contains("memory is short"), "{}", said(libc::SIGKILL));
        assert!(said(127 << 8).contains("does not find a command") && said(137 << 8).contains("--concurrency"));
        assert_eq!(said(1 << 8), "the command ended (exit status: 1)");
        let start = Trouble::Start(io::ErrorKind::NotFound.into()).to_string();
        assert!(start.contains("exec.command"), "{start}");
    }
}
