//! Rows of many records at once come to the same as one statement after the other, in a real PostgreSQL.

use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::orders::Place;
use crate::support::broker;
use crate::support::postgres::{self, Database};
use crate::support::process::Finished;
use crate::support::produce::NewRecord;

/// How many random definitions are tried.
const DEFINITIONS: usize = 12;
const RECORDS: usize = 400;

/// A trigger that does nothing: with it each record has a statement of its own.
const TRIGGER: &str =
    "CREATE OR REPLACE FUNCTION nothing() RETURNS trigger AS $$ BEGIN RETURN NULL; END $$ LANGUAGE plpgsql;";

fn pick<'a>(random: &mut StdRng, from: &[&'a str]) -> &'a str {
    from.choose(random).unwrap()
}

/// Records in one partition: few keys, odd texts, numbers that some types refuse, what is missing, what is null.
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

/// A definition's schema and statements; `TABLE` stands for the name of its table.
fn definition(random: &mut StdRng) -> (String, String) {
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

/// Runs a definition on a topic, with its table under a name.
fn run(
    place: &Place<'_>,
    topic: &str,
    database: &Database,
    what: &(String, String),
    table: &str,
    batch: &str,
) -> Finished {
    let mut schema = what.0.replace("TABLE (", &format!("{table} ("));
    if table == "alone" {
        write!(
            schema,
            "{TRIGGER} CREATE OR REPLACE TRIGGER t AFTER INSERT ON alone FOR EACH STATEMENT EXECUTE FUNCTION nothing();"
        )
        .unwrap();
    }
    let definition = place.define(table, database.url(), &schema, &what.1.replace("TABLE", table), "");
    let config = place.dir.path().join("kreplay.toml");
    std::fs::write(&config, "[run]\non_failure = \"skip\"\nretry.attempts = 0\nordering = \"partition\"\n").unwrap();
    let handler = format!("projection:{}", definition.display());
    let config = config.to_str().unwrap();
    let args = ["run", "--topics", topic, "--handler", &handler, "--concurrency", "1", "--config", config];
    place.start(&[&args[..], &["--no-journal", "--batch", batch]].concat()).finish()
}

#[test]
fn rows_at_once_leave_what_one_after_the_other_leaves() {
    let seed = std::env::var("KREPLAY_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("KREPLAY_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let place = Place::new(broker::shared());
    let topic = place.broker.topic("rows", 1);
    place.broker.produce(&topic, &records(&mut random));
    let mut together = 0;
    for _ in 0..DEFINITIONS {
        let database = postgres::shared().database();
        let what = definition(&mut random);
        let batch = pick(&mut random, &["7", "60", "1000"]);
        println!("{}\n{}\nbatch {batch}", what.0, what.1);
        let first = run(&place, &topic, &database, &what, "rows_at_once", batch);
        // Several cannot be prepared, which has to be so for both.
        let report = (first.code() != Some(2)).then(|| place.report());
        let second = run(&place, &topic, &database, &what, "alone", batch);
        assert_eq!(first.code(), second.code(), "{}\n{}", first.stderr, second.stderr);
        let Some(report) = report else {
            println!("{}", first.stderr);
            continue;
        };
        let said =
            first.stderr.lines().find(|line| line.contains("sent for many records at once")).expect(&first.stderr);
        println!("{said}");
        together += usize::from(!said.contains(": 0 of "));
        assert!(second.stderr.contains("has a trigger") || second.stderr.contains("one by one"), "{}", second.stderr);
        for count in ["handled", "skipped"] {
            assert_eq!(report["totals"][count], place.report()["totals"][count], "{count}: {}", first.stderr);
        }
        let rows = |table: &str| {
            let columns = "id, n, t, j::text, o";
            database.rows(&format!("SELECT {columns} FROM {table} ORDER BY {columns}"))
        };
        assert_eq!(rows("rows_at_once"), rows("alone"));
    }
    assert!(together > 0, "none of the definitions was sent for many records at once");
}

/// What the built-in projection adds up beforehand is what the database adds up record by record.
#[test]
fn the_built_in_projection_is_the_same_either_way() {
    let place = Place::new(broker::shared());
    let topic = place.broker.topic("chained", 3);
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
    place.broker.produce(&topic, &records);
    let tables: Vec<_> = ["", TRIGGER]
        .into_iter()
        .map(|trigger| {
            let database = postgres::shared().database();
            let given = |batch: &str, more: &[&str]| {
                let args = ["run", "--topics", &topic, "--handler", "projection", "--headless", "--batch", batch];
                let program = place.program(&[&args, more].concat());
                program.env("KREPLAY_PROJECTION_TARGET", database.url()).run()
            };
            // The table has to be there before it can have a trigger.
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

/// The server takes 1.0 and 1.00 for one key: such rows cannot be in one statement, and are not lost.
#[test]
fn keys_that_only_look_different_are_found_out() {
    let place = Place::new(broker::shared());
    let (topic, database) = (place.broker.topic("alike", 1), postgres::shared().database());
    let values = ["1.0", "1.00", "2", "\"1\"", "1.000"];
    let records: Vec<_> = values.iter().map(|id| NewRecord::keyed("k", format!("{{\"id\":{id}}}"))).collect();
    place.broker.produce(&topic, &records);
    let definition = place.define(
        "alike",
        database.url(),
        "CREATE TABLE IF NOT EXISTS alike (id numeric PRIMARY KEY, seen bigint);",
        "INSERT INTO alike VALUES (:json.id, 1) ON CONFLICT (id) DO UPDATE SET seen = alike.seen + 1",
        "",
    );
    place.run(&topic, &definition, &[]).expect_success();
    assert_eq!(database.rows("SELECT id::int, seen FROM alike ORDER BY id"), [["1", "4"], ["2", "1"]]);
}
