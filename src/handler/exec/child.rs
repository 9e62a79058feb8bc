//! A child process: its pipes, and its end.

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
    lines::{Lines, TooLong},
    voice::{Listener, Voice},
};

/// So much may wait to be written: enough to keep a child busy.
const WAITING: usize = 64 * 1024;
/// The longest line of an answer.
pub(super) const LONGEST_LINE: usize = 64 * 1024;
/// Between two looks at whether a process has ended.
const LOOK: Duration = Duration::from_millis(5);
/// After this a process that was told to end is killed.
const TERMINATION: Duration = Duration::from_secs(1);
/// A killed process is gone at once, unless the kernel holds it.
const KILLED: Duration = Duration::from_secs(5);

/// A child process with all three of its pipes. Dropping it kills it, with all that it has started in its group.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    group: Option<Pid>,
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    waiting: Vec<u8>,
    written: usize,
    lines: Lines,
    listener: Listener,
    status: Option<ExitStatus>,
}

impl Child {
    /// Starts a process. What it writes to its standard error goes to the voice.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn start(command: &Command, voice: Voice) -> io::Result<Self> {
        let mut process =
            command.process().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let group = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let listener = Listener::start(process.stderr.take(), voice);
        let child = Self {
            process,
            group,
            input,
            output,
            waiting: Vec::new(),
            written: 0,
            lines: Lines::new(LONGEST_LINE),
            listener,
            status: None,
        };
        // From here on an error drops the child, which ends it.
        child.input.as_ref().map(do_not_block).transpose()?;
        child.output.as_ref().map(do_not_block).transpose()?;
        Ok(child)
    }

    /// Whether another line may be given to it.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING
    }

    /// Where lines are appended that it is to get.
    pub(super) fn waiting(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// Writes and reads what goes at once, and where nothing goes, waits for that, but no longer than `patience`. Answers
    /// whether it read anything.
    ///
    /// # Errors
    /// A pipe is broken in another way than by its end.
    pub(super) fn turn(&mut self, patience: Duration) -> io::Result<bool> {
        let full = !self.has_room();
        self.write()?;
        // Where there was no room for more and all of it went, there may be more.
        if self.read()? || (full && self.has_room()) {
            return Ok(true);
        }
        let (input, output) = (self.input.as_ref().filter(|_| !self.waiting.is_empty()), self.output.as_ref());
        let mut pipes = Vec::with_capacity(2);
        pipes.extend(input.map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        pipes.extend(output.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let patience = Timespec::try_from(patience).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match poll(&mut pipes, Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        drop(pipes);
        self.write()?;
        self.read()
    }

    /// Writes what goes without waiting.
    fn write(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.input else { return Ok(()) };
        if self.waiting.is_empty() {
            return Ok(());
        }
        match pipe.write(&self.waiting[self.written..]) {
            Ok(count) => {
                self.written += count;
                if self.written == self.waiting.len() {
                    self.waiting.clear();
                    // One huge record must not hold its memory for the rest of the run.
                    self.waiting.shrink_to(2 * WAITING);
                    self.written = 0;
                }
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            // It reads no more; what it still says is heard.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.input = None;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn read(&mut self) -> io::Result<bool> {
        let Some(pipe) = &mut self.output else { return Ok(false) };
        let mut bytes = [0; 16 * 1024];
        match pipe.read(&mut bytes) {
            Ok(0) => {
                self.output = None;
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

    /// The next line that it wrote.
    ///
    /// # Errors
    /// The line is too long.
    pub(super) fn line(&mut self) -> Option<Result<&[u8], TooLong>> {
        self.lines.next()
    }

    /// Its input ends.
    pub(super) fn end_input(&mut self) {
        self.input = None;
    }

    /// Whether it will write no more.
    pub(super) fn is_silent(&self) -> bool {
        self.output.is_none()
    }

    /// Whether it reads no more.
    pub(super) fn is_deaf(&self) -> bool {
        self.input.is_none()
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.process.try_wait().ok().flatten();
        }
        self.status.is_some()
    }

    /// The last that it said on its standard error; empty where it said nothing.
    pub(super) fn last_words(&self) -> String {
        self.listener.last_words()
    }

    /// Waits for its end.
    fn wait(&mut self, longest: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        while !self.has_ended() && begun.elapsed() < longest {
            thread::sleep(LOOK);
        }
        self.status
    }

    /// Lets it come to its end by itself, since its input has ended, and ends it where it does not.
    pub(super) fn finish(mut self, patience: Duration) -> Ending {
        self.input = None;
        // What it still writes must not hold it up; nobody waits for it any more.
        self.output = None;
        if let Some(status) = self.wait(patience) {
            return Ending::Itself(status);
        }
        self.signal(Signal::TERM);
        if self.wait(TERMINATION).is_none() {
            self.kill();
        }
        Ending::Forced
    }

    /// Waits a moment for a child that has closed its output, and kills it if it goes on; answers how it ended by itself.
    pub(super) fn collect(&mut self) -> Option<ExitStatus> {
        let status = self.wait(TERMINATION);
        self.kill();
        status
    }

    /// Kills it with all that it has started in its group.
    pub(super) fn kill(&mut self) {
        // The group may outlive its leader.
        self.signal(Signal::KILL);
        self.wait(KILLED);
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(group) = self.group {
            // Where it is gone there is nothing to tell.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a child came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// By itself.
    Itself(ExitStatus),
    /// It had to be ended.
    Forced,
}

fn do_not_block(pipe: &impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(pipe)?;
    fcntl_setfl(pipe, flags | OFlags::NONBLOCK)?;
    Ok(())
}
