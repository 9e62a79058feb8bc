//! A broker as a plain process, started by `scripts/kafka-local.sh`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::guardian::Guardian;
use super::jvm::{JVM_OPTIONS, JVM_OPTIONS_VARIABLE};
use super::process::{Finished, Program};
use super::tool_limits::with_longer_limits;

/// Bound of the start. The script has shorter timeouts; this one also covers the first download of the jars.
const START_TIMEOUT: Duration = Duration::from_secs(900);

/// A broker that stops when this value is dropped or this process ends.
pub struct LocalServer {
    /// The script. When this process ends, it stops the broker and removes the folder.
    _guardian: Guardian,
    dir: PathBuf,
    bootstrap: String,
}

/// The path of the script.
pub fn script() -> PathBuf {
    crate::build::repository("scripts/kafka-local.sh")
}

/// The programs that the script needs and that are missing; `None` if all are there.
pub fn missing() -> Option<String> {
    let absent: Vec<_> = ["bash", "java", "mvn"]
        .into_iter()
        .filter(|program| Command::new(program).arg("--version").output().is_err())
        .collect();
    (!absent.is_empty()).then(|| format!("{} not found", absent.join(", ")))
}

impl LocalServer {
    /// Starts one on a free port with an empty log.
    pub fn start(settings: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_node(settings, None)
    }

    /// Starts another broker of the cluster of `first`. Its number must be free; that of `first` is 1.
    pub fn start_beside(first: &Self, number: u32, settings: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_node(settings, Some((first, number)))
    }

    fn start_node(settings: &[(&str, &str)], beside: Option<(&Self, u32)>) -> Result<Self, String> {
        let dir = tempfile::Builder::new().prefix("kreplay-kafka-").tempdir().map_err(|error| error.to_string())?;
        let dir = dir.keep();
        let log = dir.with_extension("log");
        let log_file = std::fs::File::create(&log).map_err(|error| error.to_string())?;
        let mut command = Command::new(script());
        command
            .env(JVM_OPTIONS_VARIABLE, JVM_OPTIONS)
            .arg("hold")
            .arg("--dir")
            .arg(&dir)
            .stdout(Stdio::piped())
            .stderr(log_file);
        if let Some((first, number)) = beside {
            command.arg("--join").arg(&first.dir).arg("--node").arg(number.to_string());
        }
        for (name, value) in settings {
            command.arg("--set").arg(format!("{name}={value}"));
        }
        let mut guardian = Guardian::watching(&mut command).map_err(|error| error.to_string())?;
        let stdout = guardian.child().stdout.take().expect("standard output is piped");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(BufReader::new(stdout).lines().next()));
        let first_line = receiver.recv_timeout(START_TIMEOUT);
        let output = std::fs::read_to_string(&log).unwrap_or_default();
        drop(std::fs::remove_file(&log));
        match first_line {
            Ok(Some(Ok(bootstrap))) => Ok(Self { _guardian: guardian, dir, bootstrap }),
            _ => Err(output.lines().last().unwrap_or("scripts/kafka-local.sh gave no address in time").to_owned()),
        }
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The id of its process; `None` while it is stopped.
    pub fn process_id(&self) -> Option<u32> {
        std::fs::read_to_string(self.dir.join("pid")).ok()?.trim().parse().ok()
    }

    /// Stops the broker and keeps its log. `crash` kills it.
    pub fn stop(&self, crash: bool) {
        self.run(if crash { &["stop", "--kill"] } else { &["stop"] });
    }

    /// Starts it again at the same address.
    pub fn restart(&self) {
        self.run(&["start"]);
    }

    fn run(&self, args: &[&str]) {
        let script = Program::named(script()).env(JVM_OPTIONS_VARIABLE, JVM_OPTIONS);
        script.args(args).arg_dir(&self.dir).run().expect_success();
    }
}

impl Program {
    fn arg_dir(self, dir: &Path) -> Self {
        self.args(["--dir".as_ref(), dir.as_os_str()])
    }
}

/// Runs one of Kafka's own tools from the jars.
pub fn tool(class: &str, args: &[&str], input: &[u8]) -> Finished {
    assert!(missing().is_none(), "Kafka's own tools need a JDK and Maven: install default-jdk-headless and maven");
    Program::named(script()).args(["tool", class]).args(with_longer_limits(class, args)).input(input).run()
}
