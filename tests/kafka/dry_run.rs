//! Dry runs and comparisons: effects are reported and not applied.

use std::path::Path;

use kreplay::handler::is_poison;
use serde_json::Value;

use crate::support::broker::{self, Broker, unique_name};
use crate::support::process::{Finished, Program};
use crate::support::produce::NewRecord;
use crate::support::sessions::{in_group, options, run};
use crate::support::timeouts::RUN_TIMEOUT;

fn kreplay(broker: &Broker, dir: &Path, args: &[&str]) -> Finished {
    let (command, rest) = args.split_first().unwrap();
    Program::kreplay()
        .args([command, "--bootstrap-server", broker.bootstrap()])
        .args(rest)
        .env("XDG_STATE_HOME", dir)
        .current_dir(dir)
        .timeout(RUN_TIMEOUT)
        .run()
}

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

fn produce(broker: &Broker, topic: &str, records: usize, keys: usize) {
    let records: Vec<_> =
        (0..records).map(|n| NewRecord::keyed(format!("key-{}", n % keys), format!("value-{n}"))).collect();
    broker.produce(topic, &records);
}

#[test]
fn a_dry_run_reports_all_effects_and_leaves_nothing_behind() {
    let broker = broker::shared();
    let topic = broker.topic("dry", 3);
    produce(broker, &topic, 500, 20);
    let group = unique_name("dry");
    run(in_group(options(broker, &topic, 3), &group)).expect_done(500);
    produce(broker, &topic, 70, 20);
    let committed = || -> Vec<_> { (0..3).map(|partition| broker.committed(&group, &topic, partition)).collect() };
    let before = committed();
    let dir = tempfile::tempdir().unwrap();
    let dry = |more: &[&str]| {
        let args = ["run", "--headless", "--dry-run", "--topics", &topic, "--report", "json"];
        kreplay(broker, dir.path(), &[&args, more].concat())
    };

    let all = dry(&["--handler", "ndjson:out.ndjson"]);
    assert_eq!(all.code(), Some(0), "{all:?}");
    let report = json(&all);
    let found = &report["dry_run"];
    assert_eq!(
        (&found["records"], &found["failed"], &report["effects"]),
        (&570.into(), &0.into(), &Value::Array(vec![]))
    );
    assert_eq!((&found["effects"][0]["what"], &found["effects"][0]["count"]), (&"line".into(), &570.into()));
    assert_eq!(found["effects"][0]["examples"].as_array().unwrap().len(), 3);
    assert!(found["effects"][0]["examples"][0]["content"].as_str().unwrap().contains("value-"));

    // In a group it starts at the group's offsets. The handler `ndjson` writes nothing to standard output.
    let grouped = dry(&["--handler", "ndjson", "--group", &group]);
    assert_eq!((grouped.code(), &json(&grouped)["dry_run"]["records"]), (Some(0), &70.into()), "{grouped:?}");
    assert!(grouped.stderr.contains("the run does not join it and commits nothing"), "{}", grouped.stderr);
    assert_eq!(committed(), before);

    // The dead-letter topic need not exist.
    let failing = dry(&["--handler", "simulate:1ms,poison=0.2", "--on-failure", "dead-letter"]);
    let poison = (0..500).chain(0..70).filter(|n| is_poison(Some(format!("value-{n}").as_bytes()), 0.2)).count();
    let report = json(&failing);
    assert_eq!((failing.code(), &report["dry_run"]["failed"]), (Some(3), &poison.into()), "{failing:?}");
    assert_eq!((&report["totals"]["dead_lettered"], &report["state"]), (&0.into(), &"done".into()));
    assert!(report["dry_run"]["on_failure"].as_str().unwrap().contains("dead-letter to"));
    assert!(report["dry_run"]["failures"][0]["error"].as_str().unwrap().contains("poison"));

    // None of the values is JSON. All failures are counted, not only the first.
    let undecodable = dry(&["--handler", "ndjson:out.ndjson", "--decode", "json", "--on-failure", "skip"]);
    let report = json(&undecodable);
    assert_eq!((undecodable.code(), &report["dry_run"]["failed"]), (Some(3), &570.into()), "{undecodable:?}");
    assert!(report["dry_run"]["failures"][0]["error"].as_str().unwrap().contains("cannot be decoded"));

    let runs = Program::kreplay().args(["runs", "--json"]).env("XDG_STATE_HOME", dir.path()).timeout(RUN_TIMEOUT).run();
    assert_eq!(json(&runs), Value::Array(vec![]), "no journal");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no file");
}

#[test]
fn a_comparison_finds_only_what_differs() {
    let broker = broker::shared();
    let topic = broker.topic("compare", 4);
    produce(broker, &topic, 20_000, 500);
    let dir = tempfile::tempdir().unwrap();
    let compare = |left: &str, right: &str, more: &[&str]| {
        let args = ["compare", "--topics", &topic, "--left", left, "--right", right];
        kreplay(broker, dir.path(), &[&args, more].concat())
    };
    let equal = compare("ndjson:a", "ndjson:b", &[]);
    assert_eq!(equal.code(), Some(0), "{equal:?}");
    assert!(equal.stdout.contains("both have the same effects for every record"), "{}", equal.stdout);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is written");

    let different = compare("simulate:0", "simulate:0,poison=0.01", &["--report", "json", "--limit", "10000"]);
    let found = json(&different);
    let bad: Vec<usize> = (0..20_000).filter(|n| is_poison(Some(format!("value-{n}").as_bytes()), 0.01)).collect();
    let mut keys: Vec<String> = bad.iter().map(|n| format!("key-{}", n % 500)).collect();
    keys.sort();
    keys.dedup();
    assert_eq!((different.code(), &found["equal"]), (Some(1), &false.into()), "{different:?}");
    assert_eq!((&found["records"], &found["differing_records"]), (&20_000.into(), &bad.len().into()));
    assert_eq!(found["differing_keys"], keys.len());
    // The first differing record of each key is shown.
    let mut shown = Vec::new();
    for difference in found["differences"].as_array().unwrap() {
        let key = difference["key"].as_str().unwrap();
        let partition = i32::try_from(difference["partition"].as_i64().unwrap()).unwrap();
        let offset = difference["offset"].as_i64().unwrap();
        let first = bad.iter().find(|n| format!("key-{}", *n % 500) == key).unwrap();
        let stored = broker.records(&topic, partition);
        let place = stored.iter().find(|record| record.offset == offset);
        assert_eq!(place.unwrap().text(), format!("value-{first}"), "{difference}");
        shown.push(key.to_owned());
        if shown.len() == 5 {
            break;
        }
    }
    let text = compare("simulate:0", "simulate:0,poison=0.01", &["--limit", "1"]);
    assert!(text.stdout.contains("right fails: simulated poison") && text.stdout.contains("more keys"), "{text:?}");
    let wrong = compare("nul", "null", &[]);
    assert_eq!(wrong.code(), Some(2), "{wrong:?}");
}
