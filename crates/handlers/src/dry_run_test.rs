//! Tests of dry runs and comparisons with the built-in handlers.

use kreplay_model::{
    domain::{Classified as _, TopicPartition},
    feed::{ComparisonView, DryRunFindings, Outcome},
};

use crate::{
    Advice, DryRunMode, HandlerChoice, HandlerContext, HandlerSpec, LaneFailure, LaneRun, built_in, open_dry_run,
    testing::record,
};

fn context() -> HandlerContext {
    HandlerContext::testing(&[TopicPartition::new("t", 0), TopicPartition::new("t", 1)])
}

fn batch(values: &[&[u8]]) -> Vec<LaneRun> {
    let records =
        (0..).zip(values).map(|(offset, value)| record(1, offset, Some(b"k\x1b"), Some(value), &[])).collect();
    vec![LaneRun { lane: 0, records }]
}

#[test]
fn a_dry_run_writes_nothing_and_counts_what_it_would_write() {
    let dir = tempfile::tempdir().unwrap();
    let spec = built_in(&format!("ndjson:{}", dir.path().join("out").display())).unwrap();
    let dry_run = open_dry_run(&DryRunMode::Single, &spec, &context()).unwrap();
    assert!(!dry_run.single_threaded && dry_run.handlers.needs().headers);
    assert_eq!(dry_run.handlers.make(0).handle(&batch(&[b"a", b"b\x1b", b"c", b"d"])), []);
    let Some(DryRunFindings::DryRun(view)) = dry_run.handlers.dry_run_findings(true) else { panic!() };
    assert_eq!((view.records, view.failed, view.effects.len()), (4, 0, 1));
    let kind = &view.effects[0];
    assert_eq!((kind.what.as_str(), kind.count, kind.examples.len()), ("line", 4, 3));
    assert_eq!((kind.examples[1].place.partition, kind.examples[1].place.offset), (1, 1));
    assert!(
        kind.examples[1].content.contains(r#""value":"b\\u001b""#) || kind.examples[1].content.contains("b\\u001b")
    );
    assert!(!dir.path().join("out").exists());
}

#[test]
fn records_that_would_fail_are_reported_but_do_not_fail() {
    let spec = built_in("simulate:1ms,poison=1").unwrap();
    let dry_run = open_dry_run(&DryRunMode::Single, &spec, &context()).unwrap();
    assert_eq!(dry_run.handlers.make(0).handle(&batch(&[b"a", b"b"])), []);
    let Some(DryRunFindings::DryRun(view)) = dry_run.handlers.dry_run_findings(true) else { panic!() };
    assert_eq!((view.records, view.failed, view.failures.len()), (2, 2, 2));
    assert!(view.failures[0].error.contains("poison"), "{view:?}");
}

#[test]
fn a_comparison_finds_the_first_difference_of_each_key() {
    let compare = |left: &str, right: &str| {
        let mode = DryRunMode::Compare { right: built_in(right).unwrap(), shown: 10 };
        let dry_run = open_dry_run(&mode, &built_in(left).unwrap(), &context()).unwrap();
        dry_run.handlers.make(0).handle(&batch(&[b"a", b"b"]));
        match dry_run.handlers.dry_run_findings(true) {
            Some(DryRunFindings::Comparison(view)) => view,
            other => panic!("{other:?}"),
        }
    };
    let equal = compare("ndjson", "ndjson:other");
    assert_eq!((equal.records, equal.differing_records, equal.differing_keys), (2, 0, 0));
    let different = compare("null", "ndjson");
    assert_eq!((different.differing_records, different.differing_keys), (2, 1));
    let first = &different.differences[0];
    assert_eq!((first.place.offset, first.key.as_deref()), (0, Some("k\\u{1b}")));
    assert_eq!(first.left, Outcome::Effects(Vec::new()));
    assert!(matches!(&first.right, Outcome::Effects(effects) if effects[0].what == "line"));
    let failing = compare("null", "simulate:0,poison=1");
    assert!(matches!(&failing.differences[0].right, Outcome::Error(_)), "{failing:?}");
    let both = compare("simulate:1ms,poison=1", "simulate:0,poison=1");
    assert_eq!((both.differing_records, both.failed_with_both), (0, 2));
}

/// A projection handler; its target is never created.
fn define(dir: &std::path::Path, name: &str, schema: &str, sql: &str) -> HandlerChoice {
    let path = dir.join(format!("{name}.toml"));
    let text = format!("target = 'sqlite:{name}.db'\nschema = '''{schema}'''\n[[on]]\nsql = '''{sql}'''");
    std::fs::write(&path, text).unwrap();
    HandlerSpec::Projection { path: Some(path) }.into()
}

fn compared(left: &HandlerChoice, right: &HandlerChoice, batch: &[LaneRun]) -> (Vec<LaneFailure>, ComparisonView) {
    let mode = DryRunMode::Compare { right: right.clone(), shown: 10 };
    let dry_run = open_dry_run(&mode, left, &context()).unwrap();
    assert!(dry_run.single_threaded, "rows depend on earlier records");
    let failures = dry_run.handlers.make(0).handle(batch);
    match dry_run.handlers.dry_run_findings(true) {
        Some(DryRunFindings::Comparison(view)) => (failures, view),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_difference_is_named_if_later_ones_may_follow_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let schema = "CREATE TABLE total (n INTEGER); INSERT INTO total VALUES (0);";
    let plain = define(dir.path(), "plain", schema, "UPDATE total SET n = n + 1");
    let other = define(dir.path(), "other", schema, "UPDATE total SET n = n + CASE :key WHEN 'k2' THEN 2 ELSE 1 END");
    // The partition of the first difference is not the first partition.
    let one = |partition, offset, key: &str| LaneRun {
        lane: 0,
        records: vec![record(partition, offset, Some(key.as_bytes()), None, &[])],
    };
    let batch = [one(0, 4, "k1"), one(1, 0, "k2"), one(0, 5, "k3"), one(0, 6, "k1"), one(0, 7, "k3")];
    let (failures, view) = compared(&plain, &other, &batch);
    assert_eq!((failures, view.records), (Vec::new(), 5));
    // These records belong to no key's lane, so they are counted by partition.
    assert_eq!((view.differing_records, view.differing_keys), (4, 2));
    let first = view.first.as_ref().unwrap();
    assert_eq!((first.partition, first.offset), (1, 0));
    assert_eq!(view.differences.last().unwrap().place, *first);
    assert!(view.compared.contains("start empty"), "{}", view.compared);
    assert_eq!(compared(&plain, &plain, &batch).1.first, None);
}

#[test]
fn a_full_disk_stops_a_comparison_instead_of_making_records_equal() {
    let dir = tempfile::tempdir().unwrap();
    let schema = "PRAGMA max_page_count = 8; CREATE TABLE item (key TEXT, value BLOB);";
    let spec = define(dir.path(), "full", schema, "INSERT INTO item VALUES (:key, zeroblob(9000))");
    let runs: Vec<_> = batch(&[b"a", b"b", b"c", b"d"]).into_iter().chain(batch(&[b"e"])).collect();
    let (failures, view) = compared(&spec, &spec, &runs);
    assert!(view.records > 0 && view.records < 4 && view.failed_with_both == 0, "{view:?}");
    let done = usize::try_from(view.records).unwrap();
    let stopped: Vec<_> = failures.iter().map(|failure| (failure.run, failure.done, failure.advice)).collect();
    assert_eq!(stopped, [(0, done, Advice::Stop), (1, 0, Advice::Stop)]);
    assert!(failures[0].error.contains("scratch database") && failures[0].error.contains("full"), "{failures:?}");
}

#[test]
fn handlers_with_different_effects_are_not_compared() {
    let dir = tempfile::tempdir().unwrap();
    let rows = define(dir.path(), "rows", "CREATE TABLE t (k);", "INSERT INTO t VALUES (:key)");
    let refused = |left: &HandlerChoice, right: &str| {
        let mode = DryRunMode::Compare { right: built_in(right).unwrap(), shown: 1 };
        open_dry_run(&mode, left, &context()).err().map(|error| (error.class().is_usage(), error.to_string()))
    };
    let (usage, text) = refused(&rows, "ndjson").unwrap();
    assert!(usage && text.contains("produces rows in SQLite and handler ndjson produces JSON lines"), "{text}");
    // A handler without effects can be compared with any: the comparison shows which records have effects at the
    // other one.
    assert_eq!(refused(&rows, "null"), None);
    assert_eq!(refused(&rows, "simulate:0,poison=1"), None);
    assert_eq!(refused(&built_in("ndjson:a").unwrap(), "ndjson:b/"), None);
    assert_eq!(refused(&built_in("csv:a").unwrap(), "parquet:b"), None);
}
