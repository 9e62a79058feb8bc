//! What the console writes outside of its frames: title, focus, notification; and nothing while nothing changes.

use std::time::Duration;

use crate::{
    RUN_TIMEOUT,
    support::{build::kreplay_binary, pty::Terminal, wait},
};

/// How long an idle console is observed: several ticks of its clock.
const OBSERVED: Duration = Duration::from_millis(1500);

fn count(raw: &[u8], sequence: &str) -> usize {
    String::from_utf8_lossy(raw).matches(sequence).count()
}

#[test]
fn title_and_focus_reports_are_restored_at_the_end() {
    let mut console = Terminal::kreplay(&["demo", "--events", "100", "--work", "10us"], 24, 80);
    console.wait_for("end of the run", RUN_TIMEOUT, |screen| screen.contains("✓ done"));
    console.send("q");
    let raw = console.finish(RUN_TIMEOUT).raw;
    let text = String::from_utf8_lossy(&raw);
    let (saved, titled) = (text.find("\x1b[22;0t").unwrap(), text.find("\x1b]2;done · kreplay\x1b\\").unwrap());
    let restored = text.find("\x1b]2;\x1b\\\x1b[23;0t").unwrap();
    assert!(saved < titled && titled < restored);
    assert_eq!((count(&raw, "\x1b[?1004h"), count(&raw, "\x1b[?1004l")), (1, 1));
    assert_eq!(count(&raw, "\x1b]9;"), 0, "this terminal does not say that it shows progress");
}

#[test]
fn the_end_of_a_run_rings_the_bell_if_the_terminal_has_lost_the_keyboard() {
    let rings = |focus: &str| {
        // With another theme, the request for the background ends with a bell character.
        let args = ["demo", "--theme", "dark", "--events", "2000", "--work", "20ms", "--concurrency", "2"];
        // Twenty seconds with two workers, and one with a worker for each of 40 keys.
        let args = [&args[..], &["--datasets", "40", "--partitions", "1"]].concat();
        let mut console = Terminal::kreplay(&args, 24, 80);
        console.wait_for("run under way", RUN_TIMEOUT, |screen| screen.contains("► running"));
        console.send(focus);
        console.send("n40\r");
        console.wait_for("end of the run", RUN_TIMEOUT, |screen| screen.contains("✓ done"));
        console.send("q");
        count(&console.finish(RUN_TIMEOUT).raw, "\x07")
    };
    assert_eq!((rings("\x1b[O"), rings("\x1b[O\x1b[I")), (1, 0));
}

#[test]
fn a_terminal_that_shows_progress_gets_it_and_it_is_removed() {
    let args = ["WT_SESSION=1", "TMUX=", "STY=", &kreplay_binary(), "demo", "--events", "10000", "--work", "6ms"];
    let mut console = Terminal::of("env", &args, 24, 80);
    console.wait_for("run under way", RUN_TIMEOUT, |screen| screen.contains("► running"));
    console.send("p");
    console.wait_for("pause", RUN_TIMEOUT, |screen| screen.contains("‖ paused"));
    console.send("qy");
    let raw = console.finish(RUN_TIMEOUT).raw;
    assert!(count(&raw, "\x1b]9;4;1;") > 0 && count(&raw, "\x1b]9;4;4;") > 0);
    let text = String::from_utf8_lossy(&raw);
    let last = text.rfind("\x1b]9;4;").unwrap();
    assert!(text[last..].starts_with("\x1b]9;4;0\x1b\\"), "{:?}", &text[last..]);
}

#[test]
fn an_idle_console_writes_nothing() {
    let mut console = Terminal::kreplay(&["demo", "--watch"], 40, 120);
    console.wait_for("groups", RUN_TIMEOUT, |screen| screen.contains("Trouble"));
    console.send("p");
    // The message that the watch is paused disappears after some seconds.
    console.wait_for("pause", RUN_TIMEOUT, |screen| screen.contains("paused"));
    let mut before = console.raw().len();
    let is_idle = || {
        let same = wait::try_until(OBSERVED, || (console.raw().len() != before).then_some(())).is_none();
        before = console.raw().len();
        same.then_some(())
    };
    wait::until("a time without output", RUN_TIMEOUT, is_idle);
    console.send("q");
    console.finish(RUN_TIMEOUT);
}
