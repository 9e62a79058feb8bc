//! The kind of broker that the tests start: a container if possible, otherwise a plain process.

use crate::build::target_dir;
use std::io::Write as _;
use std::path::Path;

use super::container::{self, ContainerServer};
use super::local::{self, LocalServer};
use super::process::Finished;

/// A broker that the tests start and stop.
pub enum Server {
    Container(Box<ContainerServer>),
    Local(LocalServer),
}

impl Server {
    /// Starts the first kind that works on this machine, with settings that override those of all test brokers.
    /// `KREPLAY_TEST_BROKER=container` or `=local` allows only that kind.
    ///
    /// # Errors
    /// If none works. The message says what to install.
    pub fn start_with(settings: &[(&str, &str)]) -> Result<Self, String> {
        let only = std::env::var("KREPLAY_TEST_BROKER").unwrap_or_default();
        if !["", "container", "local"].contains(&only.as_str()) {
            return Err(format!("KREPLAY_TEST_BROKER must be `container` or `local`, not `{only}`"));
        }
        let mut reasons = Vec::new();
        if only != "local" {
            match container::missing().map_or_else(|| ContainerServer::start(settings), Err) {
                Ok(server) => return Ok(Self::announced(Self::Container(Box::new(server)))),
                Err(reason) => reasons.push(format!("containers: {reason}")),
            }
            report(&format!("test broker: no container ({})", reasons[0]));
        }
        if only != "container" {
            match local::missing().map_or_else(|| LocalServer::start(settings), Err) {
                Ok(server) => return Ok(Self::announced(Self::Local(server))),
                Err(reason) => reasons.push(format!("a local process: {reason}")),
            }
        }
        Err(format!(
            "These tests need a Kafka broker: start a Docker engine, or install a JDK and Maven (on Debian: apt-get \
             install default-jdk-headless maven), or name a broker in KREPLAY_TEST_BOOTSTRAP ({}).",
            reasons.join("; ")
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

    /// Stops the broker and keeps its log. `crash` kills it.
    pub fn stop(&self, crash: bool) {
        match self {
            Self::Container(server) => server.stop(crash),
            Self::Local(server) => server.stop(crash),
        }
    }

    /// Starts it again at the same address. Does not wait until it answers.
    pub fn restart(&self) {
        match self {
            Self::Container(server) => server.restart(),
            Self::Local(server) => server.restart(),
        }
    }

    /// The broker's address for [`Server::tool`].
    pub fn tool_bootstrap(&self) -> &str {
        match self {
            Self::Container(_) => container::INTERNAL_ADDRESS,
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

/// Reports which broker was chosen: on standard error, and in a file next to the build output. It writes to standard
/// error directly, because the test harness captures the output of the print macros.
pub fn report(line: &str) {
    let test = std::env::current_exe().ok();
    let test = test.as_deref().and_then(Path::file_name).unwrap_or_default().display().to_string();
    drop(writeln!(std::io::stderr(), "{line}"));
    let record = target_dir().join("kreplay-test-broker.txt");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(record);
    drop(file.and_then(|mut file| writeln!(file, "{test}: {line}")));
}
