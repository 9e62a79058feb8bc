//! Ends what must not outlive the tests.
//!
//! Statics are not dropped and a test binary can be killed, so neither `Drop` nor an exit hook is enough. A guardian
//! is a child process that reads a pipe whose other end only this process holds: the pipe ends when this process
//! does, however it ends, and then the guardian runs its command.

use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use super::wait;

/// How long a dropped guardian may take to do its work.
const WORK: Duration = Duration::from_secs(60);

/// A child process that acts once this value is dropped or this process has ended.
pub struct Guardian {
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl Guardian {
    /// Runs `command` (program and arguments) at the end.
    pub fn that_runs(command: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "cat >/dev/null; exec \"$@\"", "sh"]).args(command);
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        Self::watching(&mut shell).expect("sh starts")
    }

    /// Starts a `command` that does its own cleaning up when its standard input ends.
    pub fn watching(command: &mut Command) -> std::io::Result<Self> {
        // A process group of its own: Ctrl-C in a terminal must reach the tests and not their guardian.
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
        let ended = wait::try_until(WORK, || self.child.try_wait().ok().flatten());
        // A second panic while the first is on its way would hide the first.
        let excused = ended.is_some() || std::thread::panicking();
        assert!(excused, "a guardian (pid {}) did not finish within {WORK:?}", self.child.id());
    }
}
