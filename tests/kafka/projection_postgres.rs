//! Projections in a real PostgreSQL: every record is applied exactly once, whatever is killed.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::fixtures::commit_cutter::CommitCutter;
use crate::fixtures::following::stop_when;
use crate::fixtures::gate;
use crate::fixtures::orders::{self, PARTITIONS, ROWS_QUERY, Rows, SCHEMA, STATEMENT, Workspace};
use crate::support::broker::{self, unique_name};
use crate::support::postgres::{self, Database, Postgres};
use crate::support::process::Running;
use crate::support::timeouts::LONG_RUN_TIMEOUT;
use crate::support::{random, wait};

fn rows(database: &Database) -> Rows {
    orders::parse(database.rows(ROWS_QUERY))
}

/// The number of records recorded as applied; 0 if the tables do not exist yet.
fn applied(database: &Database) -> i64 {
    let rows = database.try_rows("SELECT coalesce(sum(records), 0) FROM kreplay_applied").unwrap_or_default();
    rows.first().map_or(0, |row| row[0].parse().unwrap())
}

fn wait_for_applied(database: &Database, run: &mut Running, count: i64) {
    let there = wait::try_until(LONG_RUN_TIMEOUT, || (applied(database) >= count).then_some(()));
    assert!(there.is_some(), "{} of {count} applied\n{}", applied(database), run.stderr());
}

/// Checks that every row is that of the sequential result, and that each record is recorded as applied once.
fn expect_exactly_once(database: &Database, expected: &Rows) {
    orders::expect_equal(&rows(database), expected);
    assert_eq!(applied(database), expected.values().map(|row| row.0).sum::<i64>());
}

#[test]
fn a_run_killed_ten_times_applies_every_record_once() {
    const RECORDS: u32 = 100_000;
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("projected", PARTITIONS), postgres::shared().database());
    let mut expected = orders::fill(workspace.broker, &topic, &mut random, RECORDS, 5000);
    gate::append(workspace.broker, &topic, &mut expected);
    let definition = workspace.define("orders", database.url(), &gate::postgres_schema(), STATEMENT, "");
    let config = workspace.configure(gate::SETTINGS);
    let mut points: Vec<i64> = (0..10).map(|_| random.random_range(0..i64::from(RECORDS) * 9 / 10)).collect();
    points.sort_unstable();
    println!("killed at {points:?}");
    let mut attempt = workspace.start_run(&topic, &definition, &["--config", &config]);
    for point in points {
        wait_for_applied(&database, &mut attempt, point.max(1));
        let killed = attempt.kill();
        assert_eq!(killed.code(), None, "the run ended before the kill: {}", killed.stderr);
        attempt = workspace.start(&["resume", &workspace.run_id()]);
    }
    database.execute(gate::OPEN);
    attempt.finish().expect_success();
    expect_exactly_once(&database, &expected);
}

#[test]
fn a_restarted_database_neither_loses_nor_repeats_records() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let server = Postgres::start().unwrap();
    let (topic, database) = (workspace.broker.topic("restarted", PARTITIONS), server.database());
    let mut expected = orders::fill(workspace.broker, &topic, &mut random, 40_000, 1000);
    gate::append(workspace.broker, &topic, &mut expected);
    let definition = workspace.define("orders", database.url(), &gate::postgres_schema(), STATEMENT, "");
    // Its retries also last while the server restarts, which may take long on a busy machine.
    let config = workspace.configure(gate::SETTINGS);
    let args = ["--rate", "8000/s", "--config", &config];
    let mut run = workspace.start_run(&topic, &definition, &args);
    for point in [2000, 12_000, 25_000] {
        wait_for_applied(&database, &mut run, point);
        server.crash();
        server.restart();
    }
    database.execute(gate::OPEN);
    let ended = run.finish().expect_success();
    assert!(ended.stderr.contains("lost the connection"), "{}", ended.stderr);
    expect_exactly_once(&database, &expected);
}

#[test]
fn invalid_targets_and_definitions_are_reported_before_the_run_without_the_password() {
    let workspace = Workspace::new(broker::shared());
    let (topic, database) = (workspace.broker.topic("wrong", 1), postgres::shared().database());
    orders::fill(workspace.broker, &topic, &mut StdRng::seed_from_u64(1), 10, 5);
    let url = database.url();
    let statement = STATEMENT.replace("INTO orders", "INTO nothing");
    for (name, target, schema, statement, part) in [
        ("password", database.url_with(":kreplay@", ":s3cret@"), SCHEMA, STATEMENT, "password authentication failed"),
        ("database", database.url_with(database.name(), "nowhere"), SCHEMA, STATEMENT, "does not exist"),
        ("schema", url.to_owned(), "CREATE TABEL orders ();", STATEMENT, "the schema script failed: syntax error"),
        ("statement", url.to_owned(), SCHEMA, "INSERT INTO orders VALEUS (:key)", "syntax error"),
        ("table", url.to_owned(), SCHEMA, statement.as_str(), "line 11: relation \"nothing\" does not exist"),
        ("sslmode", format!("{url}?sslmode=sometimes"), SCHEMA, STATEMENT, "sslmode"),
    ] {
        let definition = workspace.define(name, &target, schema, statement, "");
        let ended = workspace.run(&topic, &definition, &["--no-journal"]);
        assert_eq!(ended.code(), Some(2), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(part), "{name}: {}", ended.stderr);
        assert!(!ended.stderr.contains("s3cret") && !ended.stderr.contains(":kreplay@"), "{}", ended.stderr);
    }
    let definition = workspace.define(
        "away",
        &database.url_with(postgres::shared().address(), "127.0.0.1:1"),
        SCHEMA,
        STATEMENT,
        "",
    );
    let ended = workspace.run(&topic, &definition, &["--no-journal"]);
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot connect"), "{}", ended.stderr);
}

#[test]
fn failing_records_are_isolated_and_the_others_applied() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("poisoned", PARTITIONS), postgres::shared().database());
    let expected = orders::fill(workspace.broker, &topic, &mut random, 5000, 200);
    let bad: Vec<_> = (0..30)
        .map(|n| crate::support::produce::NewRecord::keyed(format!("bad-{n}"), "{\"n\":1,\"amount\":\"much\"}"))
        .collect();
    workspace.broker.produce(&topic, &bad);
    orders::fill(workspace.broker, &topic, &mut random, 100, 1);
    let definition = workspace.define("orders", database.url(), SCHEMA, STATEMENT, "");
    let config = workspace.dir.path().join("kreplay.toml");
    std::fs::write(&config, "[run]\non_failure = \"skip\"\nretry.attempts = 1\nretry.first_delay = \"10ms\"\n")
        .unwrap();
    let ended = workspace.run(&topic, &definition, &["--config", config.to_str().unwrap()]);
    assert_eq!(ended.code(), Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("invalid input syntax for type bigint"), "{}", ended.stderr);
    let report = workspace.report();
    assert_eq!((&report["totals"]["skipped"], &report["totals"]["handled"]), (&30.into(), &5100.into()));
    assert_eq!(applied(&database), 5100);
    let mut found = rows(&database);
    found.remove("key-0");
    let mut expected = expected;
    expected.remove("key-0");
    orders::expect_equal(&found, &expected);
}

#[test]
fn a_violated_deferred_constraint_fails_only_its_record() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("deferred", 1), postgres::shared().database());
    let expected = orders::fill(workspace.broker, &topic, &mut random, 500, 20);
    let refused: i64 = expected["key-7"].0;
    let schema = format!(
        "{SCHEMA} CREATE TABLE IF NOT EXISTS known (key text PRIMARY KEY); INSERT INTO known SELECT 'key-' || n FROM \
         generate_series(0, 19) n WHERE n <> 7 ON CONFLICT DO NOTHING; ALTER TABLE orders DROP CONSTRAINT IF EXISTS k; \
         ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (key) REFERENCES known DEFERRABLE INITIALLY DEFERRED;"
    );
    let definition = workspace.define("orders", database.url(), &schema, STATEMENT, "");
    let config = workspace.dir.path().join("kreplay.toml");
    std::fs::write(&config, "[run]\non_failure = \"skip\"\nretry.attempts = 0\n").unwrap();
    let ended = workspace.run(&topic, &definition, &["--config", config.to_str().unwrap()]);
    assert_eq!(ended.code(), Some(3), "{}", ended.stderr);
    assert_eq!(workspace.report()["totals"]["skipped"], refused);
    let mut expected = expected;
    expected.remove("key-7");
    expect_exactly_once(&database, &expected);
}

#[test]
fn a_missing_table_stops_the_run_which_can_be_resumed_later() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("renamed", PARTITIONS), postgres::shared().database());
    let mut expected = orders::fill(workspace.broker, &topic, &mut random, 20_000, 500);
    gate::append(workspace.broker, &topic, &mut expected);
    let definition = workspace.define("orders", database.url(), &gate::postgres_schema(), STATEMENT, "");
    let config = workspace.configure(gate::SETTINGS);
    let mut run = workspace.start_run(&topic, &definition, &["--rate", "5000/s", "--config", &config]);
    wait_for_applied(&database, &mut run, 1000);
    database.execute("ALTER TABLE orders RENAME TO away");
    let ended = run.finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("relation \"orders\" does not exist"), "{}", ended.stderr);
    database.execute("ALTER TABLE away RENAME TO orders");
    database.execute(gate::OPEN);
    workspace.start(&["resume", &workspace.run_id()]).finish().expect_success();
    expect_exactly_once(&database, &expected);
}

#[test]
fn a_full_disk_is_retried_by_the_retry_settings() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("full", PARTITIONS), postgres::shared().database());
    let expected = orders::fill(workspace.broker, &topic, &mut random, 5000, 100);
    // A trigger raises the server's error for a full disk a few times. Its sequence is not rolled back.
    let schema = format!(
        "{SCHEMA} CREATE SEQUENCE IF NOT EXISTS tries; CREATE OR REPLACE FUNCTION refuse() RETURNS trigger AS $$ BEGIN \
         IF nextval('tries') BETWEEN 50 AND 60 THEN RAISE EXCEPTION 'could not extend file: No space left on device' USING \
         ERRCODE = '53100'; END IF; RETURN NEW; END $$ LANGUAGE plpgsql; CREATE OR REPLACE TRIGGER full_disk BEFORE INSERT ON \
         orders FOR EACH ROW EXECUTE FUNCTION refuse();"
    );
    let definition = workspace.define("orders", database.url(), &schema, STATEMENT, "");
    let config = workspace.dir.path().join("kreplay.toml");
    std::fs::write(&config, "[run]\nretry.attempts = 30\nretry.first_delay = \"10ms\"\nretry.max_delay = \"100ms\"\n")
        .unwrap();
    workspace.run(&topic, &definition, &["--config", config.to_str().unwrap()]).expect_success();
    assert_ne!(workspace.report()["totals"]["retried"], 0);
    expect_exactly_once(&database, &expected);
}

#[test]
fn in_a_group_the_other_process_finishes_the_work_of_a_killed_one() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("shared", PARTITIONS), postgres::shared().database());
    let group = unique_name("projection");
    let records = orders::random_records(&mut random, 20_000, 1000);
    let (of_first, rest) = records.split_at(8_000);
    let (of_both, after_kill) = rest.split_at(8_000);
    workspace.broker.produce(&topic, of_first);
    let definition = workspace.define("orders", database.url(), SCHEMA, STATEMENT, "");
    // The processes follow the log, so that neither can end before the last records are written.
    let more = ["--group", &group, "--rate", "4000/s", "--no-journal", "--to", "never"];
    let mut first = workspace.start_run(&topic, &definition, &more);
    wait_for_applied(&database, &mut first, 1000);
    let second = workspace.start_run(&topic, &definition, &more);
    wait::until("partitions claimed by the second process", LONG_RUN_TIMEOUT, || {
        let taken = database.value("SELECT count(*) FROM kreplay_positions WHERE owner > 1");
        (taken != "0").then_some(())
    });
    workspace.broker.produce(&topic, of_both);
    wait_for_applied(&database, &mut first, 11_000);
    assert_eq!(second.kill().code(), None, "the second process ended before the kill");
    // When these are applied, the first process has all partitions.
    workspace.broker.produce(&topic, after_kill);
    stop_when("all records applied", first, || applied(&database) == 20_000).expect_success();
    expect_exactly_once(&database, &orders::rows_of(&records));
}

#[test]
fn sslmode_controls_encryption_and_certificate_checks() {
    let workspace = Workspace::new(broker::shared());
    let (topic, database) = (workspace.broker.topic("encrypted", 1), postgres::shared().database());
    let Some(certificate) = postgres::shared().certificate() else { return };
    let rows = orders::fill(workspace.broker, &topic, &mut StdRng::seed_from_u64(1), 10, 5);
    let schema = format!(
        "{SCHEMA} CREATE TABLE IF NOT EXISTS seen AS SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid();"
    );
    let url = database.url();
    let definition = workspace.define("plain", &format!("{url}?sslmode=verify-full"), &schema, STATEMENT, "");
    let ended = workspace.run(&topic, &definition, &["--no-journal"]);
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("invalid peer certificate"), "{}", ended.stderr);
    let target = format!("{url}?sslmode=verify-full&sslrootcert={}", certificate.display());
    let definition = workspace.define("checked", &target, &schema, STATEMENT, "");
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    assert_eq!(database.value("SELECT ssl FROM seen"), "t");
    expect_exactly_once(&database, &rows);
}

/// When the response to a commit is lost, only the database knows whether the transaction was committed.
#[test]
fn a_commit_whose_response_is_lost_is_neither_repeated_nor_skipped() {
    const CUTS: usize = 30;
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("doubt", PARTITIONS), postgres::shared().database());
    let records = orders::random_records(&mut random, 20_000, 500);
    let (before, cut) = records.split_at(500);
    workspace.broker.produce(&topic, before);
    let cutter = CommitCutter::in_front_of(postgres::shared().address(), random.random());
    let target = format!("{}?sslmode=disable", database.url_with(postgres::shared().address(), &cutter.address()));
    let definition = workspace.define("orders", &target, SCHEMA, STATEMENT, "");
    // It follows the log, so that it cannot apply the records whose commits are cut before that begins.
    let args = ["--batch", "50", "--rate", "4000/s", "--to", "never"];
    let mut run = workspace.start_run(&topic, &definition, &args);
    wait_for_applied(&database, &mut run, 500);
    cutter.start(CUTS);
    workspace.broker.produce(&topic, cut);
    let ended = stop_when("all records applied", run, || applied(&database) == 20_000).expect_success();
    assert_eq!(cutter.cuts_made(), CUTS, "{}", ended.stderr);
    assert!(ended.stderr.contains("lost the connection"), "{}", ended.stderr);
    expect_exactly_once(&database, &orders::rows_of(&records));
    let report = workspace.report();
    assert_eq!((&report["totals"]["handled"], &report["totals"]["retried"]), (&20_000.into(), &0.into()), "{report:#}");
}

/// Ends the connection at the first commit of records of two partitions, but only when a row is in the table `taken`.
/// A transaction that compacts is left alone: it locks the positions, which the test has to change meanwhile.
const CUT_AT_COMMIT: &str = "
CREATE TABLE IF NOT EXISTS taken (id integer);
CREATE SEQUENCE IF NOT EXISTS cuts;
CREATE OR REPLACE FUNCTION cut() RETURNS trigger AS $$ BEGIN
    IF (SELECT is_called FROM cuts)
        OR EXISTS (SELECT FROM kreplay_positions WHERE xmin = pg_current_xact_id()::xid)
        OR (SELECT count(DISTINCT partition) FROM kreplay_applied WHERE xmin = pg_current_xact_id()::xid) < 2
    THEN
        RETURN NULL;
    END IF;
    PERFORM nextval('cuts');
    WHILE NOT EXISTS (SELECT FROM taken) LOOP PERFORM pg_sleep(0.05); END LOOP;
    PERFORM pg_terminate_backend(pg_backend_pid());
    RETURN NULL;
END $$ LANGUAGE plpgsql;
DROP TRIGGER IF EXISTS cut ON orders;
CREATE CONSTRAINT TRIGGER cut AFTER INSERT OR UPDATE ON orders DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION cut();";

/// The commit is rolled back. Meanwhile another process claims one of the partitions and applies the same records of
/// it, which must not count as those of the other partition.
#[test]
fn a_lost_commit_does_not_count_because_another_process_applied_a_part_of_it() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("taken", 2), postgres::shared().database());
    let expected = orders::fill(workspace.broker, &topic, &mut random, 20_000, 500);
    let definition = workspace.define("orders", database.url(), &format!("{SCHEMA}{CUT_AT_COMMIT}"), STATEMENT, "");
    let handler = format!("projection:{}", definition.display());
    // One worker, so that no other one meets the new owner first.
    let args = ["run", "--topics", &topic, "--handler", &handler, "--concurrency", "1", "--batch", "100"];
    let mut run = workspace.start(&args);
    wait::until("a commit of both partitions", LONG_RUN_TIMEOUT, || {
        let called = database.try_rows("SELECT is_called FROM cuts").unwrap_or_default();
        (called == [["t"]] || run.ended()).then_some(())
    });
    let position = database.value("SELECT coalesce(position, 0) FROM kreplay_positions WHERE partition = 0");
    database.execute(
        "UPDATE kreplay_positions SET owner = 7, position = 1000000 WHERE partition = 0; INSERT INTO taken VALUES (1)",
    );
    let ended = run.finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("lost the connection"), "{}", ended.stderr);
    assert!(ended.stderr.contains("another process has claimed this partition"), "{}", ended.stderr);
    let handled = workspace.report()["totals"]["handled"].as_i64().unwrap();
    assert!(handled <= applied(&database), "{handled} handled, {} applied", applied(&database));
    // In truth, no other process has applied anything.
    database.execute(&format!("UPDATE kreplay_positions SET position = {position} WHERE partition = 0"));
    workspace.start(&["resume", &workspace.run_id()]).finish().expect_success();
    expect_exactly_once(&database, &expected);
}

/// The time to restore a connection counts from its loss. This one is lost after a statement that takes longer.
#[test]
fn a_connection_that_is_lost_late_in_a_batch_is_restored() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("late", PARTITIONS), postgres::shared().database());
    let expected = orders::fill(workspace.broker, &topic, &mut random, 1000, 50);
    let schema = format!(
        "{SCHEMA} CREATE SEQUENCE IF NOT EXISTS tries; CREATE OR REPLACE FUNCTION cut() RETURNS trigger AS $$ BEGIN IF \
         nextval('tries') = 1 THEN PERFORM pg_sleep(3); PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN \
         NEW; END $$ LANGUAGE plpgsql; CREATE OR REPLACE TRIGGER cut BEFORE INSERT ON orders FOR EACH ROW EXECUTE \
         FUNCTION cut();"
    );
    let definition = workspace.define("orders", database.url(), &schema, STATEMENT, "");
    let config = workspace.configure("[run]\nretry.attempts = 0\n[projection]\nreconnect_timeout = \"1s\"\n");
    let ended = workspace.run(&topic, &definition, &["--no-journal", "--config", &config]).expect_success();
    assert!(ended.stderr.contains("lost the connection"), "{}", ended.stderr);
    expect_exactly_once(&database, &expected);
}

#[test]
fn resuming_a_run_names_the_secret_that_its_journal_does_not_store() {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("secret", PARTITIONS), postgres::shared().database());
    orders::fill(workspace.broker, &topic, &mut random, 5000, 100);
    let given = |args: &[&str]| {
        let program = workspace.program(args).args(["--headless"]);
        program.env("KREPLAY_PROJECTION_TARGET", database.url())
    };
    // It follows the log, so that it cannot end before the kill.
    let follow = ["run", "--topics", &topic, "--handler", "projection", "--rate", "1k/s", "--to", "never"];
    let mut run = given(&follow).spawn();
    wait_for_applied(&database, &mut run, 500);
    assert_eq!(run.kill().code(), None, "the run ended before the kill");
    let id = workspace.run_id();
    let refused = workspace.program(&["resume", &id, "--headless"]).run();
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr);
    for part in [&id, "projection.target", "KREPLAY_PROJECTION_TARGET", "which its journal does not store"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(!refused.stderr.contains(":kreplay@"), "{}", refused.stderr);
    let resumed = given(&["resume", &id, "--rate", "off"]).spawn();
    stop_when("all records applied", resumed, || applied(&database) == 5000).expect_success();
}

/// A parameter used several times has the type required at each use.
#[test]
fn a_parameter_can_have_several_types() {
    let workspace = Workspace::new(broker::shared());
    let (topic, database) = (workspace.broker.topic("types", 1), postgres::shared().database());
    let uuid = "6f1c9a52-0b3e-4f57-9d0a-2f0f6a3f7e11";
    let value = format!("{{\"id\":\"{uuid}\",\"n\":7,\"a\":{{\"b\":1,\"c\":2}},\"s\":\"007\"}}");
    workspace.broker.produce(&topic, &[crate::support::produce::NewRecord::keyed("k", value)]);
    for (name, columns, values, expected) in [
        ("json", "a jsonb, b text", ":json.a, :json.a", r#"{"b": 1, "c": 2}|{"b":1,"c":2}"#),
        ("whole", "a bigint, b text", ":json.n, :json.n", "7|7"),
        ("uuid", "a uuid, b text", ":json.id, upper(:json.id)", &format!("{uuid}|{}", uuid.to_uppercase())),
        ("casts", "a bigint, b text", ":json.s::bigint, :json.s::text", "7|007"),
        ("case", "a bigint, b text", ":json.n, CASE WHEN :json.n > 5 THEN 'many' || :json.n END", "7|many7"),
        ("null", "a bigint, b boolean", "CAST(:json.s AS bigint), :json.s IS NULL", "7|false"),
        ("function", "a bigint, b text", "length(:json.s), to_char(CAST(:json.s AS int), 'FM999')", "3|7"),
    ] {
        let schema = format!("CREATE TABLE IF NOT EXISTS t_{name} ({columns});");
        let statement = format!("INSERT INTO t_{name} VALUES ({values})");
        let definition = workspace.define(name, database.url(), &schema, &statement, "");
        workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
        assert_eq!(database.rows(&format!("SELECT a::text, b::text FROM t_{name}"))[0].join("|"), expected, "{name}");
    }
    let definition = workspace.define("never", database.url(), "", "SELECT format('%s', :json.n)", "");
    let ended = workspace.run(&topic, &definition, &["--no-journal"]);
    assert_eq!(ended.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("parameter :json.n") && ended.stderr.contains("CAST("), "{}", ended.stderr);
}

/// Errors that the user can only fix on the server name the setting or command that fixes them.
#[test]
fn server_errors_name_the_setting_or_command_that_fixes_them() {
    let workspace = Workspace::new(broker::shared());
    let (topic, database) = (workspace.broker.topic("refused", 1), postgres::shared().database());
    orders::fill(workspace.broker, &topic, &mut StdRng::seed_from_u64(1), 10, 5);
    let user = unique_name("reader").replace('-', "_");
    database.execute(&format!(
        "CREATE ROLE {user} LOGIN PASSWORD '{user}'; REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE SCHEMA own; \
         CREATE TABLE own.orders (key text PRIMARY KEY); GRANT ALL ON SCHEMA own TO {user};"
    ));
    let without_permission = database.url_with("kreplay:kreplay@", &format!("{user}:{user}@"));
    let no_password = database.url_with("kreplay:kreplay@", "kreplay@");
    let (own, url) = (format!("{without_permission}?options=-csearch_path%3Down"), database.url().to_owned());
    let (table, read) = ("CREATE TABLE IF NOT EXISTS t (a int);", "SET TRANSACTION READ ONLY; CREATE TABLE u (a int);");
    let conflict = "INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING";
    for (name, target, schema, statement, code, part) in [
        ("schema", without_permission, "", STATEMENT, 2, "projection.schema"),
        ("rights", own, "", "INSERT INTO orders VALUES (:key)", 1, "GRANT SELECT"),
        ("column", url.clone(), table, "INSERT INTO t (b) VALUES (1)", 2, "ALTER TABLE"),
        ("index", url.clone(), "", conflict, 1, "unique index"),
        ("password", no_password, "", STATEMENT, 2, "PGPASSWORD"),
        ("reads", url, read, STATEMENT, 1, "target_session_attrs=read-write"),
    ] {
        let definition = workspace.define(name, &target, schema, statement, "");
        let ended = workspace.run(&topic, &definition, &["--no-journal"]);
        assert_eq!(ended.code(), Some(code), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(part), "{name}: {}", ended.stderr);
        assert!(!ended.stderr.contains(&format!(":{user}@")), "{}", ended.stderr);
    }
    database.execute(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}
