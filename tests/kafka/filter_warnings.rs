//! Filters that cannot be applied to a record, filters that match nothing, and keys that look like patterns.

use std::sync::Arc;

use kreplay::replay::SessionOptions;
use kreplay::rules::{OnUnjudged, Rules};
use serde_json::Value;

use crate::fixtures::recorder::Recorder;
use crate::support::broker::{self, Broker, unique_name};
use crate::support::process::{Finished, Program};
use crate::support::produce::NewRecord;
use crate::support::sessions::{in_group, options, run_with};

const MATCHING_VALUE: &str = r#"{"currency":"EUR"}"#;

/// Writes five records: one matches, one does not, one has no value, and two have values that cannot be parsed.
fn mixed_topic(broker: &Broker) -> String {
    let topic = broker.topic("judged", 1);
    let values = [MATCHING_VALUE, r#"{"currency":"EUR","x":NaN}"#, r#"{"currency":"USD"}"#, r#"{"currency":"EUR"} {}"#];
    let mut records: Vec<_> = values.map(|value| NewRecord::keyed("k", value)).to_vec();
    records.push(NewRecord::tombstone("k"));
    broker.produce(&topic, &records);
    topic
}

/// Runs with a filter on the value. Returns the number of lines written, the report, and the finished process.
fn run_filtered(broker: &Broker, topic: &str, more: &[&str]) -> (usize, Value, Finished) {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report.json");
    let finished = Program::kreplay()
        .args(["run", "--headless", "--no-journal", "-b", broker.bootstrap(), "-t", topic, "--json", "currency=EUR"])
        .args(["--handler", "ndjson", "--output-format", "json", "--output"])
        .args([&report])
        .args(more)
        .env("KREPLAY_RUN_RETRY_ATTEMPTS", "0")
        .run();
    let report = serde_json::from_str(&std::fs::read_to_string(report).unwrap_or_default()).unwrap_or_default();
    (finished.stdout.lines().count(), report, finished)
}

fn totals(report: &Value, names: &[&str]) -> Vec<u64> {
    names.iter().map(|name| report["totals"][name].as_u64().unwrap()).collect()
}

#[test]
fn records_that_a_filter_cannot_judge_are_counted_and_reported_with_every_policy() {
    let broker = broker::shared();
    let topic = mixed_topic(broker);
    let names = ["handled", "filtered", "unjudged", "unjudged_dropped", "skipped"];
    for (flags, lines, code, expected, part) in [
        (&[][..], 1, 3, [1, 2, 2, 2, 0], "the filter cannot be evaluated, so the record is excluded"),
        (&["--on-unjudged", "drop"], 1, 3, [1, 2, 2, 2, 0], "so the record is excluded"),
        (&["--on-unjudged", "pass"], 3, 3, [3, 2, 2, 0, 0], "and the record is handled"),
        (
            &["--on-unjudged", "fail", "--on-failure", "skip"],
            1,
            3,
            [1, 2, 0, 0, 2],
            "cannot be evaluated on it (--on-unjudged)",
        ),
    ] {
        let (written, report, finished) = run_filtered(broker, &topic, flags);
        assert_eq!((written, finished.code()), (lines, Some(code)), "{flags:?}: {finished:?}");
        assert_eq!(totals(&report, &names), expected, "{flags:?}: {finished:?}");
        assert_eq!(finished.stderr.matches(part).count(), if flags.len() == 4 { 2 } else { 1 }, "{finished:?}");
        assert!(finished.stderr.contains(&format!("{topic}-0 at 1")), "{finished:?}");
    }
    let (_, _, finished) = run_filtered(broker, &topic, &["--on-unjudged", "fail"]);
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    let plan = Program::kreplay()
        .args(["plan", "-b", broker.bootstrap(), "-t", &topic, "--json", "currency=EUR", "--output-format", "json"])
        .run()
        .expect_success();
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let counts = ["records", "filtered", "unjudged"].map(|name| plan[name]["value"].as_u64());
    assert_eq!(counts, [Some(1), Some(2), Some(2)], "{plan:#}");
    assert!(
        plan["notes"].to_string().contains(&format!("such as {topic}-0 at 1 (the value cannot be decoded")),
        "{plan:#}"
    );
}

fn with_keys(mut options: SessionOptions, keys: &[&str]) -> SessionOptions {
    let mut rules = Rules { on_unjudged: Some(OnUnjudged::Drop), ..Rules::default() };
    rules.filter.keys = keys.iter().map(|key| key.parse().unwrap()).collect();
    options.selection.as_mut().unwrap().scope.rules = Arc::new(rules);
    options
}

#[test]
fn a_filter_without_matches_is_reported_with_an_example_before_the_group_commits() {
    let broker = broker::shared();
    let topic = broker.topic("nothing", 2);
    let records: Vec<_> = (0..100).map(|n| NewRecord::keyed(format!("customer-{n}"), "{}")).collect();
    broker.produce(&topic, &records);
    for group in [None, Some(unique_name("nothing"))] {
        let options = with_keys(options(broker, &topic, 2), &["Customer-*"]);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run_with(options, Recorder::default().source()).expect_done(0);
        let log = ended.log();
        let warning =
            "none of the 100 records read passes the filter (key Customer-*); the first of them has the key `customer-";
        assert_eq!(log.matches(warning).count(), 1, "{log}");
        if let Some(group) = &group {
            let committed: i64 = (0..2).map(|partition| broker.committed(group, &topic, partition).unwrap_or(0)).sum();
            assert_eq!(committed, 100, "the run reached its end after the warning");
            // The next run of the group reports why there is nothing to do.
            let again = in_group(crate::support::sessions::options(broker, &topic, 2), group);
            let log = run_with(again, Recorder::default().source()).expect_done(0).log();
            assert!(log.contains("all 100 records were already handled"), "{log}");
        }
    }
    let plan = Program::kreplay()
        .args(["plan", "-b", broker.bootstrap(), "-t", &topic, "--keys", "x, y"])
        .run()
        .expect_success();
    assert!(plan.stdout.contains("none of the 100 records read passes the filter (key x or y)"), "{plan:?}");
}

#[test]
fn keys_that_look_like_patterns_match_literally() {
    let broker = broker::shared();
    let topic = broker.topic("patterns", 1);
    let keys = [r#"{"id":17,"x":1}"#, "[a]", "a", "b,c", "d"];
    broker.produce(&topic, &keys.map(|key| NewRecord::keyed(key, "v")));
    for (flags, found) in [
        (&["--keys", keys[0]][..], &[keys[0]][..]),
        (&["--keys", "[a]"], &["[a]", "a"]),
        (&["--keys", r"b\,c,d"], &["b,c", "d"]),
        (&["--keys", "d", "a,none"], &["a", "d"]),
    ] {
        let finished = Program::kreplay()
            .args(["run", "--headless", "--no-journal", "-b", broker.bootstrap(), "-t", &topic, "--handler", "ndjson"])
            .args(flags)
            .run()
            .expect_success();
        let lines = finished.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut seen: Vec<_> = lines.map(|line| line["key"].as_str().unwrap().to_owned()).collect();
        seen.sort();
        assert_eq!(seen, found, "{flags:?}");
    }
}
