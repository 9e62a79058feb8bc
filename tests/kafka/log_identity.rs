//! Positions in a target that belong to another log: a topic that was deleted and created again, another cluster, or a
//! log that had more records.

use std::path::{Path, PathBuf};

use kreplay::feed::RunState;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rusqlite::Connection;

use crate::fixtures::memory_target::MemoryTarget;
use crate::fixtures::orders::{self, ROWS_QUERY, SCHEMA, STATEMENT, Workspace};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::postgres;
use crate::support::process::Finished;
use crate::support::produce::NewRecord;
use crate::support::sessions::{in_group, options, run_with};
use crate::support::timeouts::LONG_RUN_TIMEOUT;
use crate::support::wait;

const POSITIONS_QUERY: &str =
    "SELECT topic, partition, position, owner, cluster_id, topic_id FROM kreplay_positions ORDER BY 1, 2";

fn random() -> StdRng {
    StdRng::seed_from_u64(7)
}

fn database(workspace: &Workspace<'_>) -> PathBuf {
    workspace.dir.path().join("orders.db")
}

fn define(workspace: &Workspace<'_>) -> PathBuf {
    workspace.define("orders", "sqlite:orders.db", SCHEMA, STATEMENT, "")
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

/// All rows of the projection and its positions.
fn contents(path: &Path) -> [Vec<Vec<String>>; 2] {
    [ROWS_QUERY, POSITIONS_QUERY].map(|query| rows(path, query))
}

fn expect_refusal(ended: &Finished, code: i32, parts: &[&str]) {
    assert_eq!(ended.code(), Some(code), "{}", ended.stderr);
    let error = ended.stderr.lines().find(|line| line.contains(" error: handler projection: ")).unwrap_or_default();
    assert!(parts.iter().all(|part| error.contains(part)), "{parts:?}: {}", ended.stderr);
}

/// Replaces a topic by an empty one with the same name.
fn recreate(broker: &Broker, topic: &str, partitions: i32) {
    broker.delete_topic(topic);
    broker.create_topic(topic, partitions, &[]);
}

#[test]
fn a_recreated_topic_is_refused_and_the_projection_is_unchanged() {
    let workspace = Workspace::new(broker::shared());
    let (topic, other) = (workspace.broker.topic("again", 2), workspace.broker.topic("again-other", 1));
    let (definition, path) = (define(&workspace), database(&workspace));
    orders::fill(workspace.broker, &topic, &mut random(), 600, 40);
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    let before = contents(&path);
    let (cluster, id) = (&before[1][0][4], &before[1][0][5]);
    assert!(
        cluster != "-" && id != "-" && before[1].iter().all(|row| (&row[4], &row[5]) == (cluster, id)),
        "{before:?}"
    );
    recreate(workspace.broker, &topic, 2);
    // More records than before: without the check most of them would count as applied.
    let expected = orders::fill(workspace.broker, &topic, &mut random(), 900, 40);
    workspace.broker.produce(&other, &[NewRecord::keyed("key-0", "{\"n\":1,\"amount\":1}")]);
    let both = format!("{topic},{other}");
    let group = unique_name("again");
    for (topics, more) in [
        (&topic, &["--no-journal"][..]),
        (&topic, &["--no-journal", "--group", &group]),
        (&both, &["--no-journal"]),
        (&both, &["--no-journal", "--group", &group]),
    ] {
        let ended = workspace.run(topics, &definition, more);
        expect_refusal(&ended, 1, &["orders.db", &topic, "deleted and created again", "--shadow, or use another"]);
        assert_eq!(contents(&path), before, "{topics} {more:?}");
        assert_eq!(workspace.report()["totals"]["handled"], 0);
    }
    // Runs that do not write to the projection are not refused.
    workspace.run(&topic, &definition, &["--no-journal", "--dry-run"]).expect_success();
    assert_eq!(contents(&path), before);
    workspace.run(&topic, &definition, &["--no-journal", "--shadow"]).expect_success();
    orders::expect_equal(&orders::parse(rows(&path, ROWS_QUERY)), &expected);
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    orders::expect_equal(&orders::parse(rows(&path, ROWS_QUERY)), &expected);
}

#[test]
fn another_cluster_is_refused_and_missing_ids_are_added() {
    let workspace = Workspace::new(broker::shared());
    let topic = workspace.broker.topic("elsewhere", 2);
    let (definition, path) = (define(&workspace), database(&workspace));
    let expected = orders::fill(workspace.broker, &topic, &mut random(), 300, 20);
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    let positions = rows(&path, POSITIONS_QUERY);
    execute(&path, "UPDATE kreplay_positions SET cluster_id = 'theirs'");
    let before = contents(&path);
    let ended = workspace.run(&topic, &definition, &["--no-journal"]);
    expect_refusal(&ended, 2, &["belong to cluster theirs", &positions[0][4], "--bootstrap-server"]);
    assert_eq!(contents(&path), before);
    // Positions as an earlier version stored them, without ids.
    execute(
        &path,
        "ALTER TABLE kreplay_positions DROP COLUMN cluster_id; ALTER TABLE kreplay_positions DROP COLUMN topic_id",
    );
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    let added = rows(&path, POSITIONS_QUERY);
    assert!(added.iter().zip(&positions).all(|(now, then)| now[2] == then[2] && now[4..] == then[4..]), "{added:?}");
    orders::expect_equal(&orders::parse(rows(&path, ROWS_QUERY)), &expected);
}

#[test]
fn a_topic_that_joins_later_is_checked_as_well() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("joins"))] {
        let workspace = Workspace::new(broker);
        let prefix = unique_name("joins");
        let [first, later] = ["first", "later"].map(|name| format!("{prefix}-{name}"));
        let (definition, path) = (define(&workspace), database(&workspace));
        for topic in [&first, &later] {
            broker.create_topic(topic, 1, &[]);
            orders::fill(broker, topic, &mut random(), 50, 5);
        }
        workspace.run(&format!("{first},{later}"), &definition, &["--no-journal"]).expect_success();
        broker.delete_topic(&later);
        let regex = format!("{prefix}-.*");
        let handler = format!("projection:{}", definition.display());
        let group = group.iter().flat_map(|group| ["--group", group]);
        let program =
            workspace.program(&["run", "--headless", "--topics-regex", &regex, "--to", "never", "--no-journal"]);
        let program = program.args(["--handler", &handler]).args(group);
        let mut running = program.env("KREPLAY_RUN_DISCOVERY_INTERVAL", "500ms").spawn();
        broker.produce(&first, &[NewRecord::keyed("new", "{\"n\":1,\"amount\":1}")]);
        let found = wait::try_until(LONG_RUN_TIMEOUT, || {
            let there = rows(&path, "SELECT count(*) FROM orders WHERE key = 'new'") == [["1"]];
            (there || running.ended()).then_some(there)
        });
        assert_eq!(found, Some(true), "{}", running.stderr());
        let before = contents(&path)[0].clone();
        broker.create_topic(&later, 1, &[]);
        orders::fill(broker, &later, &mut random(), 90, 5);
        expect_refusal(&running.finish(), 1, &[&later, "deleted and created again"]);
        assert_eq!(contents(&path)[0], before, "records of the recreated topic were applied");
    }
}

#[test]
fn another_log_is_refused_in_postgresql() {
    let workspace = Workspace::new(broker::shared());
    let (topic, database) = (workspace.broker.topic("again-pg", 2), postgres::shared().database());
    let definition = workspace.define("orders", database.url(), SCHEMA, STATEMENT, "");
    let expected = orders::fill(workspace.broker, &topic, &mut random(), 300, 20);
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    let positions = database.rows(POSITIONS_QUERY);
    assert!(positions.iter().all(|row| row[4] != "-" && row[5] != "-"), "{positions:?}");
    database.execute("ALTER TABLE kreplay_positions DROP COLUMN cluster_id, DROP COLUMN topic_id");
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    let added = database.rows(POSITIONS_QUERY);
    assert!(added.iter().zip(&positions).all(|(now, then)| now[2] == then[2] && now[4..] == then[4..]), "{added:?}");
    for (change, code, part) in [
        ("topic_id = 'AAAA'", 1, "deleted and created again"),
        ("cluster_id = 'theirs'", 2, "belong to cluster theirs"),
    ] {
        database.execute(&format!("UPDATE kreplay_positions SET {change}"));
        let before = database.rows(POSITIONS_QUERY);
        let ended = workspace.run(&topic, &definition, &["--no-journal"]);
        expect_refusal(&ended, code, &[&topic, part, "--shadow"]);
        assert_eq!(database.rows(POSITIONS_QUERY), before);
    }
    orders::expect_equal(&orders::parse(database.rows(ROWS_QUERY)), &expected);
}

/// This holds for every target, also one that does not store log ids: records that never existed cannot have been
/// applied.
#[test]
fn a_target_position_beyond_the_end_of_the_log_is_refused() {
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
        let target = MemoryTarget::default();
        target.set_position(0, 10);
        target.set_position(1, 31);
        let ended = run_with(options(), target.client().source());
        assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
        let error = ended.view.error.clone().unwrap();
        assert!(error.contains(&format!("position of {topic}-1 is 31, but its log now ends at 30")), "{error}");
        assert_eq!((target.applied(), target.claims().len()), (0, 1), "the claim must not be repeated");
        target.set_position(1, 30);
        run_with(options(), target.client().source()).expect_done(20);
    }
}
