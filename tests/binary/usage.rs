//! Invalid usage is refused with exit code 2, one clear sentence, and nothing on standard output.

use crate::{RUN_TIMEOUT, support::process::Program};

fn expect_refused(args: &[&str], part: &str) {
    let finished = Program::kreplay().args(args).timeout(RUN_TIMEOUT).run();
    assert_eq!(finished.code(), Some(2), "{args:?}: {finished:?}");
    assert_eq!(finished.stdout, "", "{args:?}");
    assert!(finished.stderr.contains(part), "{args:?}: no {part:?} in\n{}", finished.stderr);
}

#[test]
fn invalid_flags_are_refused() {
    expect_refused(
        &["demo", "--concurrency", "0"],
        "--concurrency: 0 is out of range; allowed: auto, or a whole number",
    );
    expect_refused(&["demo", "--concurrency", "1001"], "from 1 to 1000");
    expect_refused(&["demo", "--concurrency", "-1"], "--concurrency: -1 is out of range");
    expect_refused(&["demo", "--events", "-1"], "--events: -1 is out of range");
    expect_refused(&["groups", "reset", "g", "--to-offset", "-1"], "an offset must be a number, 0 or greater");
    expect_refused(&["demo", "--work", "fast"], "--work");
    expect_refused(&["demo", "--skew", "odd"], "zipf:S");
    expect_refused(&["demo", "--ordering", "keys"], "[possible values: key, partition, none]");
    expect_refused(&["demo", "--handler", "nil"], "nil");
    expect_refused(&["demo", "--topics", "a"], "unexpected argument '--topics'");
    expect_refused(&["replay"], "unrecognized subcommand 'replay'");
    expect_refused(&["run", "--topics", "a"], "no cluster given; use --bootstrap-server HOST:PORT");
    expect_refused(&["run", "--bootstrap-server", "127.0.0.1:1"], "no topics given; use --topics NAME");
    expect_refused(&["run", "--bootstrap-server", "127.0.0.1:1", "--topics-regex", "("], "--topics-regex");
    expect_refused(
        &["run", "--bootstrap-server", "127.0.0.1:1", "--topics", "t", "-X", "no.such.property=1", "--headless"],
        "no.such.property",
    );
    expect_refused(&["demo", "--config", "no/such/file.toml"], "no/such/file.toml");
    expect_refused(&["demo", "--theme", "pink", "--headless"], "pink");
    expect_refused(&["watch", "-b", "127.0.0.1:1", "--theme", "pink", "--headless"], "pink");
    expect_refused(&["demo", "--plain", "--headless"], "--headless");
}

#[test]
fn more_workers_than_partitions_are_refused_with_partition_order() {
    let args = ["demo", "--headless", "--datasets", "2", "--partitions", "3", "--ordering", "partition"];
    expect_refused(
        &[&args[..], &["--concurrency", "100"]].concat(),
        "concurrency 100 is too high: --ordering partition uses at most one worker per partition, and there are 6 partitions; choose at most 6, or use --ordering key",
    );
}

#[test]
fn records_and_the_report_cannot_share_standard_output() {
    expect_refused(
        &["demo", "--headless", "--handler", "ndjson", "--report", "json"],
        "write the report to a file with --output FILE",
    );
}

#[test]
fn a_demo_that_is_too_large_is_refused_before_it_starts() {
    let finished = Program::kreplay()
        .args(["demo", "--headless", "--datasets", "1", "--events", "1000000"])
        .timeout(RUN_TIMEOUT)
        .run();
    assert_eq!(finished.code(), Some(2), "{finished:?}");
    assert!(finished.stderr.contains("use fewer events, more datasets or less skew"), "{}", finished.stderr);
}

#[test]
fn help_and_version_are_printed_to_standard_output() {
    for path in [&[][..], &["demo"], &["run"], &["config"], &["config", "show"]] {
        let finished = Program::kreplay().args(path).args(["--help"]).env("COLUMNS", "100").run().expect_success();
        let name = if path.is_empty() { "top".into() } else { path.join("-") };
        insta::with_settings!({ snapshot_suffix => name, omit_expression => true }, {
            insta::assert_snapshot!("help", finished.stdout);
        });
        assert_eq!(finished.stderr, "");
    }
    let version = Program::kreplay().args(["--version"]).run().expect_success();
    assert_eq!(version.stdout, format!("kreplay {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_configuration_is_checked_and_shown_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kreplay.toml");
    std::fs::write(&file, "[kafka.properties]\n\"sasl.password\" = \"${env:KREPLAY_TEST_SECRET}\"\n").unwrap();
    let config = |command: &str| {
        Program::kreplay()
            .args(["config", command, "--config"])
            .args([&file])
            .env("KREPLAY_TEST_SECRET", "hunter2")
            .timeout(RUN_TIMEOUT)
            .run()
            .expect_success()
    };
    for command in ["check", "show"] {
        let finished = config(command);
        assert!(!finished.stdout.is_empty(), "{command}");
        assert!(!(finished.stdout + &finished.stderr).contains("hunter2"), "{command}");
    }
    std::fs::write(&file, "[run]\nconcurency = 3\n").unwrap();
    let file = file.to_str().unwrap();
    expect_refused(&["config", "check", "--config", file], "kreplay.toml");
    expect_refused(&["demo", "--headless", "--config", file], "concurrency");
    std::fs::write(file, "[console.keys]\nstop = \"p\"\n").unwrap();
    expect_refused(
        &["config", "check", "--config", file],
        "kreplay.toml:2:8: console.keys.stop: the key p is also bound to toggle-pause in dashboard; choose another key",
    );
    // The list is printed all the same: the error of an unknown action recommends this command.
    let listed = Program::kreplay().args(["keys", "--config", file]).timeout(RUN_TIMEOUT).run();
    assert_eq!(listed.code(), Some(2), "{listed:?}");
    assert!(listed.stderr.contains("console.keys.stop"), "{listed:?}");
    assert!(listed.stdout.contains("(! the key p is also bound to toggle-pause"), "{listed:?}");
}
