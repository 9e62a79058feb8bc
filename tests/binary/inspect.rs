//! Looking at records that failed, in a real terminal, with the demo's broker.

use std::path::Path;

use crate::{
    RUN_TIMEOUT,
    support::pty::{Terminal, Traces},
};

/// A demo in which every record fails.
fn failing_demo(dir: &Path, on_failure: &str) -> Terminal {
    let file = dir.join("failing.toml");
    let text = format!(
        "[run]\nretry.attempts = 1\nretry.first_delay = \"1ms\"\non_failure = \"{on_failure}\"\n\
         [demo]\nhandler = \"simulate:0ns,fail=1\"\n"
    );
    std::fs::write(&file, text).unwrap();
    Terminal::kreplay(&["demo", "--events", "60", "--config", file.to_str().unwrap()], 40, 120)
}

fn wait_for_text(terminal: &Terminal, text: &str) {
    terminal.wait_for(text, RUN_TIMEOUT, |screen| screen.contains(text));
}

#[test]
fn the_record_that_paused_the_run_is_shown_searched_and_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let mut console = failing_demo(dir.path(), "pause");
    wait_for_text(&console, "Paused by a failed record");
    console.send("f");
    wait_for_text(&console, "The run is paused by this record");
    console.send("\r");
    wait_for_text(&console, "it pauses the run: simulated failure");
    wait_for_text(&console, "value    ");
    console.send("/e\r");
    wait_for_text(&console, "place 1 of ");
    console.send("\t");
    wait_for_text(&console, "000000  ");
    console.send("s");
    wait_for_text(&console, "Skip");
    console.send("y");
    // The next record fails, too.
    wait_for_text(&console, "it was skipped");
    console.send("q");
    console.wait_for("dashboard", RUN_TIMEOUT, |screen| !screen.contains("it was skipped"));
    console.send("\x03\x03");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!(left.traces, Traces::default(), "{}", left.text);
}

#[test]
fn failures_are_folded_by_kind_and_the_last_record_of_one_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut console = failing_demo(dir.path(), "skip");
    wait_for_text(&console, "done with");
    console.send("E");
    wait_for_text(&console, "Errors: 1 kind in 120 events");
    wait_for_text(&console, "failed 2 times; last error: simulated failure");
    console.send("\r");
    wait_for_text(&console, "it was skipped: simulated failure");
    console.send("q");
    console.wait_for("list of errors", RUN_TIMEOUT, |screen| !screen.contains("it was skipped"));
    console.send("q");
    console.wait_for("dashboard", RUN_TIMEOUT, |screen| !screen.contains("Errors: 1 kind"));
    console.send("q");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!(left.traces, Traces::default(), "{}", left.text);
}
