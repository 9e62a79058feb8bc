//! In a real PostgreSQL, statements with the rows of many records have the same result as one statement per record.

use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::fixtures::orders::Workspace;
use crate::support::broker;
use crate::support::postgres::{self, Database};
use crate::support::process::Finished;
use crate::support::produce::NewRecord;
use crate::support::random;

/// The number of random definitions.
const DEFINITIONS: usize = 12;
const RECORDS: usize = 400;

/// A trigger function that does nothing. A table with a trigger gets one statement per record.
const NO_OP_TRIGGER_FUNCTION: &str =
    "CREATE OR REPLACE FUNCTION nothing() RETURNS trigger AS $$ BEGIN RETURN NULL; END $$ LANGUAGE plpgsql;";

fn pick<'a>(random: &mut StdRng, from: &[&'a str]) -> &'a str {
    from.choose(random).unwrap()
}

/// Records in one partition: few keys, unusual texts, numbers that some types reject, missing values, nulls.
fn records(random: &mut StdRng) -> Vec<NewRecord> {
    let one = |_| {
        let key = pick(random, &["a", "b", "c", "d\\\"e", "{f,g}", "h'i", "1", "01", "NULL", "ü"]);
        let id = pick(random, &["1", "2", "3", "\"2\"", "\"02\"", "2.0", "4", "5", "6", "null", "7", "8"]);
        let n = pick(random, &["1", "2", "-3", "40", "5", "6", "70", "800", "null", "1e2", "123456789", "1.25"]);
        let n = if random.random_ratio(1, 40) { "\"much\"" } else { n };
        let t = pick(random, &["x", "", "y\\\"z", "a\\\\b", "{,}", "NULL", "longer than four", "ß"]);
        let t = if random.random_ratio(1, 60) { "\\u0000" } else { t };
        let value = format!("{{\"id\":{id},\"n\":{n},\"t\":\"{t}\",\"j\":{{\"b\":[{n},\"{}\"],\"a\":null}}}}", "q");
        match random.random_range(0..30) {
            0 => NewRecord::tombstone(key),
            1 => NewRecord::unkeyed(value),
            _ => NewRecord::keyed(key, value),
        }
    };
    (0..RECORDS).map(one).map(|record| record.in_partition(0)).collect()
}

/// A random definition: its schema and its statements. `TABLE` stands for the name of the table.
fn random_definition(random: &mut StdRng) -> (String, String) {
    let (key, key_kind) = *[
        (":key", "text"),
        (":json.id", "text"),
        (":json.id", "bigint"),
        (":json.id", "numeric"),
        ("coalesce(:key, 'none')", "text"),
        ("lower(:key)", "varchar(6)"),
    ]
    .choose(random)
    .unwrap();
    let number = pick(random, &["bigint", "int", "smallint", "numeric", "numeric(6,1)", "double precision", "text"]);
    let text = pick(random, &["text", "varchar(8)", "varchar(40)", "bytea", "char(20)"]);
    let json = pick(random, &["jsonb", "json", "text"]);
    let not_null = pick(random, &["", " NOT NULL"]);
    let check = pick(random, &["", "", " CHECK (n::text <> '800')"]);
    let unique = pick(random, &["PRIMARY KEY", "PRIMARY KEY", "UNIQUE"]);
    let further = pick(random, &["", "", "s bigserial,", "made timestamptz DEFAULT now(),", "u text UNIQUE,"]);
    let n = pick(random, &[":json.n", ":json.n", "coalesce(:json.n, 0)", "1"]);
    let conflict = match random.random_range(0..7) {
        0 => String::new(),
        1 => "ON CONFLICT DO NOTHING".to_owned(),
        2 => "ON CONFLICT (id) DO NOTHING".to_owned(),
        3 => "ON CONFLICT (id) DO UPDATE SET t = excluded.t, o = excluded.o WHERE TABLE.o % 3 <> 1".to_owned(),
        4 if number != "text" => {
            "ON CONFLICT (id) DO UPDATE SET n = TABLE.n + excluded.n, o = TABLE.o * 7 % 1000003 + excluded.o".to_owned()
        }
        _ => "ON CONFLICT (id) DO UPDATE SET n = excluded.n, t = excluded.t, j = excluded.j, o = excluded.o".to_owned(),
    };
    let schema = format!(
        "CREATE TABLE IF NOT EXISTS TABLE (id {key_kind} {unique}, n {number}{not_null}{check}, t {text}, {further} j {json}, o bigint);"
    );
    let mut sql =
        format!("INSERT INTO TABLE (id, n, t, j, o) VALUES ({key}, {n}, :json.t, :json.j, :offset) {conflict};");
    if random.random_ratio(1, 3) {
        let other = pick(
            random,
            &[
                "DELETE FROM TABLE WHERE o % 5 = :offset % 5 AND n::text = '5'",
                "UPDATE TABLE SET o = o + 1 WHERE t = :json.t",
                "INSERT INTO TABLE (id, o) VALUES ('3', :offset) ON CONFLICT DO NOTHING",
            ],
        );
        write!(sql, "\n{other};").unwrap();
    }
    (schema, sql)
}

/// Runs a definition on a topic with this table name. The table `alone` gets a trigger.
fn run(
    workspace: &Workspace<'_>,
    topic: &str,
    database: &Database,
    definition: &(String, String),
    table: &str,
    batch: &str,
) -> Finished {
    let mut schema = definition.0.replace("TABLE (", &format!("{table} ("));
    if table == "alone" {
        write!(
            schema,
            "{NO_OP_TRIGGER_FUNCTION} CREATE OR REPLACE TRIGGER t AFTER INSERT ON alone FOR EACH STATEMENT EXECUTE FUNCTION nothing();"
        )
        .unwrap();
    }
    let path = workspace.define(table, database.url(), &schema, &definition.1.replace("TABLE", table), "");
    let config = workspace.dir.path().join("kreplay.toml");
    std::fs::write(&config, "[run]\non_failure = \"skip\"\nretry.attempts = 0\nordering = \"partition\"\n").unwrap();
    let handler = format!("projection:{}", path.display());
    let config = config.to_str().unwrap();
    let args = ["run", "--topics", topic, "--handler", &handler, "--concurrency", "1", "--config", config];
    workspace.start(&[&args[..], &["--no-journal", "--batch", batch]].concat()).finish()
}

#[test]
fn batched_rows_have_the_same_result_as_single_statements() {
    let mut random = random::generator();
    let workspace = Workspace::new(broker::shared());
    let topic = workspace.broker.topic("rows", 1);
    workspace.broker.produce(&topic, &records(&mut random));
    let mut batched_definitions = 0;
    for _ in 0..DEFINITIONS {
        let database = postgres::shared().database();
        let definition = random_definition(&mut random);
        let batch = pick(&mut random, &["7", "60", "1000"]);
        println!("{}\n{}\nbatch {batch}", definition.0, definition.1);
        let first = run(&workspace, &topic, &database, &definition, "rows_at_once", batch);
        // Some definitions cannot be prepared. Then both runs must fail.
        let report = (first.code() != Some(2)).then(|| workspace.report());
        let second = run(&workspace, &topic, &database, &definition, "alone", batch);
        assert_eq!(first.code(), second.code(), "{}\n{}", first.stderr, second.stderr);
        let Some(report) = report else {
            println!("{}", first.stderr);
            continue;
        };
        let message =
            first.stderr.lines().find(|line| line.contains("sent for many records at once")).expect(&first.stderr);
        println!("{message}");
        batched_definitions += usize::from(!message.contains(": 0 of "));
        assert!(second.stderr.contains("has a trigger") || second.stderr.contains("one by one"), "{}", second.stderr);
        for count in ["handled", "skipped"] {
            assert_eq!(report["totals"][count], workspace.report()["totals"][count], "{count}: {}", first.stderr);
        }
        let rows = |table: &str| {
            let columns = "id, n, t, j::text, o";
            database.rows(&format!("SELECT {columns} FROM {table} ORDER BY {columns}"))
        };
        assert_eq!(rows("rows_at_once"), rows("alone"));
    }
    assert!(batched_definitions > 0, "none of the definitions was sent for many records at once");
}

/// Sums that the built-in projection computes for a batch are those that the database computes record by record.
#[test]
fn the_built_in_projection_is_the_same_with_and_without_batching() {
    let workspace = Workspace::new(broker::shared());
    let topic = workspace.broker.topic("chained", 3);
    let mut random = StdRng::seed_from_u64(1);
    let records: Vec<_> = (0..6000)
        .map(|n| match random.random_range(0..20) {
            0 => NewRecord::unkeyed(format!("{n}")),
            1 => NewRecord::tombstone(format!("key-{}", random.random_range(0..9))),
            _ => {
                NewRecord::keyed(format!("key-{}", random.random_range(0..90)), vec![u8::try_from(n % 251).unwrap(); 9])
            }
        })
        .collect();
    workspace.broker.produce(&topic, &records);
    let tables: Vec<_> = ["", NO_OP_TRIGGER_FUNCTION]
        .into_iter()
        .map(|trigger| {
            let database = postgres::shared().database();
            let given = |batch: &str, more: &[&str]| {
                let args = ["run", "--topics", &topic, "--handler", "projection", "--headless", "--batch", batch];
                let program = workspace.program(&[&args, more].concat());
                program.env("KREPLAY_PROJECTION_TARGET", database.url()).run()
            };
            // The table must exist before it can get a trigger.
            given("10", &["--to", "1"]).expect_success();
            if !trigger.is_empty() {
                database.execute(&format!(
                    "{trigger} CREATE TRIGGER t AFTER INSERT ON kreplay_projection FOR EACH ROW EXECUTE FUNCTION nothing();"
                ));
            }
            let ended = given("1000", &[]);
            let ended = ended.expect_success();
            assert_eq!(ended.stderr.contains("has a trigger"), !trigger.is_empty(), "{}", ended.stderr);
            database.rows("SELECT * FROM kreplay_projection ORDER BY key, unkeyed")
        })
        .collect();
    assert!(tables[0].len() > 50);
    assert_eq!(tables[0], tables[1]);
}

/// For the server 1.0 and 1.00 are the same key. Such rows cannot be in one statement, and none may be lost.
#[test]
fn keys_with_different_text_and_equal_value_are_detected() {
    let workspace = Workspace::new(broker::shared());
    let (topic, database) = (workspace.broker.topic("alike", 1), postgres::shared().database());
    let values = ["1.0", "1.00", "2", "\"1\"", "1.000"];
    let records: Vec<_> = values.iter().map(|id| NewRecord::keyed("k", format!("{{\"id\":{id}}}"))).collect();
    workspace.broker.produce(&topic, &records);
    let definition = workspace.define(
        "alike",
        database.url(),
        "CREATE TABLE IF NOT EXISTS alike (id numeric PRIMARY KEY, seen bigint);",
        "INSERT INTO alike VALUES (:json.id, 1) ON CONFLICT (id) DO UPDATE SET seen = alike.seen + 1",
        "",
    );
    workspace.run(&topic, &definition, &[]).expect_success();
    assert_eq!(database.rows("SELECT id::int, seen FROM alike ORDER BY id"), [["1", "4"], ["2", "1"]]);
}
