//! A run whose terminal is taken away.

use std::time::Duration;

use serde_json::Value;

use crate::support::{broker, process::Program, produce::NewRecord, pty::Terminal, wait};

const DEADLINE: Duration = Duration::from_secs(120);
const RECORDS: usize = 20_000;

/// A shell that ignores SIGHUP hands that on: nothing but the terminal itself says that it is gone.
#[test]
fn a_run_stops_in_good_order_when_its_terminal_is_gone_and_can_be_resumed() {
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
        env!("CARGO_BIN_EXE_kreplay"),
        broker.bootstrap(),
        code.display()
    );
    let terminal = Terminal::of("sh", &["-c", &script], 30, 100);
    terminal.wait_for("run under way", DEADLINE, |screen| screen.contains("► running"));
    terminal.hang_up("?").finish(DEADLINE);
    let code =
        wait::until("the exit code", DEADLINE, || std::fs::read_to_string(&code).ok().filter(|text| !text.is_empty()));
    assert_eq!(code.trim(), "4", "the run was stopped before its end");

    let runs = Program::kreplay().args(["runs", "--json"]).env("XDG_STATE_HOME", &state).deadline(DEADLINE).run();
    let runs: Value = serde_json::from_str(&runs.expect_success().stdout).unwrap();
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
    assert_eq!(runs[0]["state"], "cancelled", "it can be resumed: {runs}");
    let handled = runs[0]["handled"].as_u64().unwrap();
    assert!(handled < RECORDS as u64, "it ended before its terminal was gone: {runs}");
}
