//! Runs the examples of docs/exec.md.

use kreplay_model::domain::TopicPartition;
use kreplay_testkit::build::repository;

use super::ExecHandlers;
use crate::setup::HandlerSetup;
use crate::{Advice, LaneRun, RunHandlers, testing::record};

/// Sends records of two keys and one record without a key to an example; returns the failures.
fn run(words: &[&str]) -> Vec<(usize, usize, Advice, String)> {
    let context = HandlerSetup::testing(&[TopicPartition::new("t", 0)]);
    let words: Vec<_> = words.iter().map(ToString::to_string).collect();
    let source = ExecHandlers::open(&words, &context).unwrap();
    let lane = |lane, key: Option<&[u8]>, values: [&str; 2]| LaneRun {
        lane,
        records: (0..).zip(values).map(|(offset, value)| record(0, offset, key, Some(value.as_bytes()), &[])).collect(),
    };
    let batch = [lane(0, Some(b"a"), ["1", "2"]), lane(1, None, ["3", "4"]), lane(2, Some(b"\xff"), ["5", "6"])];
    let failures = source.make(0).handle(&batch);
    failures.into_iter().map(|it| (it.run, it.done, it.advice, it.error)).collect()
}

fn example(name: &str) -> String {
    repository(&format!("examples/exec/{name}")).display().to_string()
}

fn expected() -> Vec<(usize, usize, Advice, String)> {
    vec![(1, 0, Advice::GiveUp, "the record has no key".into())]
}

#[test]
fn the_example_in_shell_handles_records() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    assert_eq!(run(&[&example("handler.sh"), out.to_str().unwrap()]), expected());
    assert_eq!(std::fs::read_to_string(out).unwrap().lines().count(), 4);
}

#[test]
fn the_example_in_python_handles_records() {
    let found = std::process::Command::new("python3").arg("--version").output();
    assert!(found.is_ok_and(|output| output.status.success()), "this test needs python3 in PATH");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.sqlite");
    assert_eq!(run(&["python3", &example("handler.py"), out.to_str().unwrap()]), expected());
    let database = rusqlite::Connection::open(out).unwrap();
    let mut rows = database.prepare("SELECT key, value, position FROM latest ORDER BY key").unwrap();
    let rows: Vec<[String; 3]> =
        rows.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows, [["/w==", "6", "t-0-1"], ["a", "2", "t-0-1"]].map(|row| row.map(str::to_owned)));
}
