//! What a killed process of an earlier version has left in a database or in Kafka is continued. The fixtures were
//! written by a build of November 2026; `tests/fixtures/earlier/make.sh` says how. They name the cluster and the topics
//! of that time, so the tests write the same records to topics of their own.

use std::path::PathBuf;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use rusqlite::Connection;
use serde_json::Value;

use crate::fixtures::orders::{self, ROWS_QUERY, SCHEMA, STATEMENT, Workspace};
use crate::support::broker::{self, Broker};
use crate::support::build::repository;
use crate::support::postgres;
use crate::support::process::Program;
use crate::support::produce::{Ending, NewRecord};
use crate::support::timeouts::{OPERATION_TIMEOUT, RUN_TIMEOUT};
use crate::support::wait;

/// The records of the topic of the projections.
const RECORDS: usize = 400;
/// The topic of the projections when the fixtures were written.
const ORDERS: &str = "earlier-orders";
const OLD_TOPICS: [&str; 4] = ["earlier-a", "earlier-b", "earlier-c", "earlier-d"];
const NEW_TOPIC: &str = "earlier-new";
/// The group of a consumer of the old topics, which has read half of each.
const GROUP: &str = "earlier-group";

fn fixture(name: &str) -> PathBuf {
    repository("tests/fixtures/earlier").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap()
}

fn value(n: usize) -> String {
    format!("{{\"n\":{n},\"amount\":{}}}", n % 7 + 1)
}

/// The record with this number in a topic of the fixtures.
fn record(n: usize) -> NewRecord {
    NewRecord::keyed(format!("key-{}", n % 20), value(n))
}

/// Continues a projection of an earlier version. `sql` executes a statement on its target, and `query` returns rows.
fn expect_projection_to_be_continued(
    workspace: &Workspace<'_>,
    target: &str,
    sql: impl Fn(&str),
    query: impl Fn(&str) -> Vec<Vec<String>>,
) {
    let topic = workspace.broker.topic("earlier-orders", 2);
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    workspace.broker.produce(&topic, &records);
    let definition = workspace.define("orders", target, SCHEMA, STATEMENT, "");
    for table in ["kreplay_positions", "kreplay_applied"] {
        // SQLite's second table has no topics.
        if !(target.starts_with("sqlite:") && table == "kreplay_applied") {
            sql(&format!("UPDATE {table} SET topic = '{topic}' WHERE topic = '{ORDERS}'"));
        }
    }
    let before = query(ROWS_QUERY);
    let applied: usize = before.iter().map(|row| row[1].parse::<usize>().unwrap()).sum();
    assert!((1..RECORDS).contains(&applied), "{applied}");
    // The stored ids are those of another log.
    let refused = workspace.run(&topic, &definition, &["--no-journal"]);
    assert_ne!(refused.code(), Some(0), "{}", refused.stderr);
    assert!(refused.stderr.contains("rebuild the projection with --shadow"), "{}", refused.stderr);
    assert_eq!(query(ROWS_QUERY), before);

    sql("UPDATE kreplay_positions SET cluster_id = NULL, topic_id = NULL");
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    orders::expect_equal(&orders::parse(query(ROWS_QUERY)), &orders::rows_of(&records));
    // Applied records above the positions are read and left out.
    assert_eq!(workspace.report()["totals"]["handled"], RECORDS - applied);
}

#[test]
fn the_positions_of_an_sqlite_file_are_continued() {
    let workspace = Workspace::new(broker::shared());
    let path = workspace.dir.path().join("orders.db");
    std::fs::copy(fixture("orders.db"), &path).unwrap();
    let open = || Connection::open(&path).unwrap();
    let query = |sql: &str| {
        let connection = open();
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let text = |value: rusqlite::types::Value| match value {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => panic!("{other:?}"),
        };
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at).map(text)).collect()).unwrap();
        rows.map(Result::unwrap).collect()
    };
    expect_projection_to_be_continued(&workspace, "sqlite:orders.db", |sql| open().execute_batch(sql).unwrap(), query);
}

#[test]
fn the_positions_of_a_postgresql_database_are_continued() {
    let workspace = Workspace::new(broker::shared());
    let database = postgres::shared().database();
    database.execute(&text("orders.sql"));
    let query = |sql: &str| database.rows(sql);
    expect_projection_to_be_continued(&workspace, database.url(), |sql| database.execute(sql), query);
}

/// A topic with the exact name of the fixture. A broker that is not the tests' own may have it from an earlier test.
fn create(broker: &Broker, topic: &str, partitions: i32) {
    let client: BaseConsumer = broker.client().create().unwrap();
    let known = client.fetch_metadata(None, OPERATION_TIMEOUT).unwrap();
    if known.topics().iter().any(|one| one.name() == topic) {
        broker.delete_topic(topic);
    }
    broker.create_topic(topic, partitions, &[]);
}

fn commit(broker: &Broker, group: &str, offsets: &[(&str, i32, i64, &str)]) {
    let consumer: BaseConsumer = broker.client().set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset, metadata) in offsets {
        let mut element = list.add_partition(topic, *partition);
        element.set_offset(Offset::Offset(*offset)).unwrap();
        element.set_metadata(*metadata);
    }
    // Commits fail until the client has found the group's coordinator.
    wait::until("commit", OPERATION_TIMEOUT, || consumer.commit(&list, CommitMode::Sync).ok());
}

/// Writes what the killed migration has copied, to the same offsets. Its transactions are told apart by their markers,
/// which take an offset in each partition.
fn write_copied_records(broker: &Broker, timestamp: impl Fn(usize) -> i64) {
    let mut transactions: Vec<Vec<(NewRecord, i64)>> = Vec::new();
    let (mut expected, mut number, mut last_partition) = (0, 0, 0);
    for line in text("migration-records.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (partition, offset): (i32, i64) = (fields[0].parse().unwrap(), fields[1].parse().unwrap());
        let (channel, n): (&str, usize) = (fields[2], fields[3].parse().unwrap());
        if partition != last_partition {
            (expected, number, last_partition) = (0, 0, partition);
        }
        if offset != expected {
            (expected, number) = (offset, number + 1);
        }
        expected += 1;
        transactions.resize_with(transactions.len().max(number + 1), Vec::new);
        transactions[number]
            .push((NewRecord::keyed(channel, value(n)).in_partition(partition).at(timestamp(n)), offset));
    }
    for transaction in transactions {
        let (records, offsets): (Vec<_>, Vec<_>) = transaction.into_iter().unzip();
        let placed = broker.transaction(NEW_TOPIC, Ending::Commit, &records);
        assert_eq!(placed.iter().map(|one| one.offset).collect::<Vec<_>>(), offsets);
    }
}

/// The group of a migration is named after its topics, so these have the names of the fixture.
#[test]
fn the_committed_offsets_of_a_migration_are_continued() {
    let broker = broker::shared();
    let timestamp = |n: usize| 1_700_000_000_000 + i64::try_from(n).unwrap();
    for topic in OLD_TOPICS {
        create(broker, topic, 1);
        broker.produce(topic, &(0..100).map(|n| record(n).at(timestamp(n))).collect::<Vec<_>>());
        commit(broker, GROUP, &[(topic, 0, 50, "")]);
    }
    create(broker, NEW_TOPIC, 2);
    write_copied_records(broker, timestamp);
    let offsets: Vec<Value> =
        text("migration-offsets.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for one in &offsets {
        let (group, topic) = (one["group"].as_str().unwrap(), one["topic"].as_str().unwrap());
        let partition = i32::try_from(one["partition"].as_i64().unwrap()).unwrap();
        let metadata = one["metadata"].as_str().unwrap();
        commit(broker, group, &[(topic, partition, one["offset"].as_i64().unwrap(), metadata)]);
    }
    // Records that were written after the migration was killed.
    broker.produce(OLD_TOPICS[0], &(100..120).map(|n| record(n).at(timestamp(n))).collect::<Vec<_>>());

    let migrated = Program::kreplay()
        .args(["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics"])
        .args(OLD_TOPICS)
        .args(["--default-topic", &format!("{NEW_TOPIC}:2"), "--carry-group", GROUP, "--execute", "--json"])
        .timeout(RUN_TIMEOUT)
        .run()
        .expect_success();
    assert!(migrated.stderr.contains("continuing a migration that was started before"), "{}", migrated.stderr);
    let report: Value = serde_json::from_str(&migrated.stdout).unwrap();
    assert_eq!(report["id"], offsets[0]["group"], "{report:#}");
    assert_eq!((&report["copied"], &report["verified"]["new_records"]), (&20.into(), &420.into()), "{report:#}");
    assert_eq!(report["verified"]["old_digest"], report["verified"]["new_digest"], "{report:#}");
    let group = &report["groups"][0];
    assert_eq!((&group["state"], &group["to_read"], &group["again"]), (&"carried".into(), &220.into(), &0.into()));
}
