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
    // Topics, from, to, the chart, keys, key template, ordering.
    console.send("\x1b[B\x1b[B\x1b[B\x1b[B");
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

/// The command line of the form, in one line.
fn command_line(screen: &str) -> String {
    let lines = screen.lines().skip_while(|line| !line.contains("$ kreplay"));
    let text = lines.take_while(|line| line.starts_with('│'));
    let words = text.flat_map(|line| line.trim_matches(['│', ' ']).split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_preset_gives_the_same_command_line_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    std::fs::write(&config, format!("[run]\nstate_dir = {:?}\n", folder.path())).unwrap();
    let arguments = ["demo", "--events", "300", "--work", "10us", "--config", config.to_str().unwrap()];
    let opened = || {
        let mut console = Terminal::kreplay(&arguments, 45, 160);
        console.wait_for("the end", RUN_TIMEOUT, |screen| screen.contains("✓ done"));
        console.send("N");
        console.wait_for("the form", RUN_TIMEOUT, |screen| screen.contains("What it would do"));
        console
    };
    let closed = |mut console: Terminal| {
        console.send("\x03\x03");
        let left = console.finish(RUN_TIMEOUT);
        assert_eq!(left.traces, Traces::default(), "{}", left.text);
    };
    let wait_for = |console: &Terminal, what: &str| {
        console.wait_for(what, RUN_TIMEOUT, |screen| screen.contains(what));
    };

    let mut console = opened();
    let before = console.wait_for("a command", RUN_TIMEOUT, |screen| screen.contains("$ kreplay demo"));
    // Topics, from, to, the chart, keys, key template, ordering.
    console.send("\x1b[B\x1b[B\x1b[B\x1b[Bdataset[1-7]\r\r\x1b[C");
    wait_for(&console, "◂ partition ▸");
    let chosen = console.wait_for("keys", RUN_TIMEOUT, |screen| command_line(screen).contains("--ordering partition"));
    assert_ne!(command_line(&before), command_line(&chosen));
    console.send("\x1bOQ");
    wait_for(&console, "Name of the preset");
    console.send("nightly orders\r");
    wait_for(&console, "preset nightly orders saved");
    closed(console);
    let file = std::fs::read_to_string(folder.path().join("kreplay/presets.toml")).unwrap();
    assert!(file.contains("[presets.\"nightly orders\"]") && file.contains("keys = \"dataset[1-7]\""), "{file}");

    let mut console = opened();
    let fresh = console.wait_for("a command", RUN_TIMEOUT, |screen| screen.contains("$ kreplay demo"));
    assert_eq!(command_line(&fresh), command_line(&before));
    console.send("\x1bOR");
    wait_for(&console, "deletes");
    console.send("\r");
    wait_for(&console, "preset nightly orders loaded");
    let loaded = console.wait_for("the form", RUN_TIMEOUT, |screen| command_line(screen).contains("--keys"));
    assert_eq!(command_line(&loaded), command_line(&chosen));
    // A file of something else is reported, and stays as it is.
    std::fs::write(folder.path().join("kreplay/presets.toml"), "[kafka]\n").unwrap();
    console.send("\x1bOR");
    wait_for(&console, "repair or remove the preset file");
    console.send("\x1bOQ");
    wait_for(&console, "Name of the preset");
    console.send("\r");
    let prompt = |screen: &str| screen.contains("Name of the preset") && screen.contains("repair or remove the");
    console.wait_for("the reason", RUN_TIMEOUT, prompt);
    closed(console);
    assert_eq!(std::fs::read_to_string(folder.path().join("kreplay/presets.toml")).unwrap(), "[kafka]\n");
}

#[test]
fn a_range_picked_on_the_chart_is_what_the_run_reads() {
    let mut console = Terminal::kreplay(&["demo", "--events", "300", "--work", "10us"], 45, 160);
    let wait_for = |console: &Terminal, what: &str| console.wait_for(what, RUN_TIMEOUT, |screen| screen.contains(what));
    wait_for(&console, "✓ done");
    console.send("N");
    wait_for(&console, "What it would do");
    console.send("\x1b[B");
    wait_for(&console, "300 records, by 100 ms");
    // Past the end of the range to the chart, there to the first bucket, and from it over two more.
    console.send("\x1b[B\x1b[B\x1b[H \x1b[C\x1b[C ");
    let picked = console.wait_for("the range", RUN_TIMEOUT, |screen| {
        command_line(screen).contains("--from 2026-01-01T00:00:00Z --to 2026-01-01T00:00:00.300Z")
    });
    assert!(picked.contains("30 of 300 records"), "{picked}");
    console.send("\x1b[15~");
    wait_for(&console, "handled 30 of 30 ");
    console.send("\x03\x03");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!(left.traces, Traces::default(), "{}", left.text);
    // The same range on the command line has the same records.
    let arguments = ["demo", "--events", "300", "--work", "10us", "--headless", "--report", "json"];
    let range = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T00:00:00.300Z"];
    let finished = Program::kreplay().args(arguments).args(range).timeout(RUN_TIMEOUT).run().expect_success();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["totals"]["handled"], 30);
}
