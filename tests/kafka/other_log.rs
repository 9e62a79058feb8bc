//! Positions in a target that are those of another log: of a topic that was deleted and created again, of another cluster,
//! of more records than there are.

use std::path::{Path, PathBuf};

use kreplay::feed::RunState;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rusqlite::Connection;

use crate::ledger::Ledger;
use crate::orders::{self, DEADLINE, Place, ROWS, SCHEMA, STATEMENT};
use crate::sessions::{in_group, options, run_with};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::postgres;
use crate::support::process::Finished;
use crate::support::produce::NewRecord;
use crate::support::wait;

const KEPT: &str =
    "SELECT topic, partition, position, owner, cluster_id, topic_id FROM kreplay_positions ORDER BY 1, 2";

fn random() -> StdRng {
    StdRng::seed_from_u64(7)
}

fn database(place: &Place<'_>) -> PathBuf {
    place.dir.path().join("orders.db")
}

fn define(place: &Place<'_>) -> PathBuf {
    place.define("orders", "sqlite:orders.db", SCHEMA, STATEMENT, "")
}

fn rows(path: &Path, query: &str) -> Vec<Vec<String>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let text = |value: rusqlite::types::Value| match value {
        rusqlite::types::Value::Null => "-".to_owned(),
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at).map(text)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

fn execute(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// What a projection and its positions are.
fn all(path: &Path) -> [Vec<Vec<String>>; 2] {
    [ROWS, KEPT].map(|query| rows(path, query))
}

fn expect_refusal(ended: &Finished, code: i32, parts: &[&str]) {
    assert_eq!(ended.code(), Some(code), "{}", ended.stderr);
    let error = ended.stderr.lines().find(|line| line.contains(" error: handler projection: ")).unwrap_or_default();
    assert!(parts.iter().all(|part| error.contains(part)), "{parts:?}: {}", ended.stderr);
}

/// Another topic of the same name, still without records.
fn create_again(broker: &Broker, topic: &str, partitions: i32) {
    broker.delete_topic(topic);
    broker.create_topic(topic, partitions, &[]);
}

#[test]
fn a_topic_that_was_created_again_is_refused_and_the_projection_left_as_it_is() {
    let place = Place::new(broker::shared());
    let (topic, other) = (place.broker.topic("again", 2), place.broker.topic("again-other", 1));
    let (definition, path) = (define(&place), database(&place));
    orders::fill(place.broker, &topic, &mut random(), 600, 40);
    place.run(&topic, &definition, &["--no-journal"]).expect_success();
    let before = all(&path);
    let (cluster, id) = (&before[1][0][4], &before[1][0][5]);
    assert!(
        cluster != "-" && id != "-" && before[1].iter().all(|row| (&row[4], &row[5]) == (cluster, id)),
        "{before:?}"
    );
    create_again(place.broker, &topic, 2);
    // More than before: most of it would count as applied.
    let expected = orders::fill(place.broker, &topic, &mut random(), 900, 40);
    place.broker.produce(&other, &[NewRecord::keyed("key-0", "{\"n\":1,\"amount\":1}")]);
    let both = format!("{topic},{other}");
    let group = unique_name("again");
    for (topics, more) in [
        (&topic, &["--no-journal"][..]),
        (&topic, &["--no-journal", "--group", &group]),
        (&both, &["--no-journal"]),
        (&both, &["--no-journal", "--group", &group]),
    ] {
        let ended = place.run(topics, &definition, more);
        expect_refusal(&ended, 1, &["orders.db", &topic, "deleted and created again", "--shadow, or use another"]);
        assert_eq!(all(&path), before, "{topics} {more:?}");
        assert_eq!(place.report()["totals"]["handled"], 0);
    }
    // What writes to no such projection is not refused.
    place.run(&topic, &definition, &["--no-journal", "--dry-run"]).expect_success();
    assert_eq!(all(&path), before);
    place.run(&topic, &definition, &["--no-journal", "--shadow"]).expect_success();
    orders::expect_equal(&orders::read(rows(&path, ROWS)), &expected);
    place.run(&topic, &definition, &["--no-journal"]).expect_success();
    orders::expect_equal(&orders::read(rows(&path, ROWS)), &expected);
}

#[test]
fn another_cluster_is_refused_and_what_is_not_known_is_learned() {
    let place = Place::new(broker::shared());
    let topic = place.broker.topic("elsewhere", 2);
    let (definition, path) = (define(&place), database(&place));
    let expected = orders::fill(place.broker, &topic, &mut random(), 300, 20);
    place.run(&topic, &definition, &["--no-journal"]).expect_success();
    let kept = rows(&path, KEPT);
    execute(&path, "UPDATE kreplay_positions SET cluster_id = 'theirs'");
    let before = all(&path);
    let ended = place.run(&topic, &definition, &["--no-journal"]);
    expect_refusal(&ended, 2, &["belong to cluster theirs", &kept[0][4], "--bootstrap-server"]);
    assert_eq!(all(&path), before);
    // As an earlier version has left it.
    execute(
        &path,
        "ALTER TABLE kreplay_positions DROP COLUMN cluster_id; ALTER TABLE kreplay_positions DROP COLUMN topic_id",
    );
    place.run(&topic, &definition, &["--no-journal"]).expect_success();
    let learned = rows(&path, KEPT);
    assert!(learned.iter().zip(&kept).all(|(now, then)| now[2] == then[2] && now[4..] == then[4..]), "{learned:?}");
    orders::expect_equal(&orders::read(rows(&path, ROWS)), &expected);
}

#[test]
fn a_topic_that_joins_later_is_compared_as_well() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("joins"))] {
        let place = Place::new(broker);
        let prefix = unique_name("joins");
        let [first, later] = ["first", "later"].map(|name| format!("{prefix}-{name}"));
        let (definition, path) = (define(&place), database(&place));
        for topic in [&first, &later] {
            broker.create_topic(topic, 1, &[]);
            orders::fill(broker, topic, &mut random(), 50, 5);
        }
        place.run(&format!("{first},{later}"), &definition, &["--no-journal"]).expect_success();
        broker.delete_topic(&later);
        let regex = format!("{prefix}-.*");
        let handler = format!("projection:{}", definition.display());
        let group = group.iter().flat_map(|group| ["--group", group]);
        let program = place.program(&["run", "--headless", "--topics-regex", &regex, "--to", "never", "--no-journal"]);
        let program = program.args(["--handler", &handler]).args(group);
        let mut running = program.env("KREPLAY_RUN_DISCOVERY_INTERVAL", "500ms").spawn();
        broker.produce(&first, &[NewRecord::keyed("new", "{\"n\":1,\"amount\":1}")]);
        let found = wait::try_until(DEADLINE, || {
            let there = rows(&path, "SELECT count(*) FROM orders WHERE key = 'new'") == [["1"]];
            (there || running.ended()).then_some(there)
        });
        assert_eq!(found, Some(true), "{}", running.stderr());
        let before = all(&path)[0].clone();
        broker.create_topic(&later, 1, &[]);
        orders::fill(broker, &later, &mut random(), 90, 5);
        expect_refusal(&running.finish(), 1, &[&later, "deleted and created again"]);
        assert_eq!(all(&path)[0], before, "nothing of it is applied");
    }
}

#[test]
fn in_postgresql_another_log_is_refused_too() {
    let place = Place::new(broker::shared());
    let (topic, database) = (place.broker.topic("again-pg", 2), postgres::shared().database());
    let definition = place.define("orders", database.url(), SCHEMA, STATEMENT, "");
    let expected = orders::fill(place.broker, &topic, &mut random(), 300, 20);
    place.run(&topic, &definition, &["--no-journal"]).expect_success();
    let kept = database.rows(KEPT);
    assert!(kept.iter().all(|row| row[4] != "-" && row[5] != "-"), "{kept:?}");
    database.execute("ALTER TABLE kreplay_positions DROP COLUMN cluster_id, DROP COLUMN topic_id");
    place.run(&topic, &definition, &["--no-journal"]).expect_success();
    let learned = database.rows(KEPT);
    assert!(learned.iter().zip(&kept).all(|(now, then)| now[2] == then[2] && now[4..] == then[4..]), "{learned:?}");
    for (change, code, part) in [
        ("topic_id = 'AAAA'", 1, "deleted and created again"),
        ("cluster_id = 'theirs'", 2, "belong to cluster theirs"),
    ] {
        database.execute(&format!("UPDATE kreplay_positions SET {change}"));
        let before = database.rows(KEPT);
        let ended = place.run(&topic, &definition, &["--no-journal"]);
        expect_refusal(&ended, code, &[&topic, part, "--shadow"]);
        assert_eq!(database.rows(KEPT), before);
    }
    orders::expect_equal(&orders::read(database.rows(ROWS)), &expected);
}

/// Of a target that knows no log, and of any other: what was never there cannot have been applied.
#[test]
fn a_target_that_stands_beyond_the_log_is_refused() {
    let broker = broker::shared();
    let topic = broker.topic("beyond", 2);
    for partition in 0..2 {
        let records: Vec<_> = (0..30).map(|n| NewRecord::keyed("k", n.to_string()).in_partition(partition)).collect();
        broker.produce(&topic, &records);
    }
    for group in [None, Some(unique_name("beyond"))] {
        let options = || match &group {
            None => options(broker, &topic, 1),
            Some(group) => in_group(options(broker, &topic, 1), group),
        };
        let ledger = Ledger::default();
        ledger.stands_at(0, 10);
        ledger.stands_at(1, 31);
        let ended = run_with(options(), ledger.client().source());
        assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
        let error = ended.view.error.clone().unwrap();
        assert!(error.contains(&format!("stands at 31 of {topic}-1, and its log ends at 30")), "{error}");
        assert_eq!((ledger.applied(), ledger.claims().len()), (0, 1), "and not asked again");
        ledger.stands_at(1, 30);
        run_with(options(), ledger.client().source()).expect_done(20);
    }
}
