//! A real PgBouncer in transaction mode, in front of a database.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::broker::SETTLE_TIMEOUT;
use super::container::free_port;
use super::guardian::Guardian;
use super::postgres::Database;
use super::wait;

/// The number of connections to the server. Each transaction may get a different one.
const POOL_SIZE: u32 = 3;
/// Where the program may be. On Debian it is not on the path of most users.
const PROGRAM_PATHS: [&str; 2] = ["pgbouncer", "/usr/sbin/pgbouncer"];

/// A PgBouncer that stops when this value is dropped or this process ends.
pub struct Pooler {
    address: String,
    name: String,
    #[allow(dead_code, reason = "it stops PgBouncer when it is dropped")]
    guardian: Guardian,
    #[allow(dead_code, reason = "the folder is removed when it is dropped")]
    dir: tempfile::TempDir,
}

impl Pooler {
    /// Starts one in front of a database. `more` is further configuration.
    ///
    /// # Panics
    /// If PgBouncer is not installed. The message says how to install it.
    pub fn in_front_of(database: &Database, more: &str) -> Self {
        let program = PROGRAM_PATHS.into_iter().find(|path| {
            Command::new(path).arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
        });
        let program = program.expect("This test needs PgBouncer: install it (on Debian: apt-get install pgbouncer).");
        let dir = tempfile::tempdir().unwrap();
        // PgBouncer refuses to run as root, so root starts it as another user, who must be able to read the folder.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let (port, config) = (free_port(), dir.path().join("pgbouncer.ini"));
        let (host, server_port) = database.address().split_once(':').unwrap();
        let (user, password) = database.user();
        let name = database.name();
        let text = format!(
            "[databases]\n{name} = host={host} port={server_port} dbname={name} user={user} password={password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = {POOL_SIZE}\n{more}\n"
        );
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        let hold = "\"$0\" $([ \"$(id -u)\" != 0 ] || echo -u nobody) \"$1\" & cat >/dev/null; kill -INT $!; wait";
        command.args(["-c", hold, program]).arg(&config).stdout(log.try_clone().unwrap()).stderr(log);
        let guardian = Guardian::watching(&mut command).unwrap();
        let pooler = Self { address: format!("127.0.0.1:{port}"), name: name.to_owned(), guardian, dir };
        wait::until("PgBouncer that answers", SETTLE_TIMEOUT, || pooler.database().try_rows("SELECT 1").ok());
        pooler
    }

    /// The database, addressed through PgBouncer.
    pub fn database(&self) -> Database {
        Database::at(format!("postgres://anyone@{}/{}", self.address, self.name))
    }
}
