//! Shadow rebuilds: the old projection stays in use until the new one is verified, and then changes places with it at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::Connection;

use crate::guard::commit;
use crate::orders::{self, DEADLINE, PARTITIONS, Place, ROWS, Rows, SCHEMA, STATEMENT};
use crate::support::broker;
use crate::support::postgres::{self, Database};
use crate::support::process::{Program, Running};
use crate::support::produce::NewRecord;
use crate::support::wait;

const RECORDS: u32 = 10_000;
/// The new definition differs from the old one in one column's meaning.
const NEW: &str = "INSERT INTO orders VALUES (:key, 1, :json.amount, :json.n)
ON CONFLICT (key) DO UPDATE SET records = orders.records + 1, amount = orders.amount + 2 * excluded.amount,
    chain = (orders.chain * 31 + excluded.chain) % 1000000007";
const CHECK: &str = "check = \"SELECT key, records FROM orders WHERE records < 1\"";
const WRONG: &str = "check = \"SELECT key, records FROM orders WHERE key = 'key-1'\"";

fn seed() -> StdRng {
    let seed = std::env::var("KREPLAY_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("KREPLAY_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// The old projection, and what the new one has to be.
struct Both {
    old: Rows,
    new: Rows,
}

/// A projection in use, in either kind of database.
trait Live {
    /// What a definition names as its target.
    fn target(&self) -> String;
    /// Further settings of the configuration.
    fn settings(&self) -> String;
    /// What whoever uses the projection sees.
    fn rows(&self) -> Rows;
    /// What is kept of those before.
    fn kept(&self) -> Vec<String>;
    /// How many records are applied to the rebuild that is under way.
    fn rebuilt(&self) -> i64;
    /// Whether the rebuild has taken its place. It does not touch what is in use.
    fn is_exchanged(&self) -> bool;
    /// What somebody who uses one that is kept would see.
    fn rows_of_kept(&self, name: &str) -> Rows;
    /// Takes one record away from the rebuild, without a trace.
    fn damage(&self);
}

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

impl Live for File {
    fn target(&self) -> String {
        format!("sqlite:{}", self.0.display())
    }

    fn settings(&self) -> String {
        String::new()
    }

    fn rows(&self) -> Rows {
        orders::read(Self::read(&self.0, ROWS))
    }

    fn kept(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).filter(|name| name.contains(".old-")).collect()
    }

    fn rebuilt(&self) -> i64 {
        let Ok(connection) = Connection::open_with_flags(self.shadow(), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
        else {
            return 0;
        };
        connection.query_row("SELECT coalesce(sum(records), 0) FROM kreplay_sums", [], |row| row.get(0)).unwrap_or(0)
    }

    fn is_exchanged(&self) -> bool {
        // The old one has got its second name before the rename.
        !self.kept().is_empty() && !self.shadow().exists()
    }

    fn rows_of_kept(&self, name: &str) -> Rows {
        orders::read(Self::read(&self.0.with_file_name(name), ROWS))
    }

    fn damage(&self) {
        let connection = Connection::open(self.shadow()).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute("UPDATE kreplay_sums SET digest = digest - 1", []).unwrap();
    }
}

impl Live for Database {
    fn target(&self) -> String {
        self.url().to_owned()
    }

    fn settings(&self) -> String {
        "[projection]\nschema = \"model\"\n".into()
    }

    fn rows(&self) -> Rows {
        orders::read(self.rows(&ROWS.replace("FROM orders", "FROM model.orders")))
    }

    fn kept(&self) -> Vec<String> {
        Self::rows(self, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'model_old%'").concat()
    }

    fn rebuilt(&self) -> i64 {
        let rows =
            self.try_rows("SELECT coalesce(sum(records), 0) FROM model_shadow.kreplay_applied").unwrap_or_default();
        rows.first().map_or(0, |row| row[0].parse().unwrap())
    }

    fn is_exchanged(&self) -> bool {
        !self.kept().is_empty()
    }

    fn rows_of_kept(&self, name: &str) -> Rows {
        orders::read(self.rows(&ROWS.replace("FROM orders", &format!("FROM \"{name}\".orders"))))
    }

    fn damage(&self) {
        self.execute("UPDATE model_shadow.kreplay_applied SET digest = digest - 1");
    }
}

/// A topic, and the old projection of it in use.
struct Scene<'a> {
    place: Place<'a>,
    topic: String,
    config: PathBuf,
    both: Both,
}

impl Scene<'_> {
    fn new(live: &dyn Live) -> Self {
        let place = Place::new(broker::shared());
        let mut random = seed();
        let topic = place.broker.topic("rebuilt", PARTITIONS);
        let old = orders::fill(place.broker, &topic, &mut random, RECORDS, 500);
        let config = place.dir.path().join("kreplay.toml");
        std::fs::write(&config, live.settings()).unwrap();
        let definition = place.define("orders", &live.target(), SCHEMA, STATEMENT, "");
        let scene = Self { place, topic, config, both: Both { new: Rows::new(), old } };
        scene.run(&definition, &["--no-journal"]).finish().expect_success();
        orders::expect_equal(&live.rows(), &scene.both.old);
        scene
    }

    /// What the new projection has to be, as found out by a run of it elsewhere.
    fn expect(mut self, live: &dyn Live) -> Self {
        let file = File(self.place.dir.path().join("expected.db"));
        let definition = self.place.define("expected", &file.target(), SCHEMA, NEW, "");
        self.run(&definition, &["--no-journal"]).finish().expect_success();
        self.both.new = Live::rows(&file);
        assert_ne!(self.both.new, self.both.old);
        orders::expect_equal(&live.rows(), &self.both.old);
        self
    }

    fn run(&self, definition: &Path, more: &[&str]) -> Running {
        let config = ["--config", self.config.to_str().unwrap()];
        self.place.start_run(&self.topic, definition, &[&config, more].concat())
    }

    /// Forgets the runs so far, so that there is one again.
    fn forget(&self) {
        std::fs::remove_dir_all(self.place.dir.path().join("kreplay")).unwrap();
    }

    fn resume(&self) -> Running {
        self.place.start(&["resume", &self.place.id(), "--config", self.config.to_str().unwrap()])
    }
}

fn a_rebuild_takes_the_place_of_the_old_one(live: &dyn Live) {
    let scene = Scene::new(live).expect(live);
    let definition = scene.place.define("orders", &live.target(), SCHEMA, NEW, CHECK);
    let mut run = scene.run(&definition, &["--shadow", "--rate", "10000/s"]);
    wait::until("a rebuild under way", DEADLINE, || (live.rebuilt() > 1000).then_some(()));
    orders::expect_equal(&live.rows(), &scene.both.old);
    // Two at once would be in each other's way.
    let second = scene.run(&definition, &["--shadow", "--no-journal"]).finish();
    assert_eq!(second.code(), Some(2), "{}", second.stderr);
    assert!(second.stderr.contains("is being rebuilt by another process"), "{}", second.stderr);
    run.wait_for("end of the run", DEADLINE, |_, stderr| stderr.contains("verified and in place"));
    run.finish().expect_success();
    orders::expect_equal(&live.rows(), &scene.both.new);
    assert_eq!(live.kept().len(), 1, "{:?}", live.kept());
    // What comes later goes on where the rebuild has ended; nothing is applied again.
    scene.run(&definition, &["--no-journal"]).finish().expect_success();
    orders::expect_equal(&live.rows(), &scene.both.new);
}

fn a_rebuild_that_is_not_what_it_should_be_leaves_the_old_one_in_use(live: &dyn Live) {
    let scene = Scene::new(live);
    let definition = scene.place.define("orders", &live.target(), SCHEMA, NEW, WRONG);
    let ended = scene.run(&definition, &["--shadow", "--no-journal"]).finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("the check query finds something wrong: key-1, "), "{}", ended.stderr);
    orders::expect_equal(&live.rows(), &scene.both.old);

    let definition = scene.place.define("orders", &live.target(), SCHEMA, NEW, CHECK);
    let run = scene.run(&definition, &["--shadow", "--rate", "5000/s"]);
    // What is left of the one before counts as nothing.
    let under_way = 100..i64::from(RECORDS) - 100;
    wait::until("a rebuild under way", DEADLINE, || under_way.contains(&live.rebuilt()).then_some(()));
    run.signal("TERM");
    let ended = run.finish();
    assert_eq!(ended.code(), Some(4), "{}", ended.stderr);
    orders::expect_equal(&live.rows(), &scene.both.old);
    live.damage();
    let ended = scene.resume().finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("but not the same ones"), "{}", ended.stderr);
    orders::expect_equal(&live.rows(), &scene.both.old);
    assert_eq!(live.kept(), [""; 0]);
}

/// One rebuild after the other, from the old to the new definition and back, each killed while it builds and then once
/// somewhere in its end. Between the sign of its end and the kill there is a random time of up to `longest`, which follows how
/// long ends take here: a kill that came too late shortens it.
fn killed_wherever_it_is_the_old_or_the_new_one_is_in_use(live: &dyn Live) {
    const AT_THE_END: u32 = 8;
    let scene = Scene::new(live).expect(live);
    let mut random = seed();
    let (mut at_the_end, mut longest, mut found_old, mut found_new) = (0, Duration::from_millis(150), 0, 0);
    for round in 0.. {
        assert!(round < 80, "only {at_the_end} kills at the end");
        if at_the_end >= AT_THE_END {
            break;
        }
        let (statement, before, after) = match round % 2 {
            0 => (NEW, &scene.both.old, &scene.both.new),
            _ => (STATEMENT, &scene.both.new, &scene.both.old),
        };
        let definition = scene.place.define("orders", &live.target(), SCHEMA, statement, CHECK);
        let mut run = scene.run(&definition, &["--shadow"]);
        if round == 0 {
            let under_way = 1..i64::from(RECORDS) - 1000;
            wait::until("a rebuild under way", DEADLINE, || under_way.contains(&live.rebuilt()).then_some(()));
            let killed = run.kill();
            assert_eq!(killed.code(), None, "{}", killed.stderr);
            orders::expect_equal(&live.rows(), before);
            run = scene.resume();
        }
        run.wait_for("its end", DEADLINE, |_, stderr| stderr.contains("reading the log again"));
        if round % 2 == 0 {
            // This is what is tried: any moment within the end.
            std::thread::sleep(longest.mul_f64(random.random()));
        } else {
            // In the exchange: a file has its second name before the rename, a schema has its new one after the commit.
            wait::until("the exchange", DEADLINE, || (live.kept().len() > round).then_some(()));
        }
        let killed = run.kill();
        let found = live.rows();
        let is_new = found == *after;
        if !is_new {
            orders::expect_equal(&found, before);
        }
        if killed.code().is_some() {
            assert_eq!((killed.code(), is_new), (Some(0), true), "{}", killed.stderr);
            longest = longest.mul_f64(0.7);
        } else {
            let resumed = scene.resume().finish();
            let was_over = resumed.code() == Some(2) && resumed.stderr.contains("nothing left to resume");
            if was_over {
                assert!(is_new, "it counts as done, and the old one is in use");
                longest = longest.mul_f64(0.7);
            } else {
                resumed.expect_success();
                at_the_end += 1;
                (found_old, found_new) = (found_old + u32::from(!is_new), found_new + u32::from(is_new));
            }
        }
        orders::expect_equal(&live.rows(), after);
        assert_eq!(live.kept().len(), round + 1, "each rebuild keeps the one before: {:?}", live.kept());
        scene.forget();
    }
    println!("killed {at_the_end} times at the end: {found_old} times before the exchange, {found_new} times after it");
}

/// Killed when the new one is in place, and the run's journal does not say so: the journal is locked before the first record is
/// handled, which a group that lags holds back until then. The run cannot come to its end before the kill either, since its report
/// goes to a pipe that nobody reads.
fn killed_after_the_exchange_the_new_one_stays_in_place(live: &dyn Live) {
    let scene = Scene::new(live).expect(live);
    let definition = scene.place.define("orders", &live.target(), SCHEMA, NEW, CHECK);
    let report = scene.place.dir.path().join("nobody-reads");
    Program::named("mkfifo").args([&report]).run().expect_success();
    let handler = format!("projection:{}", definition.display());
    let (behind, lagging) = (scene.place.broker.topic("behind", 1), broker::unique_name("lagging"));
    scene.place.broker.produce(&behind, &vec![NewRecord::unkeyed("x"); 10]);
    commit(scene.place.broker, &lagging, &behind, 0);
    let mut run = scene
        .place
        .program(&["run", "--headless", "--shadow", "--topics", &scene.topic, "--handler", &handler])
        .args(["--protect-group", &lagging, "--max-lag", "5"])
        .args(["--config".as_ref(), scene.config.as_os_str()])
        .args(["--report".as_ref(), "json".as_ref(), "--output".as_ref(), report.as_os_str()])
        .spawn();
    run.wait_for("its beginning", DEADLINE, |_, stderr| stderr.contains(" started, concurrency "));
    let journal = scene.place.dir.path().join(format!("kreplay/runs/{}.db", scene.place.id()));
    let journal = Connection::open(journal).unwrap();
    journal.busy_timeout(DEADLINE).unwrap();
    journal.execute_batch("BEGIN IMMEDIATE").unwrap();
    commit(scene.place.broker, &lagging, &behind, 10);
    wait::until("the exchange", DEADLINE, || (live.is_exchanged() || run.ended()).then_some(()));
    let killed = run.kill();
    assert_eq!(killed.code(), None, "it was over before the kill: {}", killed.stderr);
    journal.execute_batch("ROLLBACK").unwrap();
    orders::expect_equal(&live.rows(), &scene.both.new);
    let kept = live.kept();
    assert_eq!(kept.len(), 1, "{kept:?}");
    orders::expect_equal(&live.rows_of_kept(&kept[0]), &scene.both.old);

    scene.resume().finish().expect_success();
    assert_eq!(scene.place.report()["totals"]["lag"], 0);
    orders::expect_equal(&live.rows(), &scene.both.new);
    orders::expect_equal(&live.rows_of_kept(&kept[0]), &scene.both.old);
    assert_eq!(live.kept(), kept, "it does not take its own place");
    scene.run(&definition, &["--no-journal"]).finish().expect_success();
    orders::expect_equal(&live.rows(), &scene.both.new);
}

#[test]
fn a_file_stays_the_new_one_when_the_rebuild_is_killed_after_the_exchange() {
    let dir = tempfile::tempdir().unwrap();
    killed_after_the_exchange_the_new_one_stays_in_place(&File(dir.path().join("orders.db")));
}

#[test]
fn a_schema_stays_the_new_one_when_the_rebuild_is_killed_after_the_exchange() {
    killed_after_the_exchange_the_new_one_stays_in_place(&postgres::shared().database());
}

#[test]
fn a_file_is_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    a_rebuild_takes_the_place_of_the_old_one(&File(dir.path().join("orders.db")));
}

#[test]
fn a_schema_is_rebuilt() {
    a_rebuild_takes_the_place_of_the_old_one(&postgres::shared().database());
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_not_put_in_place() {
    let dir = tempfile::tempdir().unwrap();
    a_rebuild_that_is_not_what_it_should_be_leaves_the_old_one_in_use(&File(dir.path().join("orders.db")));
}

#[test]
fn a_schema_that_is_not_what_it_should_be_is_not_put_in_place() {
    a_rebuild_that_is_not_what_it_should_be_leaves_the_old_one_in_use(&postgres::shared().database());
}

#[test]
fn a_file_is_old_or_new_wherever_the_rebuild_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    killed_wherever_it_is_the_old_or_the_new_one_is_in_use(&File(dir.path().join("orders.db")));
}

#[test]
fn a_schema_is_old_or_new_wherever_the_rebuild_is_killed() {
    killed_wherever_it_is_the_old_or_the_new_one_is_in_use(&postgres::shared().database());
}

#[test]
fn who_may_use_a_schema_may_use_the_new_one_and_the_old_one_goes_where_that_is_said() {
    let database = postgres::shared().database();
    let scene = Scene::new(&database);
    let role = broker::unique_name("reader").replace('-', "_");
    database.execute(&format!("CREATE ROLE {role}; GRANT USAGE ON SCHEMA model TO {role}"));
    std::fs::write(&scene.config, format!("{}keep_old = false\n", database.settings())).unwrap();
    let definition = scene.place.define("orders", &database.target(), SCHEMA, STATEMENT, "");
    scene.run(&definition, &["--shadow", "--no-journal"]).finish().expect_success();
    assert_eq!(database.value(&format!("SELECT has_schema_privilege('{role}', 'model', 'USAGE')")), "t");
    assert_eq!(database.kept(), [""; 0]);
    orders::expect_equal(&Live::rows(&database), &scene.both.old);
}

#[test]
fn a_rebuild_that_cannot_be_is_refused_and_nothing_is_touched() {
    let database = postgres::shared().database();
    let scene = Scene::new(&database);
    let definition = scene.place.define("orders", &database.target(), SCHEMA, NEW, "");
    let group = broker::unique_name("rebuild");
    let ended = scene.run(&definition, &["--shadow", "--no-journal", "--group", &group]).finish();
    assert_eq!((ended.code(), ended.stderr.contains("leave out --group")), (Some(2), true), "{}", ended.stderr);
    database.execute("CREATE SCHEMA model_shadow; CREATE TABLE model_shadow.precious (x int)");
    let ended = scene.run(&definition, &["--shadow", "--no-journal"]).finish();
    assert_eq!((ended.code(), ended.stderr.contains("no rebuild of kreplay's")), (Some(2), true), "{}", ended.stderr);
    database.execute("SELECT * FROM model_shadow.precious");
    std::fs::write(&scene.config, "").unwrap();
    let ended = scene.run(&definition, &["--shadow", "--no-journal"]).finish();
    assert_eq!((ended.code(), ended.stderr.contains("set projection.schema")), (Some(2), true), "{}", ended.stderr);
    orders::expect_equal(&Live::rows(&database), &scene.both.old);
}
