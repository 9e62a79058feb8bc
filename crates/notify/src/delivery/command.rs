//! Runs a program with a notice on its standard input.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::{DeliveryError, excerpt};

/// The interval of checks for the exit of the program.
const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The maximum bytes kept of the standard error of the program.
const MAX_STDERR_BYTES: u64 = 4 << 10;

/// How long to wait for the end of standard error, which another process may keep open.
const STDERR_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs one program again and again.
#[derive(Debug)]
pub(crate) struct CommandRunner {
    program: PathBuf,
    arguments: Vec<String>,
    timeout: Duration,
}

/// A program that runs. Dropping it kills the program and everything in its process group.
struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // Fails if nothing of the group is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
        // The killed process must be waited for; it has ended, or ends at once.
        let _ = self.child.wait();
    }
}

impl CommandRunner {
    pub(crate) fn new(program: PathBuf, arguments: Vec<String>, timeout: Duration) -> Self {
        Self { program, arguments, timeout }
    }

    /// Runs the program with `input` on its standard input, and waits for its end.
    ///
    /// # Errors
    /// It cannot be started, is not done in time, or ends with another exit code than 0. A program that does not read
    /// its input has not failed.
    pub(crate) fn run(&self, input: &[u8]) -> Result<(), DeliveryError> {
        let failed = |text: String, is_final| DeliveryError { text, is_final };
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn().map_err(|error| {
            let is_final = error.kind() == io::ErrorKind::NotFound || error.kind() == io::ErrorKind::PermissionDenied;
            failed(format!("cannot start {}: {error}", self.program.display()), is_final)
        })?;
        let stdin = child.stdin.take();
        let stderr = collect(child.stderr.take());
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let mut running = Running { child, group };
        if let Some(mut stdin) = stdin {
            let input = input.to_vec();
            // Writing may block for as long as the program reads nothing. It ends when the program is killed.
            thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let status = wait(&mut running.child, self.timeout).map_err(|error| failed(error.to_string(), false))?;
        let Some(status) = status else {
            return Err(failed(format!("not done within {:?}, and killed", self.timeout), false));
        };
        // What the program leaves running is ended, so that its standard error is closed.
        drop(running);
        if status.success() {
            return Ok(());
        }
        let text = excerpt(&String::from_utf8_lossy(&stderr.recv_timeout(STDERR_TIMEOUT).unwrap_or_default()));
        let separator = if text.is_empty() { "" } else { ": " };
        Err(failed(format!("{status}{separator}{text}"), false))
    }
}

/// Waits for the end of a program; `None` if the time is over first.
fn wait(child: &mut Child, timeout: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= timeout {
            return Ok(None);
        }
        thread::sleep(EXIT_POLL_INTERVAL);
    }
}

/// Reads the beginning of standard error, and drops the rest.
fn collect(stderr: Option<ChildStderr>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stderr) = stderr {
            // What was read before an error is still useful.
            let _ = (&mut stderr).take(MAX_STDERR_BYTES).read_to_end(&mut text);
            let _ = io::copy(&mut stderr, &mut io::sink());
        }
        // Fails if the text is not needed.
        let _ = sender.send(text);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Duration) -> CommandRunner {
        CommandRunner::new("/bin/sh".into(), vec!["-c".into(), script.into()], timeout)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_program_reads_the_notice() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seen");
        let input = vec![b'x'; 300_000];
        shell(&format!("cat > '{}'", file.display()), LONG).run(&input).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), input);
    }

    #[test]
    fn a_program_that_does_not_read_has_not_failed() {
        assert_eq!(shell("exit 0", LONG).run(&vec![b'x'; 300_000]), Ok(()));
    }

    #[test]
    fn a_failure_has_exit_code_and_standard_error() {
        let error = shell("echo 'no \u{1b}route' >&2; exit 3", LONG).run(b"{}").unwrap_err();
        assert_eq!((error.text.as_str(), error.is_final), ("exit status: 3: no \\u{1b}route", false));
        let missing = CommandRunner::new("/no/such/program".into(), Vec::new(), LONG).run(b"{}").unwrap_err();
        assert!(missing.is_final && missing.text.starts_with("cannot start /no/such/program"), "{missing:?}");
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 1000 & echo $! > '{}'; wait", file.display());
        let error = shell(&script, Duration::from_secs(2)).run(b"{}").unwrap_err();
        assert!(error.text.contains("not done within 2s"), "{error:?}");
        let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        // A killed process may remain as a zombie until it is reaped; it does not run any more.
        let has_ended = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            (status.is_empty() || status.contains("State:\tZ")).then_some(())
        };
        kreplay_testkit::wait::until("end of the child", LONG, has_ended);
    }
}
