//! The launch form in a real terminal, compared with the command line that it shows.

use serde_json::Value;

use crate::{
    RUN_TIMEOUT,
    support::{
        process::Program,
        pty::{Terminal, Traces},
    },
};

/// What defines a run, of its report.
fn definition(report: &Value) -> Vec<(&'static str, Value)> {
    ["ordering", "concurrency", "handler", "records", "partitions", "topics", "selection", "group"]
        .map(|name| (name, report["plan"][name].clone()))
        .to_vec()
}

#[test]
fn a_run_of_the_form_is_that_of_its_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("report.json");
    let path = file.display().to_string();
    let arguments = ["demo", "--events", "300", "--work", "10us", "--report", "json", "--output", path.as_str()];
    let mut console = Terminal::kreplay(&arguments, 45, 160);
    let wait_for = |console: &Terminal, what: &str| {
        console.wait_for(what, RUN_TIMEOUT, |screen| screen.contains(what));
    };
    wait_for(&console, "✓ done");
    console.send("N");
    wait_for(&console, "What it would do");
    // Topics, from, to, keys, key template, ordering.
    console.send("\x1b[B\x1b[B\x1b[B");
    console.send("dataset[1-7]");
    console.send("\r\r");
    console.send("\x1b[C");
    wait_for(&console, "◂ partition ▸");
    console.send("\r\x15x");
    wait_for(&console, "is not a whole number");
    console.send("\x155");
    wait_for(&console, "--concurrency 5");
    wait_for(&console, "with 5 workers");
    let screen = console.wait_for("command", RUN_TIMEOUT, |screen| screen.contains("$ kreplay demo"));
    console.send("\x1b[15~");
    console.wait_for("second run", RUN_TIMEOUT, |screen| {
        screen.contains("✓ done") && screen.contains("handled 210 of 300")
    });
    console.send("q");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.traces), (0, Traces::default()), "{}", left.text);
    let of_form: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();

    let line = screen.lines().find_map(|line| Some(line.split_once("$ kreplay ")?.1)).unwrap();
    let line = line.trim_end_matches(['│', ' ']);
    assert_eq!(
        line,
        "demo --events 300 --keys 'dataset[1-7]' --ordering partition --concurrency 5 --handler simulate:10µs"
    );
    let words = shell_words::split(line).unwrap();
    let finished = Program::kreplay().args(words.iter().map(String::as_str)).args(["--headless", "--report", "json"]);
    let finished = finished.timeout(RUN_TIMEOUT).run().expect_success();
    let of_line: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(definition(&of_form), definition(&of_line));
    assert_eq!(of_form["totals"]["handled"], of_line["totals"]["handled"]);
    assert_eq!(of_form["digest"], of_line["digest"]);
}
