//! Real processes with a timeout: `kreplay` itself, and other programs that the tests need.

use crate::build::{kreplay_binary, target_dir};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{timeouts::RUN_TIMEOUT, wait};

/// A program to run, with captured output. It may run for [`RUN_TIMEOUT`], unless [`Program::timeout`] sets another
/// bound.
pub struct Program {
    command: Command,
    input: Vec<u8>,
    timeout: Duration,
}

impl Program {
    /// Any program, found on `PATH`.
    pub fn named(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program), input: Vec::new(), timeout: RUN_TIMEOUT }
    }

    /// The `kreplay` binary of this build, shielded from the user's settings.
    pub fn kreplay() -> Self {
        let mut program = Self::named(kreplay_binary());
        for (name, value) in shielded_environment() {
            match value {
                Some(value) => program.command.env(name, value),
                None => program.command.env_remove(name),
            };
        }
        program
    }

    /// The same for a cluster that other tests keep busy: it waits for minutes for each answer.
    pub fn patient_kreplay() -> Self {
        Self::kreplay().env("KREPLAY_KAFKA_CONNECT_TIMEOUT", "5m")
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the folder in which it runs.
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.command.current_dir(dir.into());
        self
    }

    /// Sets its whole standard input.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Sets the time after which [`Program::run`] and [`Running::finish`] kill it and fail.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it cannot be started, or still runs after the timeout. Then it is killed, and the message has its output.
    pub fn run(self) -> Finished {
        self.spawn().finish()
    }

    /// Starts it and returns at once.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(mut self) -> Running {
        let name = self.command.get_program().display().to_string();
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let mut stdin = child.stdin.take().expect("standard input is piped");
        let input = std::mem::take(&mut self.input);
        // On a separate thread, because a child that does not read its input must not block the test. The child may end
        // early, so errors are ignored.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
        let stdout = Capture::of(child.stdout.take().expect("standard output is piped"));
        let stderr = Capture::of(child.stderr.take().expect("standard error is piped"));
        Running { name, child, stdout, stderr, timeout: self.timeout }
    }
}

/// Environment variables for a `kreplay` under test; `None` removes one. The user's `KREPLAY_*` variables and
/// configuration folders must not influence a test, and a test must not change the user's files.
pub fn shielded_environment() -> Vec<(String, Option<PathBuf>)> {
    let home = target_dir().join("tmp").join(format!("home-{}", std::process::id()));
    let folders = ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"];
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("KREPLAY_"))
        .map(|name| (name, None))
        .chain(folders.map(|name| (name.to_owned(), Some(home.join(name)))))
        .collect()
}

/// How a program ended, and its output. Bytes that are not UTF-8 are replaced.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The exit code; `None` if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Checks that the exit code is 0; returns itself.
    ///
    /// # Panics
    /// If it is not. The message has the output.
    pub fn expect_success(self) -> Self {
        assert!(self.status.success(), "{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr);
        self
    }
}

/// A running program. It is killed when this value is dropped.
pub struct Running {
    name: String,
    child: Child,
    stdout: Capture,
    stderr: Capture,
    timeout: Duration,
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until `found` returns true for its standard output and standard error so far.
    ///
    /// # Panics
    /// If that does not happen within `timeout` or before the program ends.
    pub fn wait_for(&mut self, what: &str, timeout: Duration, mut found: impl FnMut(&str, &str) -> bool) {
        let outcome = wait::try_until(timeout, || {
            let ended = self.child.try_wait().ok().flatten().is_some() && self.stdout.ended() && self.stderr.ended();
            if found(&self.stdout(), &self.stderr()) { Some(true) } else { ended.then_some(false) }
        });
        assert!(outcome == Some(true), "{}: no {what} (waited at most {timeout:?})\n{}", self.name, self.transcript());
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().ok().flatten().is_some()
    }

    /// Sends a signal by its name for `kill -s`: `TERM`, `INT`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        send_signal(self.id(), name);
    }

    /// Kills it (SIGKILL), as in a crash, and returns its output so far.
    pub fn kill(mut self) -> Finished {
        self.child.kill().expect("the process can be killed");
        self.finish()
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// If it still runs after the timeout of [`Program::timeout`]. Then it is killed, and the message has its output.
    pub fn finish(mut self) -> Finished {
        let Some(status) = wait::try_until(self.timeout, || self.child.try_wait().expect("the process can be asked"))
        else {
            drop(self.child.kill());
            panic!("{} still ran after {:?} and was killed\n{}", self.name, self.timeout, self.transcript());
        };
        // A grandchild may keep the pipes open. The program's own output has been read by then.
        wait::try_until(Duration::from_secs(5), || (self.stdout.ended() && self.stderr.ended()).then_some(()));
        Finished { status, stdout: self.stdout(), stderr: self.stderr() }
    }

    fn transcript(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let has_ended = self.ended();
        drop(self.child.kill());
        drop(self.child.wait());
        // Why a test fails is often in the output of another process than the one that it waited for.
        if std::thread::panicking() && !has_ended {
            eprintln!("{} was still running:\n{}", self.name, self.transcript());
        }
    }
}

/// Sends a signal by name to a process. It uses `kill`, because the system call would need unsafe code.
///
/// # Panics
/// If the process does not exist.
pub fn send_signal(pid: u32, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).status().expect("sh starts");
    assert!(status.success(), "signal {name} cannot be sent to process {pid}");
}

/// A stream that a thread reads all the time, so that the writer never blocks.
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Capture {
    fn of(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(count @ 1..) = stream.read(&mut chunk) {
                sink.lock().unwrap().extend_from_slice(&chunk[..count]);
            }
        });
        Self { bytes, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn ended(&self) -> bool {
        self.reader.is_finished()
    }
}
