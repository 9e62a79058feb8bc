//! Signals: the run stops cleanly, its report has the progress, and the terminal is restored.

use crate::{
    RUN_TIMEOUT, demo, report,
    support::{
        process::Program,
        pty::{Terminal, Traces},
        wait,
    },
};

/// A demo that takes far longer than any test.
const LONG_DEMO: [&str; 4] = ["--events", "10000", "--work", "20ms"];

#[test]
fn without_a_console_a_signal_stops_the_run_with_a_report() {
    for signal in ["INT", "TERM", "HUP"] {
        let mut running = demo(&["--report", "json", "--concurrency", "4"]).args(LONG_DEMO).spawn();
        running.wait_for("run under way", RUN_TIMEOUT, |_, stderr| stderr.contains("running"));
        running.signal(signal);
        let finished = running.finish();
        assert_eq!(finished.code(), Some(4), "SIG{signal}: {finished:?}");
        let report = report(&finished);
        assert_eq!(report["state"], "cancelled", "SIG{signal}");
        let (handled, lag) = (report["totals"]["handled"].as_u64(), report["totals"]["lag"].as_u64());
        assert_eq!(handled.zip(lag).map(|(handled, lag)| handled + lag), Some(10_000), "SIG{signal}: {report:#}");
    }
}

#[test]
fn a_signal_restores_the_terminal() {
    for signal in ["INT", "TERM", "HUP"] {
        let console = Terminal::kreplay(&[&["demo"][..], &LONG_DEMO].concat(), 40, 120);
        console.wait_for("run under way", RUN_TIMEOUT, |screen| screen.contains("► running"));
        console.signal(signal);
        let left = console.finish(RUN_TIMEOUT);
        assert_eq!(left.status.exit_code(), 4, "SIG{signal}: {}", left.text);
        assert_eq!(left.traces, Traces::default(), "SIG{signal}");
    }
}

#[test]
fn a_progress_bar_restores_the_terminal() {
    let terminal = Terminal::kreplay(&[&["demo", "--headless"][..], &LONG_DEMO].concat(), 24, 100);
    terminal.wait_for("progress bar", RUN_TIMEOUT, |screen| screen.contains("handled"));
    terminal.signal("INT");
    let left = terminal.finish(RUN_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.traces), (4, Traces::default()), "{}", left.text);
}

/// Whether a process has handlers for SIGINT (number 2) and SIGHUP (number 1, installed last), according to proc(5).
#[cfg(target_os = "linux")]
fn catches_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 0b11 == 0b11)
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_commands_that_wait_for_a_cluster() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (topics, ended) = (["--topics", "t"], "stopped early");
    let commands: [(&[&str], &[&str], &str); 17] = [
        (&["run", "--headless"], &topics, "stopped before anything was read"),
        (&["plan"], &topics, ended),
        (&["audit"], &topics, ended),
        (&["bench"], &topics, ended),
        (&["compare", "--left", "null", "--right", "null"], &topics, "stopped before anything was read"),
        (&["dlq", "list"], &topics, ""),
        (&["dlq", "retry"], &topics, ""),
        (&["topics", "create", "t"], &[], ""),
        (&["topics", "migrate", "--execute"], &topics, "stopped"),
        (&["groups", "list"], &[], ""),
        (&["groups", "describe", "g"], &[], ""),
        (&["groups", "reset", "g", "--all-topics", "--to-earliest"], &[], "stopped"),
        (&["groups", "skip", "g", "--partition", "t-0@1"], &[], "stopped"),
        (&["groups", "forget", "g", "--topic", "t"], &[], "stopped"),
        (&["groups", "delete", "g"], &[], "stopped"),
        (&["groups", "undo", "g", "--execute", "--confirm", "g"], &[], "stopped"),
        (&["watch", "--headless"], &[], ""),
    ];
    // Each of them would wait for longer than this test does.
    let cluster = ["--connect-timeout", "10m", "--bootstrap-server", &address];
    for (command, topics, message) in commands {
        let args = [command, &cluster, topics].concat();
        let running = Program::kreplay().args(args).timeout(RUN_TIMEOUT).spawn();
        wait::until("signal handlers", RUN_TIMEOUT, || catches_interrupts(running.id()).then_some(()));
        running.signal("INT");
        let finished = running.finish();
        assert_eq!(finished.code(), Some(4), "{command:?}: {finished:?}");
        assert!(finished.stderr.contains(message), "{command:?}: {}", finished.stderr);
    }
    drop(listener);
}
