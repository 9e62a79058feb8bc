//! A child process: its pipes, and how it ends.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::fd::AsFd,
    process::{self, ChildStdin, ChildStdout, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::{Pid, Signal, kill_process_group},
};

use super::{
    command::Command,
    lines::{LineTooLong, Lines},
    stderr_log::{StderrLog, StderrReader},
};

/// The maximum of unwritten input: enough to keep a child busy.
const MAX_PENDING_BYTES: usize = 64 * 1024;
/// The maximum length of an answer line.
pub(super) const MAX_ANSWER_LINE_BYTES: usize = 64 * 1024;
/// The interval of checks for a process's exit.
const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How long a process may take to exit after SIGTERM before it is killed.
const TERM_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait for a killed process. It exits at once unless the kernel blocks it.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// A child process with its three pipes. Dropping it kills the process and everything in its process group.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    group: Option<Pid>,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    pending: Vec<u8>,
    written: usize,
    lines: Lines,
    stderr: StderrReader,
    status: Option<ExitStatus>,
}

impl Child {
    /// Starts a process. Its standard error goes to `log`.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn start(command: &Command, log: StderrLog) -> io::Result<Self> {
        let mut process =
            command.process().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let group = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let stderr = StderrReader::start(process.stderr.take(), log);
        let child = Self {
            process,
            group,
            stdin,
            stdout,
            pending: Vec::new(),
            written: 0,
            lines: Lines::new(MAX_ANSWER_LINE_BYTES),
            stderr,
            status: None,
        };
        // From here on an error drops `child`, which kills the process.
        child.stdin.as_ref().map(set_nonblocking).transpose()?;
        child.stdout.as_ref().map(set_nonblocking).transpose()?;
        Ok(child)
    }

    /// Whether another line may be appended to its input.
    pub(super) fn has_room(&self) -> bool {
        self.pending.len() < MAX_PENDING_BYTES
    }

    /// The input that is not written yet; lines for the child are appended to it.
    pub(super) fn pending(&mut self) -> &mut Vec<u8> {
        &mut self.pending
    }

    /// Writes and reads without blocking. If nothing is possible, waits up to `timeout` for a pipe to become ready and
    /// tries again. Returns `true` if it read something or made room for more input.
    ///
    /// # Errors
    /// A pipe failed in another way than by being closed.
    pub(super) fn exchange(&mut self, timeout: Duration) -> io::Result<bool> {
        let full = !self.has_room();
        self.write()?;
        // If the buffer was full and all of it was written, more input may be added.
        if self.read()? || (full && self.has_room()) {
            return Ok(true);
        }
        let (stdin, stdout) = (self.stdin.as_ref().filter(|_| !self.pending.is_empty()), self.stdout.as_ref());
        let mut pipes = Vec::with_capacity(2);
        pipes.extend(stdin.map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        pipes.extend(stdout.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match poll(&mut pipes, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        drop(pipes);
        self.write()?;
        self.read()
    }

    /// Writes as much as possible without blocking.
    fn write(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.stdin else { return Ok(()) };
        if self.pending.is_empty() {
            return Ok(());
        }
        match pipe.write(&self.pending[self.written..]) {
            Ok(count) => {
                self.written += count;
                if self.written == self.pending.len() {
                    self.pending.clear();
                    // One huge record must not hold its memory for the rest of the run.
                    self.pending.shrink_to(2 * MAX_PENDING_BYTES);
                    self.written = 0;
                }
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            // The child no longer reads; its answers are still read.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.stdin = None;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn read(&mut self) -> io::Result<bool> {
        let Some(pipe) = &mut self.stdout else { return Ok(false) };
        let mut bytes = [0; 16 * 1024];
        match pipe.read(&mut bytes) {
            Ok(0) => {
                self.stdout = None;
                Ok(false)
            }
            Ok(count) => {
                self.lines.push(&bytes[..count]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The next line of its standard output.
    ///
    /// # Errors
    /// The line is too long.
    pub(super) fn line(&mut self) -> Option<Result<&[u8], LineTooLong>> {
        self.lines.next()
    }

    /// Closes the child's standard input.
    pub(super) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Whether the child has closed its standard output.
    pub(super) fn stdout_closed(&self) -> bool {
        self.stdout.is_none()
    }

    /// Whether the child's standard input is closed.
    pub(super) fn stdin_closed(&self) -> bool {
        self.stdin.is_none()
    }

    /// Whether the process has exited.
    pub(super) fn has_exited(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.process.try_wait().ok().flatten();
        }
        self.status.is_some()
    }

    /// The last line of its standard error; empty if there was none.
    pub(super) fn last_line(&self) -> String {
        self.stderr.last_line()
    }

    /// Waits for the process to exit.
    fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        while !self.has_exited() && begun.elapsed() < timeout {
            thread::sleep(EXIT_POLL_INTERVAL);
        }
        self.status
    }

    /// Closes the pipes and waits up to `timeout` for the process to exit; then terminates it.
    pub(super) fn finish(mut self, timeout: Duration) -> ChildEnd {
        self.stdin = None;
        // Nothing reads its output any more, so it is closed and the child cannot block on it.
        self.stdout = None;
        if let Some(status) = self.wait(timeout) {
            self.stderr.finish();
            return ChildEnd::Exited(status);
        }
        self.signal(Signal::TERM);
        if self.wait(TERM_TIMEOUT).is_none() {
            self.kill();
        }
        ChildEnd::Terminated
    }

    /// Waits briefly for a child that has closed its output, then kills its process group. Returns the exit status if
    /// the child exited by itself.
    pub(super) fn reap(&mut self) -> Option<ExitStatus> {
        let status = self.wait(TERM_TIMEOUT);
        self.kill();
        status
    }

    /// Kills the process and everything in its process group.
    pub(super) fn kill(&mut self) {
        // The process group may outlive its leader.
        self.signal(Signal::KILL);
        self.wait(KILL_TIMEOUT);
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(group) = self.group {
            // An error means that the group no longer exists.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChildEnd {
    /// It exited by itself.
    Exited(ExitStatus),
    /// It had to be terminated.
    Terminated,
}

fn set_nonblocking(pipe: &impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(pipe)?;
    fcntl_setfl(pipe, flags | OFlags::NONBLOCK)?;
    Ok(())
}
