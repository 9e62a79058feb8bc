//! Projections in an SQLite file, with batches as workers submit them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use kreplay_model::domain::{
    Classified as _, Record, RecordBufferBuilder, Route, Secret, SecretFormat, TopicPartition, hash_key,
};
use proptest::prelude::*;
use rusqlite::Connection;

use crate::setup::HandlerSetup;
use crate::{
    Advice, HandlerError, LaneFailure, LaneRun, Logs, Positions, RunEnd, RunHandlers, TargetPositions as _,
    projection::ProjectionHandlers,
};

/// A directory with a definition and its database.
struct TestProjection {
    dir: tempfile::TempDir,
    context: HandlerSetup,
}

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS item (key TEXT PRIMARY KEY, value TEXT, count INTEGER NOT NULL);";
const UPSERT: &str = "INSERT INTO item VALUES (:key, :value, 1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, count = count + 1";

impl TestProjection {
    fn new(schema: &str, sql: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("target = \"sqlite:p.db\"\nschema = '''\n{schema}'''\n[[on]]\nsql = '''\n{sql}'''\n");
        std::fs::write(dir.path().join("p.toml"), text).unwrap();
        let partitions = [TopicPartition::new("t", 0), TopicPartition::new("t", 1), TopicPartition::new("u", 0)];
        Self { dir, context: HandlerSetup::testing(&partitions) }
    }

    fn definition(&self) -> PathBuf {
        self.dir.path().join("p.toml")
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("p.db")
    }

    fn open(&self) -> Result<ProjectionHandlers, HandlerError> {
        ProjectionHandlers::open(Some(&self.definition()), &self.context)
    }

    fn source(&self) -> ProjectionHandlers {
        self.open().unwrap_or_else(|error| panic!("{error}"))
    }

    fn open_error(&self) -> String {
        self.open().err().unwrap().to_string()
    }

    fn connection(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }

    fn rows(&self, query: &str) -> Vec<String> {
        rows(&self.database(), query)
    }
}

fn rows(path: &Path, query: &str) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let values = (0..columns).map(|at| match row.get_ref(at).unwrap() {
            rusqlite::types::ValueRef::Null => "null".to_owned(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Real(number) => format!("{number:?}"),
            rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            rusqlite::types::ValueRef::Blob(bytes) => format!("{bytes:x?}"),
        });
        Ok(values.collect::<Vec<_>>().join(" "))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

fn target(text: &str) -> Secret {
    Secret::plain(SecretFormat::Address, text.to_owned())
}

fn record(partition: u32, offset: i64, key: Option<&str>, value: Option<&[u8]>) -> Record {
    let mut builder = RecordBufferBuilder::default();
    let route = key.map_or(Route::default(), |key| Route::keyed(hash_key(key.as_bytes())));
    builder.push(partition, 0, offset, 1000, route, key.map(str::as_bytes), value);
    builder.push_header(b"kind", Some(b"test"));
    let mut records = Vec::new();
    builder.finish(&Arc::default(), &mut records);
    records.remove(0)
}

fn run(lane: u32, records: Vec<Record>) -> LaneRun {
    LaneRun { lane, records }
}

/// A run of one key. Each value is the offset of its record.
fn keyed(key: &str, offsets: &[i64]) -> LaneRun {
    let records = offsets.iter().map(|offset| record(0, *offset, Some(key), Some(offset.to_string().as_bytes())));
    run(u32::try_from(hash_key(key.as_bytes()) >> 40).unwrap(), records.collect())
}

fn effects(source: &ProjectionHandlers) -> BTreeMap<String, u64> {
    source.effects().into_iter().map(|effect| (effect.what, effect.count)).collect()
}

fn summary(failures: &[LaneFailure]) -> Vec<(usize, usize, Advice)> {
    failures.iter().map(|failure| (failure.run, failure.done, failure.advice)).collect()
}

#[test]
fn records_become_rows_and_are_not_applied_twice() {
    let projection = TestProjection::new(SCHEMA, UPSERT);
    let source = projection.source();
    let claim = |source: &ProjectionHandlers| source.claim(&[TopicPartition::new("t", 0)], &Logs::default()).unwrap();
    assert_eq!(claim(&source), [None]);
    let batch = [keyed("a", &[0, 2, 5]), keyed("b", &[1])];
    assert_eq!(source.make(0).handle(&batch), []);
    assert_eq!(source.make(1).handle(&batch), [], "the same batch again");
    source.finish(RunEnd::default()).unwrap();
    assert_eq!(projection.rows("SELECT * FROM item ORDER BY key"), ["a 5 3", "b 1 1"]);
    let expected = [("already applied", 4), ("rows.item", 4), ("statements.item", 4)];
    assert_eq!(effects(&source), expected.map(|(what, count)| (what.to_owned(), count)).into());

    let source = projection.source();
    assert_eq!(claim(&source), [None], "no position is stored");
    assert_eq!(source.make(0).handle(&[keyed("a", &[0, 2, 5, 6])]), []);
    assert_eq!(projection.rows("SELECT * FROM item ORDER BY key"), ["a 6 4", "b 1 1"]);
}

struct TestPositions(AtomicI64);

impl Positions for TestPositions {
    fn position(&self, _partition: u32) -> i64 {
        self.0.load(Relaxed)
    }
}

#[test]
fn the_claimed_position_follows_contiguous_records() {
    let projection = TestProjection::new(SCHEMA, UPSERT);
    let id = [TopicPartition::new("t", 0)];
    let source = projection.source();
    let positions = Arc::new(TestPositions(AtomicI64::new(3)));
    source.watch(Arc::clone(&positions) as _);
    source.claim(&id, &Logs::default()).unwrap();
    // Offsets 0 to 2 are settled, 4 is missing.
    source.make(0).handle(&[keyed("a", &[3, 5, 6])]);
    let source = projection.source();
    assert_eq!(source.claim(&id, &Logs::default()).unwrap()[0].unwrap().get(), 4);
    source.watch(Arc::clone(&positions) as _);
    source.make(0).handle(&[keyed("a", &[4, 5, 6])]);
    positions.0.store(7, Relaxed);
    source.finish(RunEnd::default()).unwrap();
    assert_eq!(projection.rows("SELECT count FROM item"), ["4"]);
    assert_eq!(projection.rows("SELECT position FROM kreplay_positions"), ["7"]);
    assert_eq!(projection.rows("SELECT count(*) FROM kreplay_applied"), ["0"], "no rows remain below the position");
}

#[test]
fn a_replaced_owner_cannot_write() {
    let projection = TestProjection::new(SCHEMA, UPSERT);
    let (first, second) = (projection.source(), projection.source());
    let mut handler = first.make(0);
    assert_eq!(handler.handle(&[keyed("a", &[0])]), []);
    second.claim(&[TopicPartition::new("t", 0)], &Logs::default()).unwrap();
    let failures = handler.handle(&[keyed("a", &[1]), run(9, vec![record(1, 0, Some("z"), None)])]);
    assert_eq!(summary(&failures), [(0, 0, Advice::Stop)], "the other partition is still claimed");
    assert!(failures[0].error.contains("another run has claimed this projection"));
    assert_eq!(second.make(0).handle(&[keyed("a", &[0, 1, 2])]), []);
    assert_eq!(projection.rows("SELECT * FROM item ORDER BY key"), ["a 2 3", "z null 1"]);
}

#[test]
fn a_failing_record_fails_only_its_own_run() {
    // A failing second statement must undo the first one.
    let schema = format!("{SCHEMA} CREATE TABLE IF NOT EXISTS log (n INTEGER NOT NULL CHECK (n < 100), UNIQUE (n));");
    let projection = TestProjection::new(&schema, &format!("{UPSERT};\nINSERT INTO log VALUES (:json.n);"));
    let value = |n: &str| format!("{{\"n\": {n}}}").into_bytes();
    let lane = |key: &str, values: &[&str], first: i64| {
        let records = (first..).zip(values).map(|(offset, n)| record(0, offset, Some(key), Some(&value(n))));
        run(0, records.collect())
    };
    let source = projection.source();
    let batch = [
        lane("good", &["1", "2", "3"], 0),
        lane("check", &["4", "100", "5"], 10),
        lane("null", &["null", "6"], 20),
        lane("unique", &["7", "1"], 30),
        lane("garbage", &["8", "}", "9"], 40),
    ];
    let mut failures = source.make(0).handle(&batch);
    failures.sort_by_key(|failure| failure.run);
    assert_eq!(
        summary(&failures),
        [(1, 1, Advice::Retry), (2, 0, Advice::GiveUp), (3, 1, Advice::Retry), (4, 1, Advice::GiveUp),]
    );
    assert!(failures[0].error.contains("CHECK constraint failed: n < 100 (statement at line 8)"), "{failures:?}");
    assert!(failures[3].error.contains("it is not JSON"), "{failures:?}");
    assert_eq!(
        projection.rows("SELECT key, count FROM item ORDER BY key"),
        ["check 1", "garbage 1", "good 3", "unique 1"]
    );
    assert_eq!(projection.rows("SELECT n FROM log ORDER BY n"), ["1", "2", "3", "4", "7", "8"]);
    // Records that were applied are not applied again.
    assert_eq!(source.make(0).handle(&[lane("check", &["4", "50", "5"], 10)]), []);
    assert_eq!(projection.rows("SELECT count FROM item WHERE key = 'check'"), ["3"]);
}

#[test]
fn records_that_end_the_transaction_do_not_fail_others() {
    let schema = "CREATE TABLE IF NOT EXISTS item (key TEXT PRIMARY KEY ON CONFLICT ROLLBACK);
        CREATE TABLE IF NOT EXISTS other (key TEXT);";
    let projection = TestProjection::new(schema, "INSERT INTO other VALUES (:key); INSERT INTO item VALUES (:value)");
    let source = projection.source();
    // Every second run has a duplicate value, which is more often than transactions are restarted.
    let batch: Vec<_> = (0..20)
        .map(|n| {
            let value = |at: i64| if n % 2 == 0 && at == 1 { "twice".into() } else { format!("{n}-{at}") };
            let lane = (0..3).map(|at| record(0, n * 3 + at, Some("k"), Some(value(at).as_bytes())));
            run(0, lane.collect())
        })
        .collect();
    let mut failures = source.make(0).handle(&batch);
    failures.sort_by_key(|failure| failure.run);
    // The first of the duplicates is stored.
    let expected: Vec<_> = (2..20).step_by(2).map(|run| (run, 1, Advice::Retry)).collect();
    assert_eq!(summary(&failures), expected, "{failures:?}");
    let rows = 10 * 3 + 3 + 9;
    assert_eq!(projection.rows("SELECT count(*) FROM item"), [rows.to_string()]);
    assert_eq!(projection.rows("SELECT count(*) FROM other"), [rows.to_string()], "a failed record leaves no changes");
}

#[test]
fn deferred_constraint_violations_fail_their_record() {
    let schema = "PRAGMA foreign_keys = ON;
        CREATE TABLE IF NOT EXISTS team (id TEXT PRIMARY KEY);
        INSERT OR IGNORE INTO team VALUES ('a');
        CREATE TABLE IF NOT EXISTS member (id TEXT, team TEXT REFERENCES team DEFERRABLE INITIALLY DEFERRED);";
    let projection = TestProjection::new(schema, "INSERT INTO member VALUES (:key, :value)");
    // The pragma has no effect within a transaction.
    let text = std::fs::read_to_string(projection.definition()).unwrap();
    std::fs::write(projection.definition(), text.replace("'''\nPRAGMA", "'''\nCOMMIT; PRAGMA")).unwrap();
    let source = projection.source();
    let lane = |n: i64, teams: [&str; 2]| {
        let records = (0..).zip(teams).map(|(at, team)| record(0, n * 2 + at, Some("k"), Some(team.as_bytes())));
        run(0, records.collect())
    };
    let failures = source.make(0).handle(&[lane(0, ["a", "a"]), lane(1, ["a", "b"]), lane(2, ["a", "a"])]);
    assert_eq!(summary(&failures), [(1, 1, Advice::Retry)]);
    assert!(failures[0].error.contains("FOREIGN KEY"), "{failures:?}");
    assert_eq!(projection.rows("SELECT count(*) FROM member"), ["5"]);
}

#[test]
fn or_fail_leaves_no_partial_changes() {
    let schema = "CREATE TABLE IF NOT EXISTS item (n INTEGER UNIQUE); INSERT OR IGNORE INTO item VALUES (2);";
    let projection = TestProjection::new(schema, "INSERT OR FAIL INTO item SELECT value FROM json_each(:json)");
    let failures = projection.source().make(0).handle(&[run(0, vec![record(0, 0, None, Some(b"[1, 2, 3]"))])]);
    assert_eq!(summary(&failures), [(0, 0, Advice::Retry)]);
    assert_eq!(projection.rows("SELECT n FROM item"), ["2"]);
}

#[test]
fn values_keep_their_types() {
    let schema = "CREATE TABLE IF NOT EXISTS v (a, b, c, d, e, f, g, h, i, j, k, l);";
    let sql = "INSERT INTO v SELECT :key, typeof(:value), :json.i, typeof(:json.f), :json.t, typeof(:json.none),
        :json.list, :header.kind, :topic || :partition || :offset, :timestamp, :event_type, typeof(:json.big)";
    let projection = TestProjection::new(schema, sql);
    let value = br#"{"i": 7, "f": 1.5, "t": true, "none": null, "list": [1, {"a": "b"}], "type": "made", "big": 18446744073709551615}"#;
    let source = projection.source();
    assert!(source.needs().headers);
    assert_eq!(source.make(0).handle(&[run(0, vec![record(2, 9, Some("k"), Some(value))])]), []);
    let expected = r#"k text 7 real 1 null [1,{"a":"b"}] test u09 1000 made text"#;
    assert_eq!(projection.rows("SELECT * FROM v"), [expected]);
}

#[test]
fn numbers_keep_their_digits_or_are_rejected() {
    let schema = "CREATE TABLE IF NOT EXISTS v (k TEXT PRIMARY KEY, t TEXT, i INTEGER, n DECIMAL(10, 2), r REAL, x) ;
        CREATE TABLE IF NOT EXISTS s (t TEXT, i INTEGER, r REAL, x ANY) STRICT;
        CREATE TABLE IF NOT EXISTS w (k TEXT PRIMARY KEY, i INTEGER) WITHOUT ROWID;";
    let stored = |sql: &str, number: &str, query: &str| {
        let projection = TestProjection::new(schema, sql);
        let value = format!("{{\"n\":{number},\"list\":[{number},  {{\"b\":1,\"a\":{number},\"b\":2}}]}}");
        let failures =
            projection.source().make(0).handle(&[run(0, vec![record(0, 0, Some("k"), Some(value.as_bytes()))])]);
        match failures.as_slice() {
            [] => Ok(projection.rows(query).join("")),
            [failure] => {
                assert_eq!((failure.done, failure.advice), (0, Advice::GiveUp), "{}", failure.error);
                Err(failure.error.clone())
            }
            more => panic!("{more:?}"),
        }
    };
    let into = |column: &str, number: &str| {
        let sql = format!(
            "INSERT INTO v (k, {column}) VALUES (:key, :json.n) ON CONFLICT (k) DO UPDATE SET {column} = excluded.{column}"
        );
        stored(&sql, number, &format!("SELECT typeof({column}), {column} FROM v"))
    };
    let id = "23958446825181076828";
    for (column, number, expected) in [
        ("t", id, "text 23958446825181076828"),
        ("t", "1.50", "text 1.50"),
        ("t", "117.63331139400017", "text 117.63331139400017"),
        ("t", "7", "text 7"),
        ("x", id, "text 23958446825181076828"),
        ("x", "1e400", "text 1e400"),
        ("x", "0.12345678901234567890", "text 0.12345678901234567890"),
        ("x", "117.63331139400017", "real 117.63331139400017"),
        ("n", "117.63331139400017", "real 117.63331139400017"),
        ("n", "-0.1", "real -0.1"),
        ("i", "9223372036854775807", "integer 9223372036854775807"),
        ("i", "9007199254740993.0", "integer 9007199254740993"),
        ("i", "1e3", "integer 1000"),
        ("r", id, "real 2.3958446825181078e19"),
        ("r", "0.12345678901234567890", "real 0.12345678901234568"),
    ] {
        assert_eq!(into(column, number).as_deref(), Ok(expected), "{number} in {column}");
    }
    for (column, number) in [
        ("i", id),
        ("i", "9223372036854775809"),
        ("n", id),
        ("n", "0.12345678901234567890"),
        ("n", "1e400"),
        ("r", "1e400"),
    ] {
        let error = into(column, number).unwrap_err();
        assert!(error.contains(number) && error.contains("a column of type TEXT keeps its digits"), "{error}");
    }
    for (sql, expected) in [
        ("INSERT INTO v (k, i) VALUES (:key, 1); UPDATE v SET i = :json.n WHERE k = :key", None),
        ("INSERT INTO v (k, i) VALUES (:key, 1); UPDATE v SET i = i + :json.n", None),
        ("INSERT INTO v (k, i) SELECT :key, :json.n", None),
        ("INSERT INTO v (k, i) VALUES (:key, coalesce(:json.n, 0))", None),
        ("INSERT INTO v (k, i, t) VALUES (:key, :json.n, :json.n)", None),
        (
            "INSERT INTO v (k) VALUES (:key); UPDATE v SET i = a.n FROM (SELECT :key AS k, :json.n AS n) AS a WHERE a.k = v.k",
            None,
        ),
        ("INSERT INTO w VALUES (:key, :json.n)", None),
        ("INSERT INTO v (k, t) VALUES (:key, 'a'); UPDATE v SET t = :json.n WHERE k = :key", Some(id)),
        ("INSERT INTO v (k, t) SELECT :key, coalesce(:json.n, 0)", Some(id)),
        ("INSERT INTO v (k, t) VALUES (:json.n, 'x'); UPDATE v SET t = k WHERE k = :json.n", Some(id)),
        (
            "INSERT INTO v (k, t) VALUES (:key, :json.list)",
            Some(r#"[23958446825181076828,{"b":1,"a":23958446825181076828,"b":2}]"#),
        ),
    ] {
        let found = stored(sql, id, "SELECT t FROM v");
        match expected {
            Some(text) => assert_eq!(found.as_deref(), Ok(text), "{sql}"),
            None => assert!(found.clone().is_err_and(|error| error.contains("would be rounded")), "{sql}: {found:?}"),
        }
    }
    let strict = |column: &str, number: &str| {
        stored(&format!("INSERT INTO s ({column}) VALUES (:json.n)"), number, &format!("SELECT {column} FROM s"))
    };
    assert_eq!(strict("t", "1.50").as_deref(), Ok("1.50"));
    assert_eq!(strict("x", id).as_deref(), Ok(id));
    assert!(strict("i", id).unwrap_err().contains("would be rounded"));
}

#[test]
fn invalid_definitions_and_targets_are_rejected_before_the_run() {
    for (schema, sql, parts) in [
        (SCHEMA, "INSERT INTO itm VALUES (:key)", "p.toml:6: sql: no such table: itm; is it missing in schema?"),
        (
            SCHEMA,
            "INSERT INTO item VALUES (:key)",
            "p.toml:6: sql: table item has 3 columns but 1 values were supplied",
        ),
        (SCHEMA, "\nINSERT INTO item VALEUS (:key)", "p.toml:7: sql: near \"VALEUS\": syntax error"),
        (SCHEMA, "UPDATE item SET value = \"nam\"", "no such column"),
        (SCHEMA, "SELECT :kye", "p.toml:6: on[1].sql: there is no parameter :kye; did you mean :key?"),
        (SCHEMA, "SELECT :key FROM item", "a statement must insert, update or delete"),
        (SCHEMA, "COMMIT", "a statement must insert, update or delete"),
        (SCHEMA, "-- nothing", "it contains no statement"),
        ("CREATE TABLE x (a", UPSERT, "p.toml: schema: incomplete input"),
    ] {
        let error = TestProjection::new(schema, sql).open_error();
        assert!(error.starts_with("handler projection: ") && error.contains(parts), "{sql}: {error}");
    }
    let projection = TestProjection::new(SCHEMA, UPSERT);
    std::fs::write(projection.database(), "this is a text of more than a hundred bytes ".repeat(99)).unwrap();
    assert!(projection.open_error().contains("not a database"), "{}", projection.open_error());
    let mut projection = TestProjection::new(SCHEMA, UPSERT);
    projection.context.settings.projection.target = Some(target("sqlite:/no/such/dir/p.db"));
    assert!(projection.open_error().contains("/no/such/dir/p.db: cannot open the file"), "{}", projection.open_error());
    projection.context.settings.projection.target = Some(target("sqlite::memory:"));
    assert!(projection.open_error().contains("would be lost"), "{}", projection.open_error());
    let error = ProjectionHandlers::open(None, &HandlerSetup::testing(&[])).err().unwrap();
    assert!(error.class().is_usage() && error.to_string().contains("no target given"), "{error}");
}

#[test]
fn a_dry_run_creates_no_file() {
    let mut projection = TestProjection::new(SCHEMA, UPSERT);
    projection.context.context.preview_only = true;
    let source = projection.source();
    let mut effects = Vec::new();
    source.preview().unwrap().preview(&record(0, 0, Some("a"), Some(b"1")), &mut effects).unwrap();
    assert_eq!(effects.len(), 1);
    assert_eq!(summary(&source.make(0).handle(&[keyed("a", &[0])])), [(0, 0, Advice::Stop)]);
    source.finish(RunEnd::default()).unwrap();
    assert!(!projection.database().exists());
}

#[test]
fn a_full_disk_fails_the_batch_without_data_loss() {
    let projection = TestProjection::new(SCHEMA, UPSERT);
    let source = projection.source();
    let mut handler = source.make(0);
    assert_eq!(handler.handle(&[keyed("a", &[0])]), []);
    // The limit applies to a connection. The schema sets it on the one that writes.
    drop((source, handler));
    let limited = |pages: &str| {
        let text = std::fs::read_to_string(projection.definition()).unwrap();
        let schema = format!("'''\nPRAGMA max_page_count = {pages};\n{SCHEMA}'''");
        let (before, rest) = text.split_once("'''").unwrap();
        let (_, after) = rest.split_once("'''").unwrap();
        std::fs::write(projection.definition(), format!("{before}{schema}{after}")).unwrap();
        projection.source()
    };
    let big: Vec<_> = (1..200).map(|offset| record(0, offset, Some("b"), Some(&[b'x'; 3000]))).collect();
    let keys = |lane: Vec<Record>| -> Vec<LaneRun> {
        let key = |(n, one): (usize, Record)| {
            run(0, vec![record(0, one.offset, Some(&format!("b{n}")), Some(&[b'x'; 3000]))])
        };
        lane.into_iter().enumerate().map(key).collect()
    };
    let failures = limited("20").make(0).handle(&keys(big.clone()));
    assert_eq!(failures.len(), 199, "the whole batch");
    assert_eq!(failures[0].advice, Advice::Unable);
    assert!(failures[0].error.contains("database or disk is full; free disk space"), "{failures:?}");
    assert_eq!(projection.rows("SELECT count(*) FROM item"), ["1"]);
    assert_eq!(limited("100000").make(0).handle(&keys(big)), []);
    assert_eq!(projection.rows("SELECT count(*), sum(count) FROM item"), ["200 200"]);
}

#[test]
fn a_locked_database_fails_the_batch_after_the_busy_timeout() {
    let mut projection = TestProjection::new(SCHEMA, UPSERT);
    projection.context.settings.projection.busy_timeout = std::time::Duration::from_millis(20);
    let source = projection.source();
    let mut handler = source.make(0);
    assert_eq!(handler.handle(&[keyed("a", &[0])]), []);
    let other = projection.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failures = handler.handle(&[keyed("a", &[1])]);
    assert_eq!(summary(&failures), [(0, 0, Advice::Unable)]);
    assert!(failures[0].error.contains("another process has locked it"), "{failures:?}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(handler.handle(&[keyed("a", &[1])]), []);
    assert_eq!(projection.rows("SELECT count FROM item"), ["2"]);
}

#[test]
fn a_claim_that_fails_blames_no_record() {
    let mut projection = TestProjection::new(SCHEMA, UPSERT);
    projection.context.settings.projection.busy_timeout = std::time::Duration::from_millis(20);
    let source = projection.source();
    let other = projection.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failures = source.make(0).handle(&[keyed("a", &[0])]);
    assert_eq!(summary(&failures), [(0, 0, Advice::Unable)], "{failures:?}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(source.make(0).handle(&[keyed("a", &[0])]), []);
}

#[test]
fn a_registry_that_does_not_answer_blames_no_record() {
    let (context, unreadable) = HandlerSetup::without_registry(&[TopicPartition::new("t", 0)]);
    let sql = "INSERT INTO item VALUES (:key, :json.a, 1)";
    let projection = TestProjection { context, ..TestProjection::new(SCHEMA, sql) };
    let failures = projection.source().make(0).handle(&[run(0, vec![unreadable])]);
    assert_eq!(summary(&failures), [(0, 0, Advice::Unable)], "{failures:?}");
}

#[test]
fn a_deleted_database_or_table_stops_the_run() {
    let projection = TestProjection::new(SCHEMA, UPSERT);
    let source = projection.source();
    let mut handler = source.make(0);
    assert_eq!(handler.handle(&[keyed("a", &[0])]), []);
    projection.connection().execute_batch("ALTER TABLE item RENAME TO moved").unwrap();
    let failures = handler.handle(&[keyed("a", &[1])]);
    assert_eq!(summary(&failures), [(0, 0, Advice::Stop)]);
    assert!(failures[0].error.contains("no such table: item; the schema was changed"), "{failures:?}");
    projection.connection().execute_batch("ALTER TABLE moved RENAME TO item").unwrap();
    assert_eq!(handler.handle(&[keyed("a", &[1])]), []);
    std::fs::remove_file(projection.database()).unwrap();
    let failures = handler.handle(&[keyed("a", &[2])]);
    assert_eq!(summary(&failures), [(0, 0, Advice::Stop)]);
    assert!(failures[0].error.contains("was deleted or replaced"), "{failures:?}");
    assert!(source.finish(RunEnd::default()).unwrap_err().to_string().contains("was deleted or replaced"));
}

#[test]
fn the_built_in_projection_keeps_the_state_of_each_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.db");
    let mut context = HandlerSetup::testing(&[TopicPartition::new("t", 0), TopicPartition::new("t", 1)]);
    context.settings.projection.target = Some(target(&format!("sqlite:{}", path.display())));
    let source = ProjectionHandlers::open(None, &context).unwrap_or_else(|error| panic!("{error}"));
    let lanes = [
        run(0, vec![record(0, 0, Some("a"), Some(b"1")), record(0, 3, Some("a"), Some(b"\xff"))]),
        run(1, vec![record(0, 1, None, Some(b"x")), record(0, 2, None, None)]),
        run(2, vec![record(1, 0, None, Some(b"x"))]),
        run(3, vec![record(1, 1, Some("a"), None)]),
    ];
    assert_eq!(source.make(0).handle(&lanes), []);
    let query = "SELECT key, unkeyed, last_value, records, last_topic, last_partition, last_offset, last_timestamp
        FROM kreplay_projection ORDER BY key, unkeyed";
    assert_eq!(rows(&path, query), [" t-0 null 2 t 0 2 1000", " t-1 x 1 t 1 0 1000", "a  null 3 t 1 1 1000"]);
    // The digest matches its definition and depends on the order.
    let hashes: Vec<i128> = [&lanes[0].records[0], &lanes[0].records[1], &lanes[3].records[0]]
        .map(|record| i128::from(kreplay_model::domain::hash_content(record)) % 17_592_186_044_399)
        .into();
    let chain =
        |order: [usize; 3]| order.iter().fold(0, |chain, at| (chain * 524_287 + hashes[*at]) % 17_592_186_044_399);
    let digest = rows(&path, "SELECT digest FROM kreplay_projection WHERE key = 'a'");
    assert_eq!(digest, [chain([0, 1, 2]).to_string()]);
    assert_ne!(chain([0, 1, 2]), chain([1, 0, 2]));
}

#[test]
fn rows_above_the_position_are_compacted() {
    let projection = TestProjection::new(SCHEMA, UPSERT);
    let source = projection.source();
    source.watch(Arc::new(TestPositions(AtomicI64::new(0))));
    let mut handler = source.make(0);
    // Offset 0 is never applied, and every other offset is applied later.
    for n in 0..2000 {
        assert_eq!(handler.handle(&[keyed("a", &[1 + 2 * n])]), []);
    }
    let count: usize = projection.rows("SELECT count(*) FROM kreplay_applied")[0].parse().unwrap();
    assert!(count < 1100, "{count} rows");
    let bytes: usize = projection.rows("SELECT sum(length(offsets)) FROM kreplay_applied")[0].parse().unwrap();
    assert!(bytes < 12_000, "{bytes} bytes");
    let again = projection.source();
    let all: Vec<i64> = (1..4002).collect();
    assert_eq!(again.make(0).handle(&[keyed("a", &all)]), []);
    assert_eq!(projection.rows("SELECT count FROM item"), ["4001"]);
}

/// One attempt of a run: two workers, batches in a random order, and an end at a random point. Returns the number of
/// applied records.
fn attempt(
    projection: &TestProjection,
    log: &[(u32, String)],
    choices: &[u8],
    faulty: &BTreeSet<usize>,
    position: i64,
) -> usize {
    let source = projection.source();
    source.watch(Arc::new(TestPositions(AtomicI64::new(position))));
    source.claim(&[TopicPartition::new("t", 0)], &Logs::default()).unwrap();
    let mut handlers = [source.make(0), source.make(1)];
    // Lanes of four keys; each choice takes some records of some lanes.
    let mut lanes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (offset, (key, _)) in log.iter().enumerate() {
        lanes.entry(*key).or_default().push(offset);
    }
    let mut taken: BTreeMap<u32, usize> = BTreeMap::new();
    let mut failed = BTreeSet::new();
    for (attempts, choice) in choices.iter().enumerate() {
        let batch: Vec<(u32, Vec<usize>)> = lanes
            .iter()
            .filter(|(key, _)| choice & (1 << **key) != 0)
            .map(|(key, offsets)| {
                let from = taken.get(key).copied().unwrap_or(0).min(offsets.len());
                let to = (from + 1 + usize::from(choice >> 4) % 4).min(offsets.len());
                (*key, offsets[from..to].to_vec())
            })
            .filter(|(_, offsets)| !offsets.is_empty())
            .collect();
        let runs: Vec<LaneRun> = batch
            .iter()
            .map(|(key, offsets)| {
                let one = |offset: &usize| {
                    // Each fault occurs only once, like a transient error of the database.
                    let broken = faulty.contains(offset) && !failed.contains(offset);
                    let value = if broken { "broken" } else { log[*offset].1.as_str() };
                    record(0, i64::try_from(*offset).unwrap(), Some(&key.to_string()), Some(value.as_bytes()))
                };
                run(*key, offsets.iter().map(one).collect())
            })
            .collect();
        let failures = handlers[attempts % 2].handle(&runs);
        for (at, (key, offsets)) in batch.iter().enumerate() {
            let failure = failures.iter().find(|failure| failure.run == at);
            let done = failure.map_or(offsets.len(), |failure| failure.done);
            if let Some(offset) = offsets.get(done) {
                failed.insert(*offset);
            }
            *taken.entry(*key).or_default() += done;
        }
    }
    taken.iter().map(|(key, done)| (*done).min(lanes.get(key).map_or(0, Vec::len))).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// For any order of batches, any failures and any ends of attempts, the rows are the same as after applying each
    /// record once, in the order of its key.
    #[test]
    fn each_record_is_applied_once(
        keys in prop::collection::vec(0_u32..4, 1..60),
        attempts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..12), 0_i64..1), 0..4),
        faulty in prop::collection::btree_set(0_usize..60, 0..6),
    ) {
        let schema = "CREATE TABLE IF NOT EXISTS item (key TEXT PRIMARY KEY, value TEXT CHECK (value <> 'broken'), count INTEGER, chain TEXT);
            CREATE TABLE IF NOT EXISTS seen (at INTEGER);";
        let sql = "INSERT INTO seen VALUES (:offset);
            INSERT INTO item VALUES (:key, :value, 1, :value)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value, count = count + 1, chain = chain || ',' || excluded.value";
        let projection = TestProjection::new(schema, sql);
        let log: Vec<(u32, String)> = (0..).zip(keys).map(|(n, key): (i64, _)| (key, n.to_string())).collect();
        for (choices, position) in &attempts {
            attempt(&projection, &log, choices, &faulty, *position);
        }
        let mut all = 0;
        for _ in 0..20 {
            all = attempt(&projection, &log, &[0xFF; 20], &BTreeSet::new(), 0);
        }
        prop_assert_eq!(all, log.len());
        let mut expected: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for (key, value) in &log {
            expected.entry(*key).or_default().push(value);
        }
        let expected: Vec<String> = expected
            .iter()
            .map(|(key, values)| format!("{key} {} {} {}", values.last().unwrap(), values.len(), values.join(",")))
            .collect();
        prop_assert_eq!(projection.rows("SELECT * FROM item ORDER BY key"), expected);
        prop_assert_eq!(projection.rows("SELECT count(*) FROM seen"), [log.len().to_string()]);
    }
}

/// The identity of the topic `t`, as reported by the cluster.
fn logs(cluster: Option<&str>, id: Option<&str>) -> Logs {
    let mut logs = Logs::default();
    logs.learn(cluster.map(Into::into), [("t".to_owned(), id.map(Into::into))]);
    logs
}

#[test]
fn positions_of_another_log_are_rejected_and_unchanged() {
    const KEPT: &str =
        "SELECT topic, partition, position, owner, cluster_id, topic_id FROM kreplay_positions ORDER BY 1, 2";
    let projection = TestProjection::new(SCHEMA, UPSERT);
    let both = [TopicPartition::new("t", 0), TopicPartition::new("t", 1)];
    let source = projection.source();
    source.watch(Arc::new(TestPositions(AtomicI64::new(3))));
    source.claim(&both, &logs(Some("c"), Some("1"))).unwrap();
    assert_eq!(source.make(0).handle(&[keyed("a", &[0, 1, 2])]), []);
    source.finish(RunEnd::default()).unwrap();
    let kept = projection.rows(KEPT);
    assert!(kept.len() == 2 && kept.iter().all(|row| row.ends_with(" c 1")), "{kept:?}");
    for (now, usage) in [(logs(Some("c"), Some("2")), false), (logs(Some("d"), Some("1")), true)] {
        let source = projection.source();
        // The partitions that are claimed do not matter: the run also reads `t`.
        for partitions in [&both[..], &[TopicPartition::new("u", 0)]] {
            let refused = source.claim(partitions, &now).unwrap_err();
            assert!(refused.is_final() && refused.class().is_usage() == usage, "{refused}");
        }
        assert_eq!(projection.rows(KEPT), kept, "the owners are unchanged, too");
    }
    // Unknown ids are not compared, and stored ids are kept.
    for now in [Logs::default(), logs(None, None), logs(Some("c"), None), logs(Some("c"), Some("1"))] {
        let positions = projection.source().claim(&both[..1], &now).unwrap();
        assert_eq!(positions[0].map(kreplay_model::domain::Offset::get), Some(3));
    }
    assert!(projection.rows(KEPT).iter().all(|row| row.ends_with(" c 1")), "{:?}", projection.rows(KEPT));
}

#[test]
fn a_file_of_an_earlier_version_gets_the_log_identity_of_the_next_run() {
    let projection = TestProjection::new(SCHEMA, UPSERT);
    projection
        .connection()
        .execute_batch(
            "CREATE TABLE kreplay_positions (
                id INTEGER PRIMARY KEY, projection TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
                position INTEGER, owner TEXT NOT NULL, UNIQUE (projection, topic, partition)
            );
            INSERT INTO kreplay_positions VALUES (7, 'p', 't', 0, 5, 'x'), (8, 'p', 'u', 0, 6, 'x')",
        )
        .unwrap();
    let claim = |now: &Logs| projection.source().claim(&[TopicPartition::new("t", 0)], now);
    assert_eq!(claim(&logs(None, Some("1"))).unwrap()[0].map(kreplay_model::domain::Offset::get), Some(5));
    let stored_logs =
        || projection.rows("SELECT id, position, cluster_id, topic_id FROM kreplay_positions ORDER BY id");
    assert_eq!(stored_logs(), ["7 5 null 1", "8 6 null null"]);
    claim(&logs(Some("c"), Some("1"))).unwrap();
    assert_eq!(stored_logs(), ["7 5 c 1", "8 6 null null"], "an id that is learned later is added");
    assert!(claim(&logs(Some("c"), Some("2"))).is_err());
}
