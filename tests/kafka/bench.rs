//! `kreplay bench --handlers`, small: handlers side by side on a real broker, and in a real PostgreSQL that nothing is left in.

use std::time::Duration;

use serde_json::Value;

use crate::support::broker::{self, unique_name};
use crate::support::postgres::{self, Database};
use crate::support::process::Program;
use crate::support::wait;

/// Every measurement is a process of its own, on a machine that may be busy.
const DEADLINE: Duration = Duration::from_secs(300);

/// A database, and a user of it with a password that nothing else is called.
struct Place {
    database: Database,
    user: String,
    password: String,
}

impl Place {
    fn new() -> Self {
        let database = postgres::shared().database();
        let user = unique_name("bench").replace('-', "_");
        let password = format!("s3cret{}", &user);
        database.execute(&format!("CREATE ROLE {user} LOGIN PASSWORD '{password}'"));
        Self { database, user, password }
    }

    /// The same, where the user may make schemas.
    fn with_rights() -> Self {
        let place = Self::new();
        place.database.execute(&format!("GRANT CREATE ON DATABASE {} TO {}", place.database.name(), place.user));
        place
    }

    fn bench(&self, args: &[&str]) -> Program {
        let (server, name) = (postgres::shared().address(), self.database.name());
        let url = format!("postgres://{}:${{env:BENCH_PASSWORD}}@{server}/{name}", self.user);
        let program = Program::kreplay().args(["bench", "--handlers", "--rounds", "1", "--concurrency", "2"]);
        let program = program.args(["--postgres", &url]).env("BENCH_PASSWORD", &self.password);
        program.args(args).deadline(DEADLINE)
    }

    fn schemas(&self) -> Vec<Vec<String>> {
        self.database.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'kreplay-bench-%'")
    }

    /// Nothing is left in the database, and nobody was told the password.
    fn expect_no_trace(&self, said: &[&str]) {
        assert_eq!(self.schemas(), Vec::<Vec<String>>::new());
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        assert_eq!(self.database.value(tables), "0");
        for text in said {
            assert!(!text.contains(&self.password), "{text}");
        }
    }
}

#[test]
fn sqlite_and_postgres_stand_side_by_side_on_a_cluster() {
    let place = Place::with_rights();
    let cluster = ["--bootstrap-server", broker::shared().bootstrap(), "--create", "--records", "3000"];
    let ended = place.bench(&[&cluster[..], &["--report", "json"]].concat()).run().expect_success();
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let cases = report["cases"].as_array().unwrap();
    let names: Vec<_> = cases.iter().map(|case| case["case"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["null × 2", "ndjson × 2", "projection (sqlite) × 2", "projection (postgres) × 2", "topic × 2", "producer × 2"]
    );
    for case in cases {
        assert_eq!(case["handled"]["median"], 3000.0, "{case:#}");
        assert!(case["limit"].is_string(), "{case:#}");
    }
    for (at, store, least) in [(2, "sqlite", 100_000.0), (3, "postgres", 150_000.0)] {
        let case = &cases[at];
        assert_eq!((&case["handler"], &case["store"]), (&"projection".into(), &store.into()), "{case:#}");
        assert_eq!(case["target"]["records_per_s"], least, "{case:#}");
        assert!(case["target_met"].is_boolean(), "{case:#}");
    }
    place.expect_no_trace(&[&ended.stdout, &ended.stderr]);
}

#[test]
fn a_database_that_lets_nobody_make_schemas_is_refused_before_anything_is_made() {
    let place = Place::new();
    let ended = place.bench(&[]).run();
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(2), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("GRANT CREATE ON DATABASE"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("producing"), "{}", ended.stderr);
    place.expect_no_trace(&[&ended.stderr]);
}

#[test]
fn a_measurement_that_fails_leaves_no_schema() {
    let place = Place::with_rights();
    // Schemas can be made, and nothing in them.
    place.database.execute(
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no tables here'; END $$; \
         CREATE EVENT TRIGGER no_tables ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse()",
    );
    let ended = place.bench(&["--records", "500"]).run();
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("projection (postgres) × 2: ") && last.contains("no tables here"), "{}", ended.stderr);
    place.expect_no_trace(&[&ended.stderr]);
}

#[test]
fn one_that_is_stopped_leaves_no_schema() {
    let place = Place::with_rights();
    // It stands still with its first table, until the server ends that connection.
    let holder = format!("projection-of-{}", place.user);
    place.database.execute(&format!(
        "CREATE FUNCTION hold() RETURNS event_trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM set_config('application_name', '{holder}', false); PERFORM pg_sleep(3600); END $$; \
         CREATE EVENT TRIGGER held ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION hold()"
    ));
    let running = place.bench(&["--records", "500"]).spawn();
    let held = format!("SELECT pid FROM pg_stat_activity WHERE application_name = '{holder}'");
    wait::until("a measurement in PostgreSQL", DEADLINE, || place.database.rows(&held).first().map(|_| ()));
    assert_eq!(place.schemas().len(), 1, "{}", running.stderr());
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains(&place.password), "{}", process.path().display());
    }
    running.signal("INT");
    let ended = running.finish();
    place.database.execute(&held.replace("pid", "pg_terminate_backend(pid)"));
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(4), ""), "{}", ended.stderr);
    place.expect_no_trace(&[&ended.stderr]);
}
