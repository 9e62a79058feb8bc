//! Small runs of `kreplay bench --handlers`: handlers side by side on a real broker and a real PostgreSQL, in which
//! nothing may be left behind.

use serde_json::Value;

use crate::support::broker::{self, unique_name};
use crate::support::postgres::{self, Database};
use crate::support::process::Program;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

/// A database, and a user with a password that occurs nowhere else.
struct BenchDatabase {
    database: Database,
    user: String,
    password: String,
}

impl BenchDatabase {
    fn new() -> Self {
        let database = postgres::shared().database();
        let user = unique_name("bench").replace('-', "_");
        let password = format!("s3cret{}", &user);
        database.execute(&format!("CREATE ROLE {user} LOGIN PASSWORD '{password}'"));
        Self { database, user, password }
    }

    /// The same, with a user who may create schemas.
    fn with_create_permission() -> Self {
        let setup = Self::new();
        setup.database.execute(&format!("GRANT CREATE ON DATABASE {} TO {}", setup.database.name(), setup.user));
        setup
    }

    fn bench(&self, args: &[&str]) -> Program {
        let (server, name) = (postgres::shared().address(), self.database.name());
        let url = format!("postgres://{}:${{env:BENCH_PASSWORD}}@{server}/{name}", self.user);
        let program = Program::kreplay().args(["bench", "--handlers", "--rounds", "1", "--concurrency", "2"]);
        let program = program.args(["--postgres", &url]).env("BENCH_PASSWORD", &self.password);
        program.args(args).timeout(RUN_TIMEOUT)
    }

    fn schemas(&self) -> Vec<Vec<String>> {
        self.database.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'kreplay-bench-%'")
    }

    /// Checks that nothing is left in the database and that no output has the password.
    fn expect_no_trace(&self, outputs: &[&str]) {
        assert_eq!(self.schemas(), Vec::<Vec<String>>::new());
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        assert_eq!(self.database.value(tables), "0");
        for text in outputs {
            assert!(!text.contains(&self.password), "{text}");
        }
    }
}

#[test]
fn sqlite_and_postgres_are_measured_side_by_side() {
    let setup = BenchDatabase::with_create_permission();
    let cluster = ["--bootstrap-server", broker::shared().bootstrap(), "--create", "--records", "3000"];
    let ended = setup.bench(&[&cluster[..], &["--report", "json"]].concat()).run().expect_success();
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
    setup.expect_no_trace(&[&ended.stdout, &ended.stderr]);
}

#[test]
fn missing_permission_to_create_schemas_is_refused_before_anything_is_created() {
    let setup = BenchDatabase::new();
    let ended = setup.bench(&[]).run();
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(2), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("GRANT CREATE ON DATABASE"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("producing"), "{}", ended.stderr);
    setup.expect_no_trace(&[&ended.stderr]);
}

#[test]
fn a_failed_measurement_leaves_no_schema() {
    let setup = BenchDatabase::with_create_permission();
    // Schemas can be created, but no tables in them.
    setup.database.execute(
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no tables here'; END $$; \
         CREATE EVENT TRIGGER no_tables ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse()",
    );
    let ended = setup.bench(&["--records", "500"]).run();
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("projection (postgres) × 2: ") && last.contains("no tables here"), "{}", ended.stderr);
    setup.expect_no_trace(&[&ended.stderr]);
}

#[test]
fn a_stopped_measurement_leaves_no_schema() {
    let setup = BenchDatabase::with_create_permission();
    // Creating the first table blocks until the server ends that connection.
    let holder = format!("projection-of-{}", setup.user);
    setup.database.execute(&format!(
        "CREATE FUNCTION hold() RETURNS event_trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM set_config('application_name', '{holder}', false); PERFORM pg_sleep(3600); END $$; \
         CREATE EVENT TRIGGER held ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION hold()"
    ));
    let running = setup.bench(&["--records", "500"]).spawn();
    let held = format!("SELECT pid FROM pg_stat_activity WHERE application_name = '{holder}'");
    wait::until("a measurement in PostgreSQL", RUN_TIMEOUT, || setup.database.rows(&held).first().map(|_| ()));
    assert_eq!(setup.schemas().len(), 1, "{}", running.stderr());
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains(&setup.password), "{}", process.path().display());
    }
    running.signal("INT");
    let ended = running.finish();
    setup.database.execute(&held.replace("pid", "pg_terminate_backend(pid)"));
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(4), ""), "{}", ended.stderr);
    setup.expect_no_trace(&[&ended.stderr]);
}
