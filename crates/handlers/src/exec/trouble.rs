//! Failures of a child process.

use std::{fmt, io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use kreplay_model::domain::Redactor;

use super::window::UnexpectedAck;
use crate::verdict::redacted_excerpt;

/// Why the child process must be replaced. Never contains a secret.
#[derive(Debug)]
pub(super) enum ChildError {
    /// It could not be started.
    Start(io::Error),
    /// It exited or closed a pipe, before it received records or while records were in flight.
    Exited {
        /// The exit status; `None` if it only closed a pipe.
        status: Option<ExitStatus>,
        /// The last line of its standard error.
        last_line: String,
    },
    /// It acknowledged nothing for this time.
    TimedOut(Duration),
    /// It wrote a line that is not an acknowledgement.
    InvalidLine {
        /// The line, escaped and truncated.
        line: String,
        /// Why it is invalid.
        reason: String,
    },
    /// It wrote a line longer than [`super::child::MAX_ANSWER_LINE_BYTES`].
    LineTooLong,
    /// It acknowledged a record that is not in flight.
    UnexpectedAck(UnexpectedAck),
    /// Its pipes failed.
    Pipe(io::Error),
}

impl ChildError {
    /// A line that is not an acknowledgement. The reason may quote it.
    pub(super) fn invalid_line(line: &[u8], reason: &str, redactor: &Redactor) -> Self {
        let excerpt = |text: &str| redacted_excerpt(text, redactor);
        Self::InvalidLine { line: excerpt(&String::from_utf8_lossy(line)), reason: excerpt(reason) }
    }

    /// Whether the child violated the protocol.
    pub(super) fn is_protocol_violation(&self) -> bool {
        matches!(self, Self::InvalidLine { .. } | Self::LineTooLong | Self::UnexpectedAck(_))
    }
}

/// A hint about what an exit status usually means.
fn hint(status: Option<ExitStatus>) -> &'static str {
    let Some(status) = status else { return "" };
    match (status.signal(), status.code()) {
        (Some(libc::SIGKILL), _) => {
            "; it was killed, for example by the kernel because memory ran out: use fewer workers (--concurrency)"
        }
        // Exit statuses of shells.
        (_, Some(127)) => "; a shell exits with this status if it cannot find a command",
        (_, Some(126)) => "; a shell exits with this status if it may not execute a command",
        (_, Some(137)) => {
            "; a process that it started was killed, for example by the kernel because memory ran out: use fewer \
             workers (--concurrency)"
        }
        _ => "",
    }
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => {
                write!(f, "the command could not be started: {error}")?;
                f.write_str(match error.kind() {
                    io::ErrorKind::NotFound => "; check the program's path, or PATH if it has none (exec.command)",
                    io::ErrorKind::PermissionDenied => "; it must be an executable file (exec.command)",
                    _ => "",
                })
            }
            Self::Exited { status, last_line } => {
                match status {
                    Some(status) => write!(f, "the command exited ({status})")?,
                    None => f.write_str("the command closed its pipes and was killed")?,
                }
                if !last_line.is_empty() {
                    write!(f, ", last stderr line: {last_line}")?;
                }
                f.write_str(hint(*status))
            }
            Self::TimedOut(time) => {
                write!(f, "the command acknowledged nothing for {time:?} (exec.timeout) and was killed")
            }
            Self::InvalidLine { line, reason } => write!(
                f,
                "the command wrote a line to its standard output that is not an acknowledgement ({reason}): {line}; \
                 write messages to standard error instead"
            ),
            Self::LineTooLong => write!(
                f,
                "the command wrote a line of more than {} KiB to its standard output, which is not an acknowledgement",
                super::child::MAX_ANSWER_LINE_BYTES / 1024
            ),
            Self::UnexpectedAck(error) => write!(f, "the command violated the protocol: {error}"),
            Self::Pipe(error) => write!(f, "the pipes to the command failed: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_exit_statuses_get_a_hint() {
        let last_line = |raw: i32| {
            ChildError::Exited { status: Some(ExitStatus::from_raw(raw)), last_line: String::new() }.to_string()
        };
        assert!(last_line(libc::SIGKILL).contains("memory ran out"), "{}", last_line(libc::SIGKILL));
        assert!(last_line(127 << 8).contains("cannot find a command") && last_line(137 << 8).contains("--concurrency"));
        assert_eq!(last_line(1 << 8), "the command exited (exit status: 1)");
        let start = ChildError::Start(io::ErrorKind::NotFound.into()).to_string();
        assert!(start.contains("exec.command"), "{start}");
    }
}
