//! Numbers keep all their digits, and objects the order of their fields, from the log to every target.

use std::path::Path;

use crate::fixtures::orders::Workspace;
use crate::support::broker::{self, Broker};
use crate::support::postgres;
use crate::support::process::{Finished, Program};
use crate::support::produce::NewRecord;
use crate::support::timeouts::RUN_TIMEOUT;

const ID: &str = "23958446825181076828";
const NEXT_ID: &str = "23958446825181076829";

/// A value that a parser with doubles and hash maps would change.
fn value(id: &str) -> String {
    format!(
        r#"{{"z":1,"id":{id},"price":117.63331139400017,"exact":0.12345678901234567890,"near":0.12345678901234567890,"text":1.50,"a":[1.50,1e400],"z":1.0}}"#
    )
}

fn topic_with_two_ids(broker: &Broker, prefix: &str) -> String {
    let topic = broker.topic(prefix, 1);
    broker.produce(&topic, &[ID, NEXT_ID].map(|id| NewRecord::keyed("k", value(id))));
    topic
}

fn run(broker: &Broker, dir: &Path, topic: &str, more: &[&str], environment: &[(&str, &str)]) -> Finished {
    let program = Program::kreplay()
        .args(["run", "--headless", "--no-journal", "--bootstrap-server", broker.bootstrap(), "--topics", topic])
        .args(more)
        .env("XDG_STATE_HOME", dir)
        .current_dir(dir)
        .timeout(RUN_TIMEOUT);
    environment.iter().fold(program, |program, (name, value)| program.env(name, *value)).run()
}

#[test]
fn lines_filters_keys_and_files_keep_all_digits() {
    let broker = broker::shared();
    let (topic, dir) = (topic_with_two_ids(broker, "digits"), tempfile::tempdir().unwrap());
    let lines = run(broker, dir.path(), &topic, &["--decode", "json", "--handler", "ndjson"], &[]).expect_success();
    for id in [ID, NEXT_ID] {
        assert!(lines.stdout.contains(&format!("\"value\":{},\"headers\"", value(id))), "{}", lines.stdout);
    }
    for (filter, found) in [
        (format!("id={ID}"), 1),
        ("id=2.3958446825181076828E+19".into(), 1),
        ("z=1".into(), 2),
        ("price=1176333113940001.7e-13".into(), 2),
        ("price=117.63331139400018".into(), 0),
        ("a[1]=10e399".into(), 2),
    ] {
        let filtered = run(broker, dir.path(), &topic, &["--json", &filter, "--handler", "ndjson"], &[]);
        assert_eq!(filtered.stdout.lines().count(), found, "{filter}: {}", filtered.stderr);
    }
    let target = broker.topic("digits-keys", 1);
    let handler = format!("topic:{target}");
    run(broker, dir.path(), &topic, &["--handler", &handler], &[("KREPLAY_TOPIC_KEY", "{id}")]).expect_success();
    let keys: Vec<_> = broker.records(&target, 0).into_iter().map(|record| record.key.unwrap()).collect();
    assert_eq!(keys, [ID.as_bytes(), NEXT_ID.as_bytes()]);
    let columns = [("KREPLAY_EXPORT_COLUMNS", "json.id,json.price,near=json.price:double,json.a")];
    run(broker, dir.path(), &topic, &["--handler", "csv:rows"], &columns).expect_success();
    let file = std::fs::read_dir(dir.path().join("rows")).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "csv")).unwrap();
    let rows = std::fs::read_to_string(file).unwrap();
    let expected = format!("\n{ID},117.63331139400017,117.63331139400017,\"[1.50,1e400]\"\n");
    assert!(rows.contains(&expected), "{rows}");
}

#[test]
fn filters_accept_json_that_other_parsers_accept() {
    let broker = broker::shared();
    let (topic, dir) = (broker.topic("accepted", 1), tempfile::tempdir().unwrap());
    let deep = format!(r#"{{"k":"EUR","d":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let values = [
        r#"{"k":"EUR"}"#,
        "\u{feff}{\"k\":\"EUR\"}",
        &deep,
        r#"{"k":"EUR","x":1e400}"#,
        r#"{"k":"EUR","n":"\ud800"}"#,
        r#"{"k":"USD","k":"EUR"}"#,
    ];
    broker.produce(&topic, &values.map(NewRecord::unkeyed));
    let args = ["--json", "k=EUR", "--decode", "json", "--handler", "ndjson"];
    let found = run(broker, dir.path(), &topic, &args, &[]).expect_success();
    for (line, value) in found.stdout.lines().zip(values) {
        let value = value.trim_start_matches('\u{feff}');
        assert!(line.contains(&format!("\"value\":{value},\"headers\"")), "{line}");
    }
    assert_eq!(found.stdout.lines().count(), values.len());
}

#[test]
fn postgresql_gets_all_digits_or_rejects_the_record() {
    let workspace = Workspace::new(broker::shared());
    let (topic, database) = (topic_with_two_ids(workspace.broker, "numeric"), postgres::shared().database());
    let schema =
        "CREATE TABLE IF NOT EXISTS n (id numeric PRIMARY KEY, price numeric, exact numeric, near double precision,
        whole bigint, t text, doc json);";
    let statement = "INSERT INTO n VALUES (:json.id, :json.price, :json.exact, :json.near, :json.z, :json.text, :json)";
    let definition = workspace.define("exact", database.url(), schema, statement, "");
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    let rows = database.rows("SELECT id, price, exact, near, whole, t, doc FROM n ORDER BY id");
    let expected = [ID, NEXT_ID].map(|id| {
        [id, "117.63331139400017", "0.12345678901234567890", "0.12345678901234568", "1", "1.50", &value(id)]
            .map(str::to_owned)
            .to_vec()
    });
    assert_eq!(rows, expected);
    let schema = "CREATE TABLE IF NOT EXISTS b (id bigint);";
    let definition = workspace.define("bigint", database.url(), schema, "INSERT INTO b VALUES (:json.id)", "");
    let refused = workspace.run(&topic, &definition, &["--no-journal", "--on-failure", "skip"]);
    assert!(refused.stderr.contains(&format!("value \"{ID}\" is out of range for type bigint")), "{}", refused.stderr);
    assert_eq!(database.value("SELECT count(*) FROM b"), "0");
}

#[test]
fn equal_numbers_compare_equal_and_different_ones_do_not() {
    let (broker, dir) = (broker::shared(), tempfile::tempdir().unwrap());
    let topic = broker.topic("compared-numbers", 1);
    let values = [r#"{"a":1.0,"b":10e-1}"#, r#"{"a":117.63331139400017,"b":1176333113940001.7E-13}"#];
    let odd = format!(r#"{{"a":{ID},"b":{NEXT_ID}}}"#);
    broker.produce(&topic, &[values[0], values[1], &odd].map(|value| NewRecord::keyed(value, value)));
    for (target, column) in [("sqlite:x.db", "TEXT"), ("postgres://127.0.0.1:1/none", "numeric")] {
        for side in ["a", "b"] {
            // SQLite compares TEXT columns as text, so there the column has no type.
            let column = if target.starts_with("sqlite") { "" } else { column };
            let text = format!(
                "target = \"{target}\"\nschema = \"CREATE TABLE n (x {column});\"\n[[on]]\nsql = \"INSERT INTO n VALUES (:json.{side})\"\n"
            );
            std::fs::write(dir.path().join(format!("{side}.toml")), text).unwrap();
        }
        let compared = Program::kreplay()
            .args(["compare", "--bootstrap-server", broker.bootstrap(), "--topics", &topic])
            .args(["--left", "projection:a.toml", "--right", "projection:b.toml", "--report", "json"])
            .env("XDG_STATE_HOME", dir.path())
            .current_dir(dir.path())
            .timeout(RUN_TIMEOUT)
            .run();
        let report: serde_json::Value =
            serde_json::from_str(&compared.stdout).unwrap_or_else(|_| panic!("{compared:?}"));
        assert_eq!((&report["records"], &report["differing_records"]), (&3.into(), &1.into()), "{report:#}");
        assert!(report["differences"][0]["left"].to_string().contains(ID), "{report:#}");
    }
}
