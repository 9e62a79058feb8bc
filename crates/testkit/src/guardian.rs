//! Cleans up servers that must not outlive the tests.
//!
//! Statics are not dropped and a test binary can be killed, so neither `Drop` nor an exit hook is enough. A guardian is
//! a child process that reads from a pipe. Only this process holds the other end, so the pipe is closed when this
//! process ends, even if it is killed. Then the guardian runs its command.

use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use super::{timeouts::OPERATION_TIMEOUT, wait};

/// Bound of the clean-up after a guardian was dropped.
const CLEANUP_TIMEOUT: Duration = OPERATION_TIMEOUT;

/// A child process that runs a command when this value is dropped or this process ends.
pub struct Guardian {
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl Guardian {
    /// A guardian that runs `command` (program and arguments) at the end.
    pub fn that_runs(command: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "cat >/dev/null; exec \"$@\"", "sh"]).args(command);
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        Self::watching(&mut shell).expect("sh starts")
    }

    /// Starts a `command` that cleans up by itself when its standard input ends.
    pub fn watching(command: &mut Command) -> std::io::Result<Self> {
        // A separate process group: Ctrl-C in a terminal must reach the tests and not their guardian.
        let mut child = command.stdin(Stdio::piped()).process_group(0).spawn()?;
        let lifeline = child.stdin.take();
        Ok(Self { child, lifeline })
    }

    /// The child process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let ended = wait::try_until(CLEANUP_TIMEOUT, || self.child.try_wait().ok().flatten());
        // A panic during a panic would hide the first one.
        let finished_or_panicking = ended.is_some() || std::thread::panicking();
        assert!(
            finished_or_panicking,
            "a guardian (pid {}) did not finish within {CLEANUP_TIMEOUT:?}",
            self.child.id()
        );
    }
}
