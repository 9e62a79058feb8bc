//! Projections in an SQLite file: every record is applied exactly once, whatever is killed.

use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::{Connection, OpenFlags};

use crate::fixtures::following::stop_when;
use crate::fixtures::gate;
use crate::fixtures::orders::{self, PARTITIONS, ROWS_QUERY, Rows, SCHEMA, STATEMENT, Workspace};
use crate::fixtures::small_disk::SmallDisk;
use crate::support::broker::{self, unique_name};
use crate::support::process::{Program, Running};
use crate::support::produce::NewRecord;
use crate::support::timeouts::LONG_RUN_TIMEOUT;
use crate::support::{random, wait};

fn database(workspace: &Workspace<'_>) -> PathBuf {
    workspace.dir.path().join("orders.db")
}

/// The rows of a query as text; `None` if the file or the table does not exist yet or is locked.
fn try_rows(path: &Path, query: &str) -> Option<Vec<Vec<String>>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).ok()?;
    let mut statement = connection.prepare(query).ok()?;
    let columns = statement.column_count();
    let text = |value: rusqlite::types::Value| match value {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at).map(text)).collect());
    rows.ok()?.collect::<Result<_, _>>().ok()
}

fn rows(path: &Path) -> Rows {
    orders::parse(try_rows(path, ROWS_QUERY).unwrap())
}

/// The number of records applied.
fn applied(path: &Path) -> i64 {
    let found = try_rows(path, "SELECT coalesce(sum(records), 0) FROM orders").unwrap_or_default();
    found.first().map_or(0, |row| row[0].parse().unwrap())
}

fn wait_for_applied(path: &Path, run: &Running, count: i64) {
    let there = wait::try_until(LONG_RUN_TIMEOUT, || (applied(path) >= count).then_some(()));
    assert!(there.is_some(), "{} of {count} applied\n{}", applied(path), run.stderr());
}

fn open_gate(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(LONG_RUN_TIMEOUT).unwrap();
    connection.execute_batch(gate::OPEN).unwrap();
}

/// Writes the definition `orders` with the target `orders.db`.
fn define(workspace: &Workspace<'_>, schema: &str, statement: &str) -> PathBuf {
    workspace.define("orders", "sqlite:orders.db", schema, statement, "")
}

#[test]
fn a_run_killed_ten_times_applies_every_record_once() {
    const RECORDS: u32 = 200_000;
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let topic = workspace.broker.topic("projected", PARTITIONS);
    let mut expected = orders::fill(workspace.broker, &topic, &mut random, RECORDS, 5000);
    gate::append(workspace.broker, &topic, &mut expected);
    let (definition, path) = (define(&workspace, &gate::sqlite_schema(), STATEMENT), database(&workspace));
    let config = workspace.configure(gate::SETTINGS);
    let mut points: Vec<i64> = (0..10).map(|_| random.random_range(0..i64::from(RECORDS) * 9 / 10)).collect();
    points.sort_unstable();
    println!("killed at {points:?}");
    // The rate spreads the kills over the run; the gate keeps it from ending before the last one.
    let mut attempt = workspace.start_run(&topic, &definition, &["--rate", "40k/s", "--config", &config]);
    for point in points {
        wait_for_applied(&path, &attempt, point.max(1));
        let killed = attempt.kill();
        assert_eq!(killed.code(), None, "the run ended before the kill: {}", killed.stderr);
        attempt = workspace.start(&["resume", &workspace.run_id()]);
    }
    open_gate(&path);
    attempt.finish().expect_success();
    orders::expect_equal(&rows(&path), &expected);
    let left = try_rows(&path, "SELECT count(*) FROM kreplay_applied").unwrap();
    assert_eq!(left, [["0"]], "applied records below the positions are still stored");
    // Everything is applied: another run has nothing to do.
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    orders::expect_equal(&rows(&path), &expected);
}

/// The position cannot pass the record at the gate, so everything else is applied above it.
#[test]
fn what_is_applied_above_the_position_is_not_handled_again_after_a_kill() {
    const RECORDS: u32 = 3000;
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let topic = workspace.broker.topic("above", 1);
    let mut expected = Rows::new();
    gate::append(workspace.broker, &topic, &mut expected);
    expected.extend(orders::fill(workspace.broker, &topic, &mut random, RECORDS, 500));
    let (definition, path) = (define(&workspace, &gate::sqlite_schema(), STATEMENT), database(&workspace));
    let config = workspace.configure(gate::SETTINGS);
    let attempt = workspace.start_run(&topic, &definition, &["--config", &config]);
    wait_for_applied(&path, &attempt, RECORDS.into());
    wait::until("all of them in the totals of the journal", LONG_RUN_TIMEOUT, || {
        (workspace.handled_in_journal() == u64::from(RECORDS)).then_some(())
    });
    assert_eq!(attempt.kill().code(), None, "the run ended before the kill");
    open_gate(&path);
    workspace.start(&["resume", &workspace.run_id()]).finish().expect_success();
    orders::expect_equal(&rows(&path), &expected);
    let report = workspace.report();
    let totals = |name: &str| report["totals"][name].as_u64().unwrap();
    let counts = ["handled", "already_handled", "repeated", "lag"].map(totals);
    assert_eq!(counts, [u64::from(RECORDS) + 1, RECORDS.into(), 0, 0], "{report:#}");
    assert!(!report["effects"].to_string().contains("already applied"), "{report:#}");
}

#[test]
fn in_a_group_the_other_process_finishes_the_work_of_a_killed_one() {
    const RECORDS: u32 = 60_000;
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let topic = workspace.broker.topic("shared", PARTITIONS);
    let mut expected = orders::fill(workspace.broker, &topic, &mut random, RECORDS, 2000);
    gate::append(workspace.broker, &topic, &mut expected);
    let (definition, path) = (define(&workspace, &gate::sqlite_schema(), STATEMENT), database(&workspace));
    let (config, group) = (workspace.configure(gate::SETTINGS), unique_name("projection"));
    let more = ["--group", &group, "--rate", "4k/s", "--no-journal", "--config", &config];
    let (killed, survivor) =
        (workspace.start_run(&topic, &definition, &more), workspace.start_run(&topic, &definition, &more));
    let point = random.random_range(10_000..30_000);
    wait_for_applied(&path, &killed, point);
    assert_eq!(killed.kill().code(), None, "the run ended before the kill");
    open_gate(&path);
    survivor.finish().expect_success();
    orders::expect_equal(&rows(&path), &expected);
}

#[test]
fn a_run_that_is_replaced_by_another_one_fails_and_stops_writing() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let topic = workspace.broker.topic("replaced", PARTITIONS);
    let mut expected = orders::fill(workspace.broker, &topic, &mut random, 30_000, 500);
    gate::append(workspace.broker, &topic, &mut expected);
    let (definition, path) = (define(&workspace, &gate::sqlite_schema(), STATEMENT), database(&workspace));
    let config = workspace.configure(gate::SETTINGS);
    let more = ["--no-journal", "--config", &config];
    let first = workspace.start_run(&topic, &definition, &[&more[..], &["--rate", "3k/s"]].concat());
    wait_for_applied(&path, &first, 3000);
    let second = workspace.start_run(&topic, &definition, &more);
    let ended = first.finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("another run has claimed this projection"), "{}", ended.stderr);
    open_gate(&path);
    second.finish().expect_success();
    orders::expect_equal(&rows(&path), &expected);
}

#[test]
fn invalid_definitions_are_reported_before_the_run() {
    let workspace = Workspace::new(broker::shared());
    let topic = workspace.broker.topic("wrong", 1);
    orders::fill(workspace.broker, &topic, &mut StdRng::seed_from_u64(1), 10, 5);
    let missing = STATEMENT.replace("INTO orders", "INTO nowhere");
    for (schema, statement, code, part) in [
        ("CREATE TABEL orders ();", STATEMENT, 2, "orders.toml: schema: near \"TABEL\": syntax error"),
        (SCHEMA, "INSERT INTO orders VALEUS (:key)", 2, "orders.toml:11: sql: near \"VALEUS\": syntax error"),
        (SCHEMA, missing.as_str(), 2, "orders.toml:11: sql: no such table: nowhere; is it missing in schema?"),
        (SCHEMA, "INSERT INTO orders VALUES (:kye)", 2, "there is no parameter :kye; did you mean :key?"),
    ] {
        let ended = workspace.run(&topic, &define(&workspace, schema, statement), &["--no-journal"]);
        assert_eq!(ended.code(), Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    std::fs::write(database(&workspace), "this is no database ".repeat(100)).unwrap();
    let ended = workspace.run(&topic, &define(&workspace, SCHEMA, STATEMENT), &["--no-journal"]);
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("file is not a database"), "{}", ended.stderr);
}

#[test]
fn a_full_database_fails_the_run_which_can_be_resumed_later() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let topic = workspace.broker.topic("full", PARTITIONS);
    let expected = orders::fill(workspace.broker, &topic, &mut random, 20_000, 5000);
    let config = workspace.dir.path().join("kreplay.toml");
    std::fs::write(&config, "[run]\nretry.attempts = 1\nretry.first_delay = \"10ms\"\n").unwrap();
    // The limit applies to the connection on which the schema is executed.
    let definition = define(&workspace, &format!("PRAGMA max_page_count = 30;\n{SCHEMA}"), STATEMENT);
    let ended = workspace.run(&topic, &definition, &["--config", config.to_str().unwrap()]);
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("database or disk is full; free disk space"), "{}", ended.stderr);
    define(&workspace, SCHEMA, STATEMENT);
    workspace.start(&["resume", &workspace.run_id()]).finish().expect_success();
    orders::expect_equal(&rows(&database(&workspace)), &expected);
}

#[test]
fn on_a_full_disk_no_record_is_half_applied_and_the_run_can_be_resumed_later() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let topic = workspace.broker.topic("full", PARTITIONS);
    let expected = orders::fill(workspace.broker, &topic, &mut random, 20_000, 5000);
    let directory = workspace.dir.path().join("disk");
    let Some(disk) = SmallDisk::over(&directory, "200k") else { return };
    let path = directory.join("orders.db");
    let config = workspace.dir.path().join("kreplay.toml");
    let settings = "[run]\non_failure = \"skip\"\nretry.attempts = 1\nretry.first_delay = \"10ms\"\n";
    std::fs::write(&config, settings).unwrap();
    let definition = workspace.define("orders", &format!("sqlite:{}", path.display()), SCHEMA, STATEMENT, "");
    let ended = workspace.run(&topic, &definition, &["--config", config.to_str().unwrap(), "--batch", "20"]);
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("free disk space"), "{}", ended.stderr);
    assert_eq!(workspace.report()["totals"]["skipped"], 0, "a full disk must not count as failed records");
    disk.grow();
    let before = applied(&path);
    assert!((1..20_000).contains(&before), "{before} applied");
    workspace.start(&["resume", &workspace.run_id()]).finish().expect_success();
    orders::expect_equal(&rows(&path), &expected);
}

#[test]
fn failing_records_are_isolated_and_the_others_applied() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let topic = workspace.broker.topic("poisoned", PARTITIONS);
    let expected = orders::fill(workspace.broker, &topic, &mut random, 5000, 200);
    let bad = (0..20).map(|n| NewRecord::keyed(format!("bad-{n}"), "{\"n\":1,\"amount\":-1}"));
    let garbage = (0..10).map(|n| NewRecord::keyed(format!("garbage-{n}"), "not json"));
    workspace.broker.produce(&topic, &bad.chain(garbage).collect::<Vec<_>>());
    let schema = SCHEMA.replace("amount bigint NOT NULL", "amount bigint NOT NULL CHECK (amount >= 0)");
    let definition = define(&workspace, &schema, STATEMENT);
    let config = workspace.dir.path().join("kreplay.toml");
    std::fs::write(&config, "[run]\non_failure = \"skip\"\nretry.attempts = 1\nretry.first_delay = \"10ms\"\n")
        .unwrap();
    let ended = workspace.run(&topic, &definition, &["--config", config.to_str().unwrap()]);
    assert_eq!(ended.code(), Some(3), "{}", ended.stderr);
    for part in ["CHECK constraint failed: amount >= 0", "the value cannot be decoded: it is not JSON"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let report = workspace.report();
    assert_eq!((&report["totals"]["skipped"], &report["totals"]["handled"]), (&30.into(), &5000.into()));
    assert_eq!(report["totals"]["retried"], 20, "undecodable values must not be retried");
    orders::expect_equal(&rows(&database(&workspace)), &expected);
}

#[test]
fn the_built_in_projection_does_not_depend_on_workers_or_on_the_directory_of_a_resume() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let topic = workspace.broker.topic("digests", PARTITIONS);
    let expected = orders::fill(workspace.broker, &topic, &mut random, 20_000, 300);
    let directory = |name: &str| {
        let path = workspace.dir.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("kreplay.toml"), "[projection]\ntarget = \"sqlite:keys.db\"\n").unwrap();
        path
    };
    let (one, many, elsewhere) = (directory("one"), directory("many"), workspace.dir.path().join("elsewhere"));
    std::fs::create_dir(&elsewhere).unwrap();
    let run = |dir: &Path, more: &[&str]| {
        let program = workspace.program(&["run", "--headless", "--topics", &topic, "--handler", "projection"]);
        program.args(more).current_dir(dir).spawn()
    };
    // It follows the log, so that it cannot end before the kill.
    let attempt = run(&many, &["--concurrency", "8", "--rate", "5k/s", "--to", "never"]);
    let path = many.join("keys.db");
    let count = "SELECT coalesce(sum(records), 0) FROM kreplay_projection";
    let records = |path: &Path| try_rows(path, count).map_or(0, |rows| rows[0][0].parse::<i64>().unwrap());
    wait::until("part of the records applied", LONG_RUN_TIMEOUT, || (records(&path) >= 3000).then_some(()));
    assert_eq!(attempt.kill().code(), None, "the run ended before the kill");
    run(&one, &["--concurrency", "1", "--no-journal"]).finish().expect_success();
    let resume: Program = workspace.program(&["resume", &workspace.run_id(), "--headless", "--rate", "off"]);
    let resumed = resume.current_dir(&elsewhere).spawn();
    stop_when("all records applied", resumed, || records(&path) == 20_000).expect_success();
    assert!(!elsewhere.join("keys.db").exists());
    let all =
        "SELECT key, records, last_partition, last_offset, last_value, digest FROM kreplay_projection ORDER BY key";
    let (sequential, parallel) = (try_rows(&one.join("keys.db"), all).unwrap(), try_rows(&path, all).unwrap());
    assert_eq!(sequential.len(), expected.len());
    assert!(sequential == parallel, "the tables differ");
    for row in sequential {
        assert_eq!(row[1], expected[&row[0]].0.to_string(), "{}", row[0]);
    }
}
