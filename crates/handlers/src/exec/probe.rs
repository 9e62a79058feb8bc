//! Tests a command without records: with empty input it must exit by itself, successfully and without output.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{child::Child, command::Command, stderr_log::StderrLog, trouble::ChildError};

/// How long the probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the command with empty input.
///
/// # Errors
/// What is wrong with the command itself, independent of records.
pub(super) fn probe(command: &Command, stderr_log: &StderrLog) -> Result<(), ChildError> {
    let mut child = Child::start(command, stderr_log.clone()).map_err(ChildError::Start)?;
    child.close_stdin();
    let begun = Instant::now();
    while !child.stdout_closed() && begun.elapsed() < PROBE_TIMEOUT {
        child.exchange(Duration::from_millis(100)).map_err(ChildError::Pipe)?;
        if let Some(line) = child.line() {
            return Err(match line {
                Ok(line) => ChildError::invalid_line(line, "it had no records", &stderr_log.redactor),
                Err(_) => ChildError::LineTooLong,
            });
        }
        if child.has_exited() {
            break;
        }
    }
    while !child.has_exited() && begun.elapsed() < PROBE_TIMEOUT {
        thread::sleep(Duration::from_millis(5));
    }
    match child.reap() {
        // If the probe timed out, the command may still work once it gets records.
        status if status.is_none_or(|status| status.success()) => Ok(()),
        status => Err(ChildError::Exited { status, last_line: child.last_line() }),
    }
}
