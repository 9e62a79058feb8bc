//! Failing handlers and unreachable clusters.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    RUN_TIMEOUT, demo, report,
    support::process::{Finished, Program},
};

/// Writes a configuration in which every record fails all of its three quick attempts.
fn failing_configuration(dir: &Path, on_failure: &str) -> PathBuf {
    let file = dir.join("failing.toml");
    let text = format!(
        "[run]\nretry.attempts = 2\nretry.first_delay = \"1ms\"\non_failure = \"{on_failure}\"\n\
         [demo]\nhandler = \"simulate:0ns,fail=1\"\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

fn run_failing(on_failure: &str) -> Finished {
    let dir = tempfile::tempdir().unwrap();
    let file = failing_configuration(dir.path(), on_failure);
    demo(&["--events", "60", "--report", "json", "--config"]).args([&file]).run()
}

#[test]
fn a_record_that_fails_for_good_fails_the_run() {
    let finished = run_failing("fail");
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    let report = report(&finished);
    assert_eq!(report["state"], "failed");
    let error = report["error"].as_str().unwrap();
    assert!(error.contains("offset 0 failed 3 times; last error: simulated failure"), "{error}");
    assert!(finished.stderr.contains("simulated failure"), "{}", finished.stderr);
    // The position stays below the failed record.
    let partitions = report["partitions"].as_array().unwrap();
    assert!(partitions.iter().any(|one| one["position"] == 0 && one["end"] != 0), "{report:#}");
    assert!(report["totals"]["lag"].as_u64() > Some(0), "{report:#}");
}

#[test]
fn skipped_records_are_counted_and_have_a_separate_exit_code() {
    let finished = run_failing("skip");
    assert_eq!(finished.code(), Some(3), "{finished:?}");
    let report = report(&finished);
    let totals = &report["totals"];
    assert_eq!(report["state"], "done");
    assert_eq!((&totals["handled"], &totals["skipped"], &totals["retried"]), (&0.into(), &60.into(), &120.into()));
    assert_eq!(totals["lag"], 0);
}

#[test]
fn an_unreachable_broker_is_named_in_the_error() {
    // Nothing listens on port 1 of the loopback interface.
    let args = ["run", "--headless", "--bootstrap-server", "127.0.0.1:1", "--topics", "t", "--report", "json"];
    let program = Program::kreplay().args(args).args(["--connect-timeout", "2s"]);
    let finished = program.timeout(RUN_TIMEOUT).run();
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains("no broker answered at 127.0.0.1:1 within 2"), "{}", finished.stderr);
    assert_eq!(finished.stdout, "", "there is no run to report on");
}

#[test]
fn a_report_that_cannot_be_written_fails_the_command() {
    let args = ["--events", "10", "--work", "10us", "--report", "json", "--output", "no/such/folder/report.json"];
    let finished = demo(&args).run();
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains("no/such/folder/report.json"), "{}", finished.stderr);
}

#[test]
fn an_output_that_cannot_be_written_is_named_before_a_broker_is_contacted() {
    for command in [&["compare", "--left", "null", "--right", "null"][..], &["plan"], &["bench"]] {
        let cluster = ["--bootstrap-server", "127.0.0.1:1", "--topics", "t", "--connect-timeout", "2s"];
        let program = Program::kreplay().args(command).args(cluster).args(["--output", "no/such/folder/out.json"]);
        let finished = program.timeout(RUN_TIMEOUT).run();
        assert_eq!(finished.code(), Some(1), "{command:?}: {finished:?}");
        let expected = "cannot write no/such/folder/out.json: its directory does not exist";
        assert!(finished.stderr.contains(expected), "{command:?}: {}", finished.stderr);
    }
}

#[test]
fn a_handler_that_cannot_open_its_file_fails_before_anything_is_handled() {
    let finished = demo(&["--events", "10", "--handler", "ndjson:no/such/folder/out", "--report", "json"]).run();
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains("no/such/folder/out"), "{}", finished.stderr);
    assert!(serde_json::from_str::<Value>(&finished.stdout).is_err(), "there must be no report: {}", finished.stdout);
}
