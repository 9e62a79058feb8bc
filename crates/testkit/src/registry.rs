//! A real schema registry, started by `scripts/schema-registry-local.sh`.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use super::guardian::Guardian;
use super::server::report;
use super::timeouts::OPERATION_TIMEOUT;

/// Bound of the start. The script has shorter timeouts; this one also covers the first download.
const START_TIMEOUT: Duration = Duration::from_secs(600);
const REQUEST_TIMEOUT: Duration = OPERATION_TIMEOUT;

/// A schema registry that stops when this value is dropped or this process ends.
pub struct Registry {
    dir: tempfile::TempDir,
    port: Option<String>,
    address: String,
    /// The script. When its standard input ends, it kills the registry. `None` after [`Registry::kill`].
    guardian: Option<Guardian>,
}

impl Registry {
    /// Starts one without schemas.
    ///
    /// # Panics
    /// If it cannot be started. The message says what to install.
    pub fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("kreplay-registry-").tempdir().expect("a folder");
        let mut registry = Self { dir, port: None, address: String::new(), guardian: None };
        registry.restart();
        report(&format!("test schema registry: {} (scripts/schema-registry-local.sh)", registry.address));
        registry
    }

    /// Its address for `decode.schema_registry`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Kills it. Its schemas stay on disk.
    pub fn kill(&mut self) {
        drop(self.guardian.take());
    }

    /// Starts it again at the same address with the same schemas.
    pub fn restart(&mut self) {
        let mut command = Command::new(script());
        command.arg("hold").arg("--dir").arg(self.dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(port) = &self.port {
            command.args(["--port", port]);
        }
        let mut guardian = Guardian::watching(&mut command).expect("bash starts");
        let stdout = guardian.child().stdout.take().expect("standard output is piped");
        let mut stderr = guardian.child().stderr.take().expect("standard error is piped");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(BufReader::new(stdout).lines().next()));
        let errors = std::thread::spawn(move || {
            let mut errors = String::new();
            drop(stderr.read_to_string(&mut errors));
            errors
        });
        let Ok(Some(Ok(address))) = receiver.recv_timeout(START_TIMEOUT) else {
            drop(guardian);
            panic!("These tests need a schema registry: {}", errors.join().unwrap_or_default());
        };
        let port = address.trim_start_matches("http://127.0.0.1:").split('/').next().unwrap_or_default();
        self.port = Some(port.to_owned());
        self.address = address;
        self.guardian = Some(guardian);
    }

    /// Registers a schema under a subject and returns its id.
    pub fn register(&self, subject: &str, kind: &str, schema: &str, references: &[(&str, &str, i64)]) -> u32 {
        let references: Vec<Value> = references
            .iter()
            .map(|(name, subject, version)| json!({"name": name, "subject": subject, "version": version}))
            .collect();
        let body = json!({"schema": schema, "schemaType": kind, "references": references}).to_string();
        let answer = self.post(&format!("/subjects/{subject}/versions"), &body);
        let id = answer["id"].as_u64().unwrap_or_else(|| panic!("{subject} was not registered: {answer}"));
        u32::try_from(id).expect("an id")
    }

    /// Sends a hand-written request, without the code under test.
    fn post(&self, path: &str, body: &str) -> Value {
        let rest = self.address.trim_start_matches("http://");
        let (host, base) = rest.split_once('/').expect("a path");
        let mut stream = TcpStream::connect(host).expect("the registry listens");
        stream.set_read_timeout(Some(REQUEST_TIMEOUT)).expect("a timeout");
        let request = format!(
            "POST /{base}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: \
             application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("the request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the registry answers");
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        // The body may be chunked. The JSON object is between the outer braces.
        let json = body.find('{').zip(body.rfind('}')).map(|(from, to)| &body[from..=to]).unwrap_or_default();
        serde_json::from_str(json).unwrap_or_else(|_| panic!("the registry answers {answer}"))
    }
}

fn script() -> PathBuf {
    crate::build::repository("scripts/schema-registry-local.sh")
}
