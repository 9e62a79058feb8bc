//! Projections in an SQLite file: exactly once, whatever is killed.

use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::{Connection, OpenFlags};

use crate::orders::{self, DEADLINE, PARTITIONS, Place, ROWS, Rows, SCHEMA, STATEMENT};
use crate::small_disk::SmallDisk;
use crate::support::broker::{self, unique_name};
use crate::support::process::{Program, Running};
use crate::support::produce::NewRecord;
use crate::support::wait;

fn seed() -> StdRng {
    let seed = std::env::var("KREPLAY_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("KREPLAY_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

fn database(place: &Place<'_>) -> PathBuf {
    place.dir.path().join("orders.db")
}

/// The rows of a query as text; `None` where the file or the table is not there yet, or is locked just now.
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
    orders::read(try_rows(path, ROWS).unwrap())
}

fn applied(path: &Path) -> i64 {
    let found = try_rows(path, "SELECT coalesce(sum(records), 0) FROM orders").unwrap_or_default();
    found.first().map_or(0, |row| row[0].parse().unwrap())
}

fn wait_for_applied(path: &Path, run: &Running, count: i64) {
    let there = wait::try_until(DEADLINE, || (applied(path) >= count).then_some(()));
    assert!(there.is_some(), "{} of {count} applied\n{}", applied(path), run.stderr());
}

/// Writes a definition and the configuration that goes with it.
fn define(place: &Place<'_>, schema: &str, statement: &str) -> PathBuf {
    place.define("orders", "sqlite:orders.db", schema, statement, "")
}

#[test]
fn killed_at_ten_points_every_record_is_applied_once() {
    const RECORDS: u32 = 200_000;
    let (place, mut random) = (Place::new(broker::shared()), seed());
    let topic = place.broker.topic("projected", PARTITIONS);
    let expected = orders::fill(place.broker, &topic, &mut random, RECORDS, 5000);
    let (definition, path) = (define(&place, SCHEMA, STATEMENT), database(&place));
    let mut points: Vec<i64> = (0..10).map(|_| random.random_range(0..i64::from(RECORDS) * 3 / 4)).collect();
    points.sort_unstable();
    println!("killed at {points:?}");
    // So slow that a kill comes before the end, also where the machine is busy.
    let mut attempt = place.start_run(&topic, &definition, &["--rate", "25k/s"]);
    for point in points {
        wait_for_applied(&path, &attempt, point.max(1));
        let killed = attempt.kill();
        assert_eq!(killed.code(), None, "it was over before the kill: {}", killed.stderr);
        attempt = place.start(&["resume", &place.id()]);
    }
    attempt.finish().expect_success();
    orders::expect_equal(&rows(&path), &expected);
    let left = try_rows(&path, "SELECT count(*) FROM kreplay_applied").unwrap();
    assert_eq!(left, [["0"]], "nothing is kept below the positions");
    // Everything is there: another run has nothing to do.
    place.run(&topic, &definition, &["--no-journal"]).expect_success();
    orders::expect_equal(&rows(&path), &expected);
}

#[test]
fn of_two_processes_in_a_group_one_is_killed_and_the_other_does_the_rest() {
    const RECORDS: u32 = 60_000;
    let (place, mut random) = (Place::new(broker::shared()), seed());
    let topic = place.broker.topic("shared", PARTITIONS);
    let expected = orders::fill(place.broker, &topic, &mut random, RECORDS, 2000);
    let (definition, path, group) = (define(&place, SCHEMA, STATEMENT), database(&place), unique_name("projection"));
    let more = ["--group", &group, "--rate", "4k/s", "--no-journal"];
    let (gone, rest) = (place.start_run(&topic, &definition, &more), place.start_run(&topic, &definition, &more));
    let point = random.random_range(10_000..30_000);
    wait_for_applied(&path, &gone, point);
    assert_eq!(gone.kill().code(), None, "it was over before the kill");
    rest.finish().expect_success();
    orders::expect_equal(&rows(&path), &expected);
}

#[test]
fn a_run_that_another_one_replaces_says_so_and_writes_nothing_more() {
    let (place, mut random) = (Place::new(broker::shared()), seed());
    let topic = place.broker.topic("replaced", PARTITIONS);
    let expected = orders::fill(place.broker, &topic, &mut random, 30_000, 500);
    let (definition, path) = (define(&place, SCHEMA, STATEMENT), database(&place));
    let first = place.start_run(&topic, &definition, &["--rate", "3k/s", "--no-journal"]);
    wait_for_applied(&path, &first, 3000);
    let second = place.start_run(&topic, &definition, &["--no-journal"]);
    let ended = first.finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("another run has taken this projection over"), "{}", ended.stderr);
    second.finish().expect_success();
    orders::expect_equal(&rows(&path), &expected);
}

#[test]
fn what_can_never_work_is_said_before_the_run() {
    let place = Place::new(broker::shared());
    let topic = place.broker.topic("wrong", 1);
    orders::fill(place.broker, &topic, &mut StdRng::seed_from_u64(1), 10, 5);
    let missing = STATEMENT.replace("INTO orders", "INTO nowhere");
    for (schema, statement, code, part) in [
        ("CREATE TABEL orders ();", STATEMENT, 2, "orders.toml: schema: near \"TABEL\": syntax error"),
        (SCHEMA, "INSERT INTO orders VALEUS (:key)", 2, "orders.toml:11: sql: near \"VALEUS\": syntax error"),
        (SCHEMA, missing.as_str(), 2, "orders.toml:11: sql: no such table: nowhere; is it missing in schema?"),
        (SCHEMA, "INSERT INTO orders VALUES (:kye)", 2, "there is no parameter :kye; did you mean :key?"),
    ] {
        let ended = place.run(&topic, &define(&place, schema, statement), &["--no-journal"]);
        assert_eq!(ended.code(), Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    std::fs::write(database(&place), "this is no database ".repeat(100)).unwrap();
    let ended = place.run(&topic, &define(&place, SCHEMA, STATEMENT), &["--no-journal"]);
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("file is not a database"), "{}", ended.stderr);
}

#[test]
fn a_full_disk_fails_the_run_which_goes_on_when_there_is_room() {
    let (place, mut random) = (Place::new(broker::shared()), seed());
    let topic = place.broker.topic("full", PARTITIONS);
    let expected = orders::fill(place.broker, &topic, &mut random, 20_000, 5000);
    let config = place.dir.path().join("kreplay.toml");
    std::fs::write(&config, "[run]\nretry.attempts = 1\nretry.first_delay = \"10ms\"\n").unwrap();
    // The limit holds for the connection that the schema is run on.
    let definition = define(&place, &format!("PRAGMA max_page_count = 30;\n{SCHEMA}"), STATEMENT);
    let ended = place.run(&topic, &definition, &["--config", config.to_str().unwrap()]);
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("database or disk is full; make room on its disk"), "{}", ended.stderr);
    define(&place, SCHEMA, STATEMENT);
    place.start(&["resume", &place.id()]).finish().expect_success();
    orders::expect_equal(&rows(&database(&place)), &expected);
}

#[test]
fn on_a_disk_that_is_really_full_nothing_is_half_applied_and_the_run_goes_on_when_there_is_room() {
    let (place, mut random) = (Place::new(broker::shared()), seed());
    let topic = place.broker.topic("full", PARTITIONS);
    let expected = orders::fill(place.broker, &topic, &mut random, 20_000, 5000);
    let directory = place.dir.path().join("disk");
    let Some(disk) = SmallDisk::over(&directory, "200k") else { return };
    let path = directory.join("orders.db");
    let config = place.dir.path().join("kreplay.toml");
    let settings = "[run]\non_failure = \"skip\"\nretry.attempts = 1\nretry.first_delay = \"10ms\"\n";
    std::fs::write(&config, settings).unwrap();
    let definition = place.define("orders", &format!("sqlite:{}", path.display()), SCHEMA, STATEMENT, "");
    let ended = place.run(&topic, &definition, &["--config", config.to_str().unwrap(), "--batch", "20"]);
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("make room on its disk"), "{}", ended.stderr);
    assert_eq!(place.report()["totals"]["skipped"], 0, "this is no fault of a record");
    disk.grow();
    let before = applied(&path);
    assert!((1..20_000).contains(&before), "{before} applied");
    place.start(&["resume", &place.id()]).finish().expect_success();
    orders::expect_equal(&rows(&path), &expected);
}

#[test]
fn records_that_fail_are_isolated_and_the_others_applied() {
    let (place, mut random) = (Place::new(broker::shared()), seed());
    let topic = place.broker.topic("poisoned", PARTITIONS);
    let expected = orders::fill(place.broker, &topic, &mut random, 5000, 200);
    let bad = (0..20).map(|n| NewRecord::keyed(format!("bad-{n}"), "{\"n\":1,\"amount\":-1}"));
    let garbage = (0..10).map(|n| NewRecord::keyed(format!("garbage-{n}"), "not json"));
    place.broker.produce(&topic, &bad.chain(garbage).collect::<Vec<_>>());
    let schema = SCHEMA.replace("amount bigint NOT NULL", "amount bigint NOT NULL CHECK (amount >= 0)");
    let definition = define(&place, &schema, STATEMENT);
    let config = place.dir.path().join("kreplay.toml");
    std::fs::write(&config, "[run]\non_failure = \"skip\"\nretry.attempts = 1\nretry.first_delay = \"10ms\"\n")
        .unwrap();
    let ended = place.run(&topic, &definition, &["--config", config.to_str().unwrap()]);
    assert_eq!(ended.code(), Some(3), "{}", ended.stderr);
    for part in ["CHECK constraint failed: amount >= 0", "the value cannot be decoded: it is not JSON"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let report = place.report();
    assert_eq!((&report["totals"]["skipped"], &report["totals"]["handled"]), (&30.into(), &5000.into()));
    assert_eq!(report["totals"]["retried"], 20, "what can never be decoded is not tried again");
    orders::expect_equal(&rows(&database(&place)), &expected);
}

#[test]
fn the_built_in_projection_is_the_same_for_any_number_of_workers_and_resumed_from_elsewhere() {
    let (place, mut random) = (Place::new(broker::shared()), seed());
    let topic = place.broker.topic("digests", PARTITIONS);
    let expected = orders::fill(place.broker, &topic, &mut random, 20_000, 300);
    let directory = |name: &str| {
        let path = place.dir.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("kreplay.toml"), "[projection]\ntarget = \"sqlite:keys.db\"\n").unwrap();
        path
    };
    let (one, many, elsewhere) = (directory("one"), directory("many"), place.dir.path().join("elsewhere"));
    std::fs::create_dir(&elsewhere).unwrap();
    let run = |dir: &Path, more: &[&str]| {
        let program = place.program(&["run", "--headless", "--topics", &topic, "--handler", "projection"]);
        program.args(more).current_dir(dir).spawn()
    };
    run(&one, &["--concurrency", "1", "--no-journal"]).finish().expect_success();
    let attempt = run(&many, &["--concurrency", "8", "--rate", "5k/s"]);
    let path = many.join("keys.db");
    let count = "SELECT coalesce(sum(records), 0) FROM kreplay_projection";
    let records = |path: &Path| try_rows(path, count).map_or(0, |rows| rows[0][0].parse::<i64>().unwrap());
    wait::until("part of it applied", DEADLINE, || (records(&path) >= 3000).then_some(()));
    assert_eq!(attempt.kill().code(), None, "it was over before the kill");
    let resume: Program = place.program(&["resume", &place.id(), "--headless", "--rate", "off"]);
    resume.current_dir(&elsewhere).run().expect_success();
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
