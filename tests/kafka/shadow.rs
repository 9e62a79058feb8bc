//! Shadow rebuilds: the old projection stays in use until the new one is verified, and is then replaced in one step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::RngExt as _;
use rusqlite::Connection;

use crate::fixtures::cluster::commit_offset;
use crate::fixtures::gate;
use crate::fixtures::orders::{self, PARTITIONS, ROWS_QUERY, Rows, SCHEMA, STATEMENT, Workspace};
use crate::support::broker;
use crate::support::postgres::{self, Database};
use crate::support::process::{Program, Running};
use crate::support::produce::NewRecord;
use crate::support::timeouts::LONG_RUN_TIMEOUT;
use crate::support::{random, wait};

/// The number of records before the one at the gate.
const RECORDS: u32 = 10_000;
/// The statement of the new definition. It computes one column differently.
const NEW_STATEMENT: &str = "INSERT INTO orders VALUES (:key, 1, :json.amount, :json.n)
ON CONFLICT (key) DO UPDATE SET records = orders.records + 1, amount = orders.amount + 2 * excluded.amount,
    chain = (orders.chain * 31 + excluded.chain) % 1000000007";
/// A check that succeeds.
const PASSING_CHECK: &str = "check = \"SELECT key, records FROM orders WHERE records < 1\"";
/// A check that fails.
const FAILING_CHECK: &str = "check = \"SELECT key, records FROM orders WHERE key = 'key-1'\"";

/// The rows of the old projection and the expected rows of the new one.
struct ExpectedRows {
    old: Rows,
    new: Rows,
}

/// A projection in use, in a file or in a PostgreSQL schema.
trait LiveProjection {
    /// The target for definitions.
    fn target(&self) -> String;
    /// Further TOML for the configuration.
    fn settings(&self) -> String;
    /// The rows that users of the projection see.
    fn rows(&self) -> Rows;
    /// The names of the old projections that were kept.
    fn kept_names(&self) -> Vec<String>;
    /// The number of records applied to the rebuild in progress.
    fn rebuilt_records(&self) -> i64;
    /// Whether the rebuild has replaced the old projection. Does not access the projection in use.
    fn is_replaced(&self) -> bool;
    /// The rows of an old projection that was kept.
    fn rows_of_kept(&self, name: &str) -> Rows;
    /// Corrupts the digest of the rebuild, as if it had another record.
    fn corrupt_digest(&self);
    /// The table of orders with a gate.
    fn gated_schema(&self) -> String;
    /// Opens the gate of the rebuild.
    fn open_gate(&self);
}

/// A projection in an SQLite file.
struct File(PathBuf);

impl File {
    fn read(path: &Path, sql: &str) -> Vec<Vec<String>> {
        let connection = Connection::open(path).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..columns)
                .map(|at| row.get::<_, rusqlite::types::Value>(at))
                .map(|value| {
                    value.map(|value| match value {
                        rusqlite::types::Value::Text(text) => text,
                        rusqlite::types::Value::Integer(number) => number.to_string(),
                        other => panic!("{other:?}"),
                    })
                })
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        statement.query_map([], row).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }

    fn shadow(&self) -> PathBuf {
        PathBuf::from(format!("{}.shadow", self.0.display()))
    }
}

impl LiveProjection for File {
    fn target(&self) -> String {
        format!("sqlite:{}", self.0.display())
    }

    fn settings(&self) -> String {
        String::new()
    }

    fn rows(&self) -> Rows {
        orders::parse(Self::read(&self.0, ROWS_QUERY))
    }

    fn kept_names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).filter(|name| name.contains(".old-")).collect()
    }

    fn rebuilt_records(&self) -> i64 {
        let Ok(connection) = Connection::open_with_flags(self.shadow(), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
        else {
            return 0;
        };
        connection.query_row("SELECT coalesce(sum(records), 0) FROM kreplay_sums", [], |row| row.get(0)).unwrap_or(0)
    }

    fn is_replaced(&self) -> bool {
        // The old file gets its second name before the rename.
        !self.kept_names().is_empty() && !self.shadow().exists()
    }

    fn rows_of_kept(&self, name: &str) -> Rows {
        orders::parse(Self::read(&self.0.with_file_name(name), ROWS_QUERY))
    }

    fn corrupt_digest(&self) {
        let connection = Connection::open(self.shadow()).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute("UPDATE kreplay_sums SET digest = digest - 1", []).unwrap();
    }

    fn gated_schema(&self) -> String {
        gate::sqlite_schema()
    }

    fn open_gate(&self) {
        let connection = Connection::open(self.shadow()).unwrap();
        connection.busy_timeout(LONG_RUN_TIMEOUT).unwrap();
        connection.execute_batch(gate::OPEN).unwrap();
    }
}

impl LiveProjection for Database {
    fn target(&self) -> String {
        self.url().to_owned()
    }

    fn settings(&self) -> String {
        "[projection]\nschema = \"model\"\n".into()
    }

    fn rows(&self) -> Rows {
        orders::parse(self.rows(&ROWS_QUERY.replace("FROM orders", "FROM model.orders")))
    }

    fn kept_names(&self) -> Vec<String> {
        Self::rows(self, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'model_old%'").concat()
    }

    fn rebuilt_records(&self) -> i64 {
        let rows =
            self.try_rows("SELECT coalesce(sum(records), 0) FROM model_shadow.kreplay_applied").unwrap_or_default();
        rows.first().map_or(0, |row| row[0].parse().unwrap())
    }

    fn is_replaced(&self) -> bool {
        !self.kept_names().is_empty()
    }

    fn rows_of_kept(&self, name: &str) -> Rows {
        orders::parse(self.rows(&ROWS_QUERY.replace("FROM orders", &format!("FROM \"{name}\".orders"))))
    }

    fn corrupt_digest(&self) {
        self.execute("UPDATE model_shadow.kreplay_applied SET digest = digest - 1");
    }

    fn gated_schema(&self) -> String {
        gate::postgres_schema()
    }

    fn open_gate(&self) {
        self.execute(&format!("SET search_path TO model_shadow; {}", gate::OPEN));
    }
}

/// A topic, and its old projection in use.
struct Rebuild<'a> {
    workspace: Workspace<'a>,
    topic: String,
    config: PathBuf,
    expected: ExpectedRows,
}

impl Rebuild<'_> {
    fn new(live: &dyn LiveProjection) -> Self {
        let workspace = Workspace::new(broker::shared());
        let mut random = random::generator();
        let topic = workspace.broker.topic("rebuilt", PARTITIONS);
        let mut old = orders::fill(workspace.broker, &topic, &mut random, RECORDS, 500);
        gate::append(workspace.broker, &topic, &mut old);
        let config = workspace.configure(&format!("{}{}", live.settings(), gate::SETTINGS)).into();
        let definition = workspace.define("orders", &live.target(), SCHEMA, STATEMENT, "");
        let rebuild = Self { workspace, topic, config, expected: ExpectedRows { new: Rows::new(), old } };
        rebuild.run(&definition, &["--no-journal"]).finish().expect_success();
        orders::expect_equal(&live.rows(), &rebuild.expected.old);
        rebuild
    }

    /// Computes the expected rows of the new projection by a run into another file.
    fn with_expected_rows(mut self, live: &dyn LiveProjection) -> Self {
        let file = File(self.workspace.dir.path().join("expected.db"));
        let definition = self.workspace.define("expected", &file.target(), SCHEMA, NEW_STATEMENT, "");
        self.run(&definition, &["--no-journal"]).finish().expect_success();
        self.expected.new = LiveProjection::rows(&file);
        assert_ne!(self.expected.new, self.expected.old);
        orders::expect_equal(&live.rows(), &self.expected.old);
        self
    }

    fn run(&self, definition: &Path, more: &[&str]) -> Running {
        let config = ["--config", self.config.to_str().unwrap()];
        self.workspace.start_run(&self.topic, definition, &[&config, more].concat())
    }

    /// Deletes the journals of all runs so far, so that the next run is the only one.
    fn delete_journals(&self) {
        std::fs::remove_dir_all(self.workspace.dir.path().join("kreplay")).unwrap();
    }

    fn resume(&self) -> Running {
        self.workspace.start(&["resume", &self.workspace.run_id(), "--config", self.config.to_str().unwrap()])
    }
}

fn expect_rebuild_to_replace_the_old_one(live: &dyn LiveProjection) {
    let rebuild = Rebuild::new(live).with_expected_rows(live);
    let schema = live.gated_schema();
    let definition = rebuild.workspace.define("orders", &live.target(), &schema, NEW_STATEMENT, PASSING_CHECK);
    let mut run = rebuild.run(&definition, &["--shadow", "--rate", "10000/s"]);
    wait::until("a rebuild in progress", LONG_RUN_TIMEOUT, || (live.rebuilt_records() > 1000).then_some(()));
    orders::expect_equal(&live.rows(), &rebuild.expected.old);
    // A second rebuild at the same time is refused.
    let second = rebuild.run(&definition, &["--shadow", "--no-journal"]).finish();
    assert_eq!(second.code(), Some(2), "{}", second.stderr);
    assert!(second.stderr.contains("is being rebuilt by another process"), "{}", second.stderr);
    live.open_gate();
    run.wait_for("end of the run", LONG_RUN_TIMEOUT, |_, stderr| stderr.contains("verified and in place"));
    run.finish().expect_success();
    orders::expect_equal(&live.rows(), &rebuild.expected.new);
    assert_eq!(live.kept_names().len(), 1, "{:?}", live.kept_names());
    // A later run continues at the position of the rebuild. Nothing is applied again.
    rebuild.run(&definition, &["--no-journal"]).finish().expect_success();
    orders::expect_equal(&live.rows(), &rebuild.expected.new);
}

fn expect_invalid_rebuild_to_leave_the_old_one_in_use(live: &dyn LiveProjection) {
    let rebuild = Rebuild::new(live);
    let definition = rebuild.workspace.define("orders", &live.target(), SCHEMA, NEW_STATEMENT, FAILING_CHECK);
    let ended = rebuild.run(&definition, &["--shadow", "--no-journal"]).finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("the check query found errors: key-1, "), "{}", ended.stderr);
    orders::expect_equal(&live.rows(), &rebuild.expected.old);

    let schema = live.gated_schema();
    let definition = rebuild.workspace.define("orders", &live.target(), &schema, NEW_STATEMENT, PASSING_CHECK);
    let run = rebuild.run(&definition, &["--shadow", "--rate", "5000/s"]);
    // The rebuild before, which has all records and the one at the gate, does not count.
    let in_progress = 100..=i64::from(RECORDS);
    wait::until("a rebuild in progress", LONG_RUN_TIMEOUT, || {
        in_progress.contains(&live.rebuilt_records()).then_some(())
    });
    run.signal("TERM");
    let ended = run.finish();
    assert_eq!(ended.code(), Some(4), "{}", ended.stderr);
    orders::expect_equal(&live.rows(), &rebuild.expected.old);
    live.corrupt_digest();
    live.open_gate();
    let ended = rebuild.resume().finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("but not the same ones"), "{}", ended.stderr);
    orders::expect_equal(&live.rows(), &rebuild.expected.old);
    assert_eq!(live.kept_names(), [""; 0]);
}

/// Runs one rebuild after another, from the old definition to the new one and back. Each is killed in its final phase,
/// the first also while it builds. The kill comes a random time of up to `max_delay` after the message that the final
/// phase has begun. A kill that came too late shortens `max_delay`, so that it adapts to the speed of the machine.
fn expect_old_or_new_one_in_use_after_kills(live: &dyn LiveProjection) {
    const KILLS_IN_FINAL_PHASE: u32 = 8;
    let rebuild = Rebuild::new(live).with_expected_rows(live);
    let mut random = random::generator();
    let (mut kills_in_final_phase, mut max_delay, mut found_old, mut found_new) = (0, Duration::from_millis(150), 0, 0);
    for round in 0.. {
        assert!(round < 80, "only {kills_in_final_phase} kills came in the final phase");
        if kills_in_final_phase >= KILLS_IN_FINAL_PHASE {
            break;
        }
        let (statement, before, after) = match round % 2 {
            0 => (NEW_STATEMENT, &rebuild.expected.old, &rebuild.expected.new),
            _ => (STATEMENT, &rebuild.expected.new, &rebuild.expected.old),
        };
        let schema = if round == 0 { live.gated_schema() } else { SCHEMA.to_owned() };
        let definition = rebuild.workspace.define("orders", &live.target(), &schema, statement, PASSING_CHECK);
        let mut run = rebuild.run(&definition, &["--shadow"]);
        if round == 0 {
            wait::until("a rebuild in progress", LONG_RUN_TIMEOUT, || (live.rebuilt_records() > 0).then_some(()));
            let killed = run.kill();
            assert_eq!(killed.code(), None, "{}", killed.stderr);
            orders::expect_equal(&live.rows(), before);
            live.open_gate();
            run = rebuild.resume();
        }
        run.wait_for("the final phase", LONG_RUN_TIMEOUT, |_, stderr| stderr.contains("reading the log again"));
        if round % 2 == 0 {
            // The kill may come at any moment of the final phase.
            std::thread::sleep(max_delay.mul_f64(random.random()));
        } else {
            // During the replacement: a file gets its second name before the rename, a schema its new name after the
            // commit.
            wait::until("the replacement", LONG_RUN_TIMEOUT, || (live.kept_names().len() > round).then_some(()));
        }
        let killed = run.kill();
        let found = live.rows();
        let is_new = found == *after;
        if !is_new {
            orders::expect_equal(&found, before);
        }
        if killed.code().is_some() {
            assert_eq!((killed.code(), is_new), (Some(0), true), "{}", killed.stderr);
            max_delay = max_delay.mul_f64(0.7);
        } else {
            let resumed = rebuild.resume().finish();
            let was_done = resumed.code() == Some(2) && resumed.stderr.contains("nothing left to resume");
            if was_done {
                assert!(is_new, "the run is done, but the old projection is in use");
                max_delay = max_delay.mul_f64(0.7);
            } else {
                resumed.expect_success();
                kills_in_final_phase += 1;
                (found_old, found_new) = (found_old + u32::from(!is_new), found_new + u32::from(is_new));
            }
        }
        orders::expect_equal(&live.rows(), after);
        assert_eq!(live.kept_names().len(), round + 1, "each rebuild keeps the previous one: {:?}", live.kept_names());
        rebuild.delete_journals();
    }
    println!(
        "{kills_in_final_phase} kills in the final phase: {found_old} before the replacement, {found_new} after it"
    );
}

/// Kills a rebuild when the new projection is in place but the run's journal does not say so yet. The test locks the
/// journal before the first record is handled; until then the lag guard keeps the run waiting. The run cannot end
/// before the kill, because it writes its report to a pipe without a reader.
fn expect_new_one_to_stay_after_a_kill_after_the_replacement(live: &dyn LiveProjection) {
    let rebuild = Rebuild::new(live).with_expected_rows(live);
    let definition = rebuild.workspace.define("orders", &live.target(), SCHEMA, NEW_STATEMENT, PASSING_CHECK);
    let report = rebuild.workspace.dir.path().join("unread-report");
    Program::named("mkfifo").args([&report]).run().expect_success();
    let handler = format!("projection:{}", definition.display());
    let (behind, lagging) = (rebuild.workspace.broker.topic("behind", 1), broker::unique_name("lagging"));
    rebuild.workspace.broker.produce(&behind, &vec![NewRecord::unkeyed("x"); 10]);
    commit_offset(rebuild.workspace.broker, &lagging, &behind, 0);
    let mut run = rebuild
        .workspace
        .program(&["run", "--headless", "--shadow", "--topics", &rebuild.topic, "--handler", &handler])
        .args(["--protect-group", &lagging, "--max-lag", "5"])
        .args(["--config".as_ref(), rebuild.config.as_os_str()])
        .args(["--report".as_ref(), "json".as_ref(), "--output".as_ref(), report.as_os_str()])
        .spawn();
    run.wait_for("the start of the run", LONG_RUN_TIMEOUT, |_, stderr| stderr.contains(" started, concurrency "));
    let journal = rebuild.workspace.dir.path().join(format!("kreplay/runs/{}.db", rebuild.workspace.run_id()));
    let journal = Connection::open(journal).unwrap();
    journal.busy_timeout(LONG_RUN_TIMEOUT).unwrap();
    journal.execute_batch("BEGIN IMMEDIATE").unwrap();
    commit_offset(rebuild.workspace.broker, &lagging, &behind, 10);
    wait::until("the replacement", LONG_RUN_TIMEOUT, || (live.is_replaced() || run.ended()).then_some(()));
    let killed = run.kill();
    assert_eq!(killed.code(), None, "the run ended before the kill: {}", killed.stderr);
    journal.execute_batch("ROLLBACK").unwrap();
    orders::expect_equal(&live.rows(), &rebuild.expected.new);
    let kept = live.kept_names();
    assert_eq!(kept.len(), 1, "{kept:?}");
    orders::expect_equal(&live.rows_of_kept(&kept[0]), &rebuild.expected.old);

    rebuild.resume().finish().expect_success();
    assert_eq!(rebuild.workspace.report()["totals"]["lag"], 0);
    orders::expect_equal(&live.rows(), &rebuild.expected.new);
    orders::expect_equal(&live.rows_of_kept(&kept[0]), &rebuild.expected.old);
    assert_eq!(live.kept_names(), kept, "the resumed run must not replace the projection again");
    rebuild.run(&definition, &["--no-journal"]).finish().expect_success();
    orders::expect_equal(&live.rows(), &rebuild.expected.new);
}

#[test]
fn a_new_file_stays_in_place_when_the_rebuild_is_killed_after_the_replacement() {
    let dir = tempfile::tempdir().unwrap();
    expect_new_one_to_stay_after_a_kill_after_the_replacement(&File(dir.path().join("orders.db")));
}

#[test]
fn a_new_schema_stays_in_place_when_the_rebuild_is_killed_after_the_replacement() {
    expect_new_one_to_stay_after_a_kill_after_the_replacement(&postgres::shared().database());
}

#[test]
fn a_rebuilt_file_replaces_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    expect_rebuild_to_replace_the_old_one(&File(dir.path().join("orders.db")));
}

#[test]
fn a_rebuilt_schema_replaces_the_old_one() {
    expect_rebuild_to_replace_the_old_one(&postgres::shared().database());
}

#[test]
fn an_invalid_file_does_not_replace_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    expect_invalid_rebuild_to_leave_the_old_one_in_use(&File(dir.path().join("orders.db")));
}

#[test]
fn an_invalid_schema_does_not_replace_the_old_one() {
    expect_invalid_rebuild_to_leave_the_old_one_in_use(&postgres::shared().database());
}

#[test]
fn a_file_is_old_or_new_when_its_rebuild_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    expect_old_or_new_one_in_use_after_kills(&File(dir.path().join("orders.db")));
}

#[test]
fn a_schema_is_old_or_new_when_its_rebuild_is_killed() {
    expect_old_or_new_one_in_use_after_kills(&postgres::shared().database());
}

/// Only the first errors are read, from whatever SQL the check consists of.
#[test]
fn a_check_of_a_schema_may_find_any_number_of_errors_and_have_any_form() {
    let database = postgres::shared().database();
    let rebuild = Rebuild::new(&database);
    for (check, found) in [
        ("SELECT generate_series(1, 2000000000)", "1; 2; 3"),
        ("WITH one AS (SELECT key, NULL FROM orders WHERE key = 'key-1') TABLE one; -- the only error", "key-1, null"),
        ("SELECT key FROM orders WHERE records < 1; SELECT key FROM orders WHERE key = 'key-1'", "key-1"),
        ("SHOW lock_timeout", "30s"),
    ] {
        let more = format!("check = \"{check}\"");
        let definition = rebuild.workspace.define("orders", &database.target(), SCHEMA, STATEMENT, &more);
        let ended = rebuild.run(&definition, &["--shadow", "--no-journal"]).finish();
        assert_eq!(ended.code(), Some(1), "{check}: {}", ended.stderr);
        let error = format!("the check query found errors: {found}");
        assert!(ended.stderr.contains(&error), "{check}: {}", ended.stderr);
    }
    let definition = rebuild.workspace.define("orders", &database.target(), SCHEMA, STATEMENT, "check = \"SELEC key\"");
    let ended = rebuild.run(&definition, &["--shadow", "--no-journal"]).finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("the check query fails: syntax error"), "{}", ended.stderr);
    orders::expect_equal(&LiveProjection::rows(&database), &rebuild.expected.old);
}

#[test]
fn a_new_schema_keeps_permissions_and_the_old_one_can_be_dropped() {
    let database = postgres::shared().database();
    let rebuild = Rebuild::new(&database);
    let role = broker::unique_name("reader").replace('-', "_");
    database.execute(&format!("CREATE ROLE {role}; GRANT USAGE ON SCHEMA model TO {role}"));
    std::fs::write(&rebuild.config, format!("{}keep_old = false\n", database.settings())).unwrap();
    let definition = rebuild.workspace.define("orders", &database.target(), SCHEMA, STATEMENT, "");
    rebuild.run(&definition, &["--shadow", "--no-journal"]).finish().expect_success();
    assert_eq!(database.value(&format!("SELECT has_schema_privilege('{role}', 'model', 'USAGE')")), "t");
    assert_eq!(database.kept_names(), [""; 0]);
    orders::expect_equal(&LiveProjection::rows(&database), &rebuild.expected.old);
}

#[test]
fn an_impossible_rebuild_is_refused_and_nothing_is_changed() {
    let database = postgres::shared().database();
    let rebuild = Rebuild::new(&database);
    let definition = rebuild.workspace.define("orders", &database.target(), SCHEMA, NEW_STATEMENT, "");
    let group = broker::unique_name("rebuild");
    let ended = rebuild.run(&definition, &["--shadow", "--no-journal", "--group", &group]).finish();
    assert_eq!((ended.code(), ended.stderr.contains("drop --group")), (Some(2), true), "{}", ended.stderr);
    database.execute("CREATE SCHEMA model_shadow; CREATE TABLE model_shadow.precious (x int)");
    let ended = rebuild.run(&definition, &["--shadow", "--no-journal"]).finish();
    assert_eq!(
        (ended.code(), ended.stderr.contains("is not a rebuild by kreplay")),
        (Some(2), true),
        "{}",
        ended.stderr
    );
    database.execute("SELECT * FROM model_shadow.precious");
    std::fs::write(&rebuild.config, "").unwrap();
    let ended = rebuild.run(&definition, &["--shadow", "--no-journal"]).finish();
    assert_eq!((ended.code(), ended.stderr.contains("set projection.schema")), (Some(2), true), "{}", ended.stderr);
    orders::expect_equal(&LiveProjection::rows(&database), &rebuild.expected.old);
}
