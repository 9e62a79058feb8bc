//! A broker in a container, started by testcontainers. The image is `apache/kafka`, or the stand-in with that name that
//! `scripts/docker-kafka.sh` makes on machines that cannot pull images.

use std::time::Duration;

use rand::RngExt as _;
use testcontainers::core::{IntoContainerPort as _, WaitFor};
use testcontainers::runners::SyncRunner as _;
use testcontainers::{Container, GenericImage, ImageExt as _};

use super::guardian::Guardian;
use super::jvm::{JVM_OPTIONS, JVM_OPTIONS_VARIABLE};
use super::process::{Finished, Program};
use super::timeouts::OPERATION_TIMEOUT;
use super::tool_limits::with_longer_limits;

const IMAGE: &str = "apache/kafka";
pub const TAG: &str = "4.3.1";
const START_TIMEOUT: Duration = OPERATION_TIMEOUT;
const PULL_TIMEOUT: Duration = Duration::from_secs(300);

/// The label that says which process started a container: `host/pid/start of the process`.
pub const OWNER_LABEL: &str = "kreplay.test.owner";

/// The broker's address for Kafka's tools inside its container.
pub const INTERNAL_ADDRESS: &str = "localhost:9094";

/// A broker in a container. The container is removed when this value is dropped or this process ends.
pub struct ContainerServer {
    container: Container<GenericImage>,
    _guardian: Guardian,
    bootstrap: String,
}

/// What is missing to start a container. `None` if an engine answers and has the image or could pull it now.
pub fn missing() -> Option<String> {
    if Program::named("sh").args(["-c", "command -v docker"]).run().code() != Some(0) {
        return Some("docker not found".to_owned());
    }
    let version = docker(&["version", "--format", "{{.Server.Version}}"], OPERATION_TIMEOUT);
    if version.code() != Some(0) {
        return Some("no Docker engine answers".to_owned());
    }
    let image = format!("{IMAGE}:{TAG}");
    if docker(&["image", "inspect", &image], OPERATION_TIMEOUT).code() == Some(0) {
        return None;
    }
    let seconds = PULL_TIMEOUT.as_secs().to_string();
    let pull =
        Program::named("timeout").args([&seconds, "docker", "pull", "--quiet", &image]).timeout(PULL_TIMEOUT * 2).run();
    (pull.code() != Some(0)).then(|| {
        let reason = pull.stderr.lines().last().unwrap_or("timed out").to_owned();
        format!("the image {image} cannot be pulled ({reason}); scripts/docker-kafka.sh makes a stand-in")
    })
}

impl ContainerServer {
    /// Starts one on a free port of this machine, with an empty log.
    pub fn start(settings: &[(&str, &str)]) -> Result<Self, String> {
        remove_leftovers();
        let mut failure = String::new();
        // Another process may take the port after it was chosen: then try another one.
        for _ in 0..3 {
            match Self::start_at(free_port(), settings) {
                Ok(server) => return Ok(server),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// The advertised address is part of the broker's configuration, so the host's port must be known before the
    /// container starts. It stays the same through a stop and a start.
    fn start_at(port: u16, settings: &[(&str, &str)]) -> Result<Self, String> {
        let bootstrap = format!("127.0.0.1:{port}");
        let addresses = [
            ("KAFKA_NODE_ID", "1".to_owned()),
            ("KAFKA_PROCESS_ROLES", "broker,controller".to_owned()),
            ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093".to_owned()),
            ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER".to_owned()),
            ("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093,INTERNAL://:9094".to_owned()),
            ("KAFKA_ADVERTISED_LISTENERS", format!("PLAINTEXT://{bootstrap},INTERNAL://{INTERNAL_ADDRESS}")),
            ("KAFKA_INTER_BROKER_LISTENER_NAME", "INTERNAL".to_owned()),
            (
                "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT".to_owned(),
            ),
        ];
        let mut request = GenericImage::new(IMAGE, TAG)
            .with_wait_for(WaitFor::message_on_stdout("Kafka Server started"))
            .with_mapped_port(port, 9092.tcp())
            .with_startup_timeout(START_TIMEOUT)
            .with_label(OWNER_LABEL, owner())
            .with_host_config_modifier(|config| {
                for binding in config.port_bindings.iter_mut().flat_map(|all| all.values_mut()).flatten().flatten() {
                    binding.host_ip = Some("127.0.0.1".to_owned());
                }
            });
        request = request.with_env_var(JVM_OPTIONS_VARIABLE, JVM_OPTIONS);
        for (name, value) in addresses {
            request = request.with_env_var(name, value);
        }
        for (name, value) in test_settings() {
            request = request.with_env_var(name, value);
        }
        for (name, value) in settings {
            request = request.with_env_var(variable(name), *value);
        }
        let container = request.start().map_err(|error| error.to_string())?;
        let guardian = Guardian::that_runs(&["docker", "rm", "--force", "--volumes", container.id()]);
        Ok(Self { container, _guardian: guardian, bootstrap })
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Stops the broker and keeps its log. `crash` kills it.
    pub fn stop(&self, crash: bool) {
        let verb: &[&str] = if crash { &["kill"] } else { &["stop", "--time", "30"] };
        docker(&[verb, &[self.container.id()]].concat(), OPERATION_TIMEOUT).expect_success();
    }

    /// Starts it again at the same address.
    pub fn restart(&self) {
        docker(&["start", self.container.id()], OPERATION_TIMEOUT).expect_success();
    }

    /// Runs one of Kafka's own tools in the container.
    pub fn tool(&self, class: &str, args: &[&str], input: &[u8]) -> Finished {
        let run = ["exec", "--interactive", self.container.id(), "/opt/kafka/bin/kafka-run-class.sh", class];
        Program::named("docker").args(run).args(with_longer_limits(class, args)).input(input).run()
    }
}

pub fn docker(args: &[&str], timeout: Duration) -> Finished {
    Program::named("docker").args(args).timeout(timeout).run()
}

/// The settings of all test brokers as the image expects them: `a.b` is `KAFKA_A_B`.
fn test_settings() -> impl Iterator<Item = (String, &'static str)> {
    include_str!("../../../scripts/kafka/test-broker.properties")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (variable(name), value))
}

fn variable(setting: &str) -> String {
    // The image turns `_` into a dot and `___` into a hyphen.
    format!("KAFKA_{}", setting.replace('-', "___").replace('.', "_").to_uppercase())
}

/// A free port below the range that systems use for outgoing connections.
pub fn free_port() -> u16 {
    loop {
        let port = rand::rng().random_range(10_000..30_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The value of [`OWNER_LABEL`] for this process.
pub fn owner() -> String {
    let pid = std::process::id();
    format!("{}/{pid}/{}", host(), started(pid).unwrap_or_default())
}

fn host() -> String {
    Program::named("uname").args(["-n"]).run().stdout.trim().to_owned()
}

/// Distinguishes a process from a later one with the same pid; `None` if there is no such process. On Linux it is the
/// start in clock ticks since boot, field 22 of `/proc/PID/stat`. That is exact; the time that `ps` shows may differ by
/// a second between two calls. On other systems only the pid is compared.
fn started(pid: u32) -> Option<String> {
    if std::path::Path::new("/proc/self/stat").exists() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses and may contain blanks. The third follows the last one.
        let (_, rest) = stat.rsplit_once(')')?;
        return rest.split_whitespace().nth(19).map(str::to_owned);
    }
    let found = Program::named("ps").args(["-o", "pid=", "-p", &pid.to_string()]).run();
    found.status.success().then(|| "running".to_owned())
}

/// Removes containers of test processes that ended before they started a guardian.
fn remove_leftovers() {
    let ours = format!("label={OWNER_LABEL}");
    let list = docker(
        &[
            "ps",
            "--all",
            "--filter",
            "label=org.testcontainers.managed-by=testcontainers",
            "--filter",
            &ours,
            "--format",
            &format!("{{{{.ID}}}} {{{{.Label \"{OWNER_LABEL}\"}}}}"),
        ],
        OPERATION_TIMEOUT,
    );
    let host = host();
    for (id, owner) in list.stdout.lines().filter_map(|line| line.split_once(' ')) {
        let mut parts = owner.splitn(3, '/');
        let (on, pid, start) = (parts.next(), parts.next().and_then(|pid| pid.parse().ok()), parts.next());
        let Some(pid) = pid else { continue };
        // Another machine may use the same engine. Its processes cannot be checked from here.
        if on == Some(host.as_str()) && started(pid).as_deref() != start {
            docker(&["rm", "--force", "--volumes", id], OPERATION_TIMEOUT);
        }
    }
}
