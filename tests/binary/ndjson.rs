//! Records on standard output, for other programs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::build::kreplay_binary;
use crate::{RUN_TIMEOUT, demo, support::process::Program};

#[test]
fn each_event_is_a_line_and_each_dataset_is_in_order() {
    let finished = demo(&["--handler", "ndjson", "--concurrency", "6"]).run().expect_success();
    let mut next: BTreeMap<String, i64> = BTreeMap::new();
    let mut lines = 0;
    for line in finished.stdout.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let fields = ["topic", "partition", "offset", "timestamp", "key", "value", "headers"];
        assert!(fields.iter().all(|name| record.get(name).is_some()), "{line}");
        let expected = next.entry(record["key"].as_str().unwrap().to_owned()).or_default();
        assert_eq!(record["offset"].as_i64(), Some(*expected), "{line}");
        *expected += 1;
        lines += 1;
    }
    assert_eq!((lines, next.len()), (10_000, 10));
    assert!(next.values().all(|count| *count == 1000), "{next:?}");
}

/// `kreplay … | head -1`: the reader ends after a line, and kreplay must end soon after.
#[test]
fn a_closed_reader_ends_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("quick.toml");
    std::fs::write(&config, "[run]\nretry.attempts = 1\nretry.first_delay = \"1ms\"\n").unwrap();
    // The shell writes kreplay's own exit code to standard error.
    let script = r#"{ "$0" demo --headless --handler ndjson --config "$1"; echo "code $?" >&2; } | head -n 1"#;
    let finished = Program::named("sh")
        .args(["-c", script, &kreplay_binary()])
        .args([&config])
        .timeout(RUN_TIMEOUT)
        .run()
        .expect_success();
    assert_eq!(finished.stdout.lines().count(), 1);
    assert!(serde_json::from_str::<Value>(finished.stdout.trim()).is_ok(), "{}", finished.stdout);
    assert!(finished.stderr.contains("standard output was closed by its reader"), "{}", finished.stderr);
    assert!(finished.stderr.contains("code 1"), "{}", finished.stderr);
}

#[test]
fn an_unread_report_is_not_an_error() {
    let script = r#"{ "$0" demo --headless --events 100 --work 10us --report json; echo "code $?" >&2; } | true"#;
    let finished = Program::named("sh").args(["-c", script, &kreplay_binary()]).timeout(RUN_TIMEOUT).run();
    assert!(finished.stderr.contains("code 0"), "{}", finished.stderr);
}
