//! A run whose terminal is closed.

use serde_json::Value;

use crate::support::build::kreplay_binary;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::{broker, process::Program, produce::NewRecord, pty::Terminal, wait};

const RECORDS: usize = 20_000;

/// The shell ignores SIGHUP, and so does its child. Only the terminal itself shows that it was closed.
#[test]
fn a_run_whose_terminal_is_closed_stops_cleanly_and_can_be_resumed() {
    let broker = broker::shared();
    let topic = broker.topic("hang-up", 3);
    let records: Vec<_> = (0..RECORDS).map(|n| NewRecord::keyed(format!("key-{}", n % 50), n.to_string())).collect();
    broker.produce(&topic, &records);
    let dir = tempfile::tempdir().unwrap();
    let (state, code) = (dir.path().join("state"), dir.path().join("code"));
    let script = format!(
        "trap '' HUP; XDG_STATE_HOME={} {} run --bootstrap-server {} --topics {topic} --handler simulate:5ms \
         --concurrency 2; echo $? > {}",
        state.display(),
        kreplay_binary(),
        broker.bootstrap(),
        code.display()
    );
    let terminal = Terminal::of("sh", &["-c", &script], 30, 100);
    terminal.wait_for("run under way", RUN_TIMEOUT, |screen| screen.contains("► running"));
    terminal.hang_up("?").finish(RUN_TIMEOUT);
    let code = wait::until("the exit code", RUN_TIMEOUT, || {
        std::fs::read_to_string(&code).ok().filter(|text| !text.is_empty())
    });
    assert_eq!(code.trim(), "4", "the run was stopped before its end");

    let runs = Program::kreplay().args(["runs", "--json"]).env("XDG_STATE_HOME", &state).timeout(RUN_TIMEOUT).run();
    let runs: Value = serde_json::from_str(&runs.expect_success().stdout).unwrap();
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
    assert_eq!(runs[0]["state"], "cancelled", "the run cannot be resumed: {runs}");
    let handled = runs[0]["handled"].as_u64().unwrap();
    assert!(handled < RECORDS as u64, "the run ended before its terminal was closed: {runs}");
}
