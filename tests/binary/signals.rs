//! Signals: the run ends in good order, its report tells how far it came, and a terminal is whole afterwards.

use crate::{
    DEADLINE, demo, report,
    support::pty::{Terminal, Traces},
};

/// Far longer than any test waits.
const LONG: [&str; 4] = ["--events", "10000", "--work", "20ms"];

#[test]
fn without_a_console_a_signal_stops_the_run_and_it_reports() {
    for signal in ["INT", "TERM", "HUP"] {
        let mut running = demo(&["--report", "json", "--concurrency", "4"]).args(LONG).spawn();
        running.wait_for("run under way", DEADLINE, |_, stderr| stderr.contains("running"));
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
fn a_signal_gives_the_terminal_back() {
    for signal in ["INT", "TERM", "HUP"] {
        let console = Terminal::kreplay(&[&["demo"][..], &LONG].concat(), 40, 120);
        console.wait_for("run under way", DEADLINE, |screen| screen.contains("► running"));
        console.signal(signal);
        let left = console.finish(DEADLINE);
        assert_eq!(left.status.exit_code(), 4, "SIG{signal}: {}", left.text);
        assert_eq!(left.traces, Traces::default(), "SIG{signal}");
    }
}

#[test]
fn a_bar_on_a_terminal_leaves_it_whole() {
    let terminal = Terminal::kreplay(&[&["demo", "--headless"][..], &LONG].concat(), 24, 100);
    terminal.wait_for("bar", DEADLINE, |screen| screen.contains("handled"));
    terminal.signal("INT");
    let left = terminal.finish(DEADLINE);
    assert_eq!((left.status.exit_code(), left.traces), (4, Traces::default()), "{}", left.text);
}
