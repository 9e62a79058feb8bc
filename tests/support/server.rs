//! Which kind of broker the tests run: a container where that works, otherwise a plain process.

use std::io::Write as _;
use std::path::Path;

use super::container::{self, ContainerServer};
use super::local::{self, LocalServer};
use super::process::Finished;

/// The variable of Kafka's own scripts for the options of a JVM.
pub const JVM_OPTIONS_VARIABLE: &str = "KAFKA_JVM_PERFORMANCE_OPTS";

/// A test's broker lives for seconds or minutes: the JVM's second compiler took a third of the processor time of the broker that
/// all tests share, and most of that of the others.
pub const JVM_OPTIONS: &str = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1";

/// A broker that the tests started and end.
pub enum Server {
    Container(Box<ContainerServer>),
    Local(LocalServer),
}

impl Server {
    /// Starts the first kind that works here, with settings that win over those of all test brokers. `KREPLAY_TEST_BROKER=container`
    /// or `=local` allows only that kind.
    ///
    /// # Errors
    /// One sentence that says what to install.
    pub fn start_with(settings: &[(&str, &str)]) -> Result<Self, String> {
        let only = std::env::var("KREPLAY_TEST_BROKER").unwrap_or_default();
        if !["", "container", "local"].contains(&only.as_str()) {
            return Err(format!("KREPLAY_TEST_BROKER is `container` or `local`, not `{only}`"));
        }
        let mut refused = Vec::new();
        if only != "local" {
            match container::missing().map_or_else(|| ContainerServer::start(settings), Err) {
                Ok(server) => return Ok(Self::announced(Self::Container(Box::new(server)))),
                Err(reason) => refused.push(format!("containers: {reason}")),
            }
            report(&format!("test broker: no container ({})", refused[0]));
        }
        if only != "container" {
            match local::missing().map_or_else(|| LocalServer::start(settings), Err) {
                Ok(server) => return Ok(Self::announced(Self::Local(server))),
                Err(reason) => refused.push(format!("a local process: {reason}")),
            }
        }
        Err(format!(
            "These tests need a Kafka broker: start a Docker engine, or install a JDK and Maven (on Debian: apt-get \
             install default-jdk-headless maven), or name a broker in KREPLAY_TEST_BOOTSTRAP ({}).",
            refused.join("; ")
        ))
    }

    fn announced(self) -> Self {
        let kind = match &self {
            Self::Container(_) => "testcontainers, apache/kafka",
            Self::Local(_) => "scripts/kafka-local.sh, Kafka's jars from Maven",
        };
        report(&format!("test broker: {} ({kind})", self.bootstrap()));
        self
    }

    pub fn bootstrap(&self) -> &str {
        match self {
            Self::Container(server) => server.bootstrap(),
            Self::Local(server) => server.bootstrap(),
        }
    }

    /// Stops the broker and keeps its log; `crash` kills it.
    pub fn stop(&self, crash: bool) {
        match self {
            Self::Container(server) => server.stop(crash),
            Self::Local(server) => server.stop(crash),
        }
    }

    /// Starts it again at the same address. It may need a moment before it answers.
    pub fn restart(&self) {
        match self {
            Self::Container(server) => server.restart(),
            Self::Local(server) => server.restart(),
        }
    }

    /// The address to give to [`Server::tool`].
    pub fn tool_bootstrap(&self) -> &str {
        match self {
            Self::Container(_) => container::INSIDE,
            Self::Local(server) => server.bootstrap(),
        }
    }

    /// Runs one of Kafka's own tools.
    pub fn tool(&self, class: &str, args: &[&str], input: &[u8]) -> Finished {
        match self {
            Self::Container(server) => server.tool(class, args, input),
            Self::Local(_) => local::tool(class, args, input),
        }
    }
}

/// Tells which broker was chosen: on standard error, past the capture of the test harness (which holds back only what
/// the print macros write), and in a file next to the build's output.
pub fn report(line: &str) {
    let test = std::env::current_exe().ok();
    let test = test.as_deref().and_then(Path::file_name).unwrap_or_default().display().to_string();
    drop(writeln!(std::io::stderr(), "{line}"));
    let record = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("kreplay-test-broker.txt");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(record);
    drop(file.and_then(|mut file| writeln!(file, "{test}: {line}")));
}
