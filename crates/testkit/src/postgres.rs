//! A real PostgreSQL: one server for each test binary, and a separate database for each test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use testcontainers::core::{IntoContainerPort as _, WaitFor};
use testcontainers::runners::SyncRunner as _;
use testcontainers::{Container, GenericImage, ImageExt as _};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::broker::{SETTLE_TIMEOUT, unique_name};
use super::container::{OWNER_LABEL, docker, free_port, owner};
use super::guardian::Guardian;
use super::process::Program;
use super::{server, wait};

const IMAGE: &str = "postgres";
const TAG: &str = "17";
/// User, password and first database of servers that the tests start.
const NAME: &str = "kreplay";
/// Bound of the start, which includes creating the data folder.
const START_TIMEOUT: Duration = Duration::from_secs(300);

/// A PostgreSQL server.
pub struct Postgres {
    url: String,
    kind: Kind,
}

enum Kind {
    /// Named in `KREPLAY_TEST_POSTGRES` and not started by the tests.
    Named,
    Container(
        Box<Container<GenericImage>>,
        #[allow(dead_code, reason = "it stops the server when it is dropped")] Guardian,
    ),
    Local(PathBuf, #[allow(dead_code, reason = "it stops the server when it is dropped")] Guardian),
}

/// The server that all tests of this binary share. The first call starts it. The first of these that is available is
/// used: the server named in `KREPLAY_TEST_POSTGRES`, a container if an engine already has the image, a local process.
///
/// # Panics
/// If there is none. The message says what to install.
pub fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Result<Postgres, String>> = OnceLock::new();
    match SHARED.get_or_init(Postgres::find) {
        Ok(server) => server,
        Err(message) => panic!("{message}"),
    }
}

impl Postgres {
    fn find() -> Result<Self, String> {
        match std::env::var("KREPLAY_TEST_POSTGRES") {
            Ok(url) if !url.is_empty() => Ok(Self { url, kind: Kind::Named }),
            _ => Self::start(),
        }
    }

    /// Starts a separate server, which the caller may stop.
    pub fn start() -> Result<Self, String> {
        let image = format!("{IMAGE}:{TAG}");
        let inspected = Program::named("sh").args(["-c", &format!("docker image inspect {image}")]).run();
        let found = if inspected.code() == Some(0) { Self::container() } else { Self::local() };
        let found = found?;
        wait::try_until(SETTLE_TIMEOUT, || found.answers().then_some(()))
            .ok_or("The PostgreSQL server was started but does not answer.")?;
        let kind = if matches!(found.kind, Kind::Local(..)) { "scripts/postgres-local.sh" } else { "testcontainers" };
        server::report(&format!("test database: {} ({kind})", found.address()));
        Ok(found)
    }

    fn container() -> Result<Self, String> {
        let port = free_port();
        let container = GenericImage::new(IMAGE, TAG)
            .with_wait_for(WaitFor::message_on_stderr("database system is ready to accept connections"))
            .with_mapped_port(port, 5432.tcp())
            .with_startup_timeout(START_TIMEOUT)
            .with_label(OWNER_LABEL, owner())
            .with_env_var("POSTGRES_USER", NAME)
            .with_env_var("POSTGRES_PASSWORD", NAME)
            .with_host_config_modifier(|config| {
                for binding in config.port_bindings.iter_mut().flat_map(|all| all.values_mut()).flatten().flatten() {
                    binding.host_ip = Some("127.0.0.1".to_owned());
                }
            })
            .start()
            .map_err(|error| error.to_string())?;
        let guardian = Guardian::that_runs(&["docker", "rm", "--force", "--volumes", container.id()]);
        let url = format!("postgres://{NAME}:{NAME}@127.0.0.1:{port}/{NAME}");
        Ok(Self { url, kind: Kind::Container(Box::new(container), guardian) })
    }

    fn local() -> Result<Self, String> {
        let hint = "These tests need PostgreSQL: install it (on Debian: apt-get install postgresql), or name a server in \
                      KREPLAY_TEST_POSTGRES";
        let found = Program::named(script()).args(["find"]).run();
        if found.code() != Some(0) {
            return Err(format!("{hint} ({}).", found.stderr.trim()));
        }
        let dir = tempfile::Builder::new().prefix("kreplay-postgres-").tempdir().map_err(|error| error.to_string())?;
        let dir = dir.keep();
        let log = dir.with_extension("log");
        let log_file = std::fs::File::create(&log).map_err(|error| error.to_string())?;
        let mut command = Command::new(script());
        command.arg("hold").arg("--dir").arg(&dir).stdout(Stdio::piped()).stderr(log_file);
        let mut guardian = Guardian::watching(&mut command).map_err(|error| error.to_string())?;
        let stdout = guardian.child().stdout.take().expect("standard output is piped");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(BufReader::new(stdout).lines().next()));
        let first_line = receiver.recv_timeout(START_TIMEOUT);
        let output = std::fs::read_to_string(&log).unwrap_or_default();
        drop(std::fs::remove_file(&log));
        match first_line {
            Ok(Some(Ok(url))) => Ok(Self { url, kind: Kind::Local(dir, guardian) }),
            _ => Err(format!("{hint} ({}).", output.trim())),
        }
    }

    fn answers(&self) -> bool {
        Database { url: self.url.clone() }.try_rows("SELECT 1").is_ok()
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        let (_, rest) = self.url.split_once('@').expect("a URL with user and host");
        rest.split('/').next().expect("an address")
    }

    /// Creates a new database.
    pub fn database(&self) -> Database {
        let name = unique_name("test").replace('-', "_");
        Database { url: self.url.clone() }.execute(&format!("CREATE DATABASE {name}"));
        let (server, _) = self.url.rsplit_once('/').expect("a URL with a database");
        Database { url: format!("{server}/{name}") }
    }

    /// The server's certificate, if the tests started it with TLS.
    pub fn certificate(&self) -> Option<PathBuf> {
        match &self.kind {
            Kind::Local(dir, _) => Some(dir.join("server.crt")).filter(|path| path.exists()),
            _ => None,
        }
    }

    /// Kills the server, as in a crash. Its data and its address are kept.
    pub fn crash(&self) {
        match &self.kind {
            Kind::Named => panic!("tests must not stop the server named in KREPLAY_TEST_POSTGRES"),
            Kind::Container(container, _) => {
                docker(&["kill", container.id()], SETTLE_TIMEOUT).expect_success();
            }
            Kind::Local(dir, _) => self.script(&["stop", "--kill"], dir),
        }
    }

    /// Starts it again at the same address and waits until it answers.
    pub fn restart(&self) {
        match &self.kind {
            Kind::Named => panic!("tests must not start the server named in KREPLAY_TEST_POSTGRES"),
            Kind::Container(container, _) => {
                docker(&["start", container.id()], SETTLE_TIMEOUT).expect_success();
            }
            Kind::Local(dir, _) => self.script(&["start"], dir),
        }
        wait::until("PostgreSQL that answers", SETTLE_TIMEOUT, || self.answers().then_some(()));
    }

    #[allow(clippy::unused_self, reason = "it is for servers that the tests started")]
    fn script(&self, args: &[&str], dir: &Path) {
        Program::named(script()).args(args).args(["--dir".as_ref(), dir.as_os_str()]).run().expect_success();
    }
}

fn script() -> PathBuf {
    crate::build::repository("scripts/postgres-local.sh")
}

/// A database, accessed with `tokio-postgres` directly, not with the code under test.
#[derive(Clone, Debug)]
pub struct Database {
    url: String,
}

impl Database {
    /// A database given by its URL.
    #[allow(dead_code, reason = "not every test binary uses it")]
    pub fn at(url: String) -> Self {
        Self { url }
    }

    /// `host:port`.
    #[allow(dead_code, reason = "not every test binary uses it")]
    pub fn address(&self) -> &str {
        let (_, rest) = self.url.split_once('@').expect("a URL with user and host");
        rest.split('/').next().expect("an address")
    }

    /// User and password.
    #[allow(dead_code, reason = "not every test binary uses it")]
    pub fn user(&self) -> (&str, &str) {
        let (before, _) = self.url.split_once('@').expect("a URL with user and host");
        let (_, user) = before.split_once("//").expect("a URL");
        user.split_once(':').expect("a URL with a password")
    }

    /// Its URL, with the password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL with a part replaced, such as the password or the database.
    pub fn url_with(&self, from: &str, to: &str) -> String {
        let url = self.url.replacen(from, to, 1);
        assert_ne!(url, self.url, "{from} is not in the URL");
        url
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        self.url.rsplit_once('/').expect("a URL with a database").1
    }

    /// Runs statements.
    ///
    /// # Panics
    /// If one fails.
    pub fn execute(&self, sql: &str) {
        self.try_rows(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The rows of a query as text. NULL is `-`.
    ///
    /// # Panics
    /// If it fails.
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        self.try_rows(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The first value of a query.
    ///
    /// # Panics
    /// If it fails or returns no row.
    pub fn value(&self, sql: &str) -> String {
        self.rows(sql).into_iter().flatten().next().unwrap_or_else(|| panic!("{sql}: no row"))
    }

    /// Like [`Database::rows`], for callers that expect a failure.
    pub fn try_rows(&self, sql: &str) -> Result<Vec<Vec<String>>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let query = async {
            let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
            let connection = tokio::spawn(connection);
            let answer = client.simple_query(sql).await;
            drop(client);
            drop(connection.await);
            answer
        };
        let answer = runtime.block_on(async { tokio::time::timeout(SETTLE_TIMEOUT, query).await });
        let messages = answer.map_err(|_| "no answer in time".to_owned())?;
        let messages = messages.map_err(|error| error.as_db_error().map_or(error.to_string(), ToString::to_string))?;
        Ok(messages
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => {
                    Some((0..row.len()).map(|at| row.get(at).unwrap_or("-").to_owned()).collect())
                }
                _ => None,
            })
            .collect())
    }
}
