//! The console with the demo, with keys sent through a real terminal.

use crate::support::build::kreplay_binary;
use crate::{
    RUN_TIMEOUT,
    support::{
        pty::{Terminal, Traces},
        wait,
    },
};

/// A demo that takes five minutes with one worker.
const LONG_DEMO: [&str; 5] = ["demo", "--events", "10000", "--work", "30ms"];

fn wait_until_running(terminal: &Terminal) {
    terminal.wait_for("run under way", RUN_TIMEOUT, |screen| screen.contains("► running"));
}

fn wait_for_text(terminal: &Terminal, text: &str) {
    terminal.wait_for(text, RUN_TIMEOUT, |screen| screen.contains(text));
}

/// The number after `handled` in the header.
fn handled(screen: &str) -> String {
    let (_, rest) = screen.split_once("handled ").unwrap_or_else(|| panic!("{screen}"));
    rest.split_once(" of").map_or_else(|| panic!("{screen}"), |(number, _)| number.to_owned())
}

/// Asks to quit during a run, and then does not.
fn reject_quit(console: &mut Terminal) {
    console.send("q");
    wait_for_text(console, "Quit?");
    console.send("n");
    console.wait_for("dashboard", RUN_TIMEOUT, |screen| !screen.contains("Quit?"));
}

#[test]
fn a_whole_session_with_three_runs() {
    // Two minutes for one worker, so that the run does not end before a key arrives. A hundred workers, each with a
    // key of its own, take a second.
    let args = ["demo", "--events", "5000", "--work", "24ms", "--datasets", "100", "--partitions", "1"];
    let mut console = Terminal::kreplay(&args, 45, 150);
    wait_until_running(&console);
    wait_for_text(&console, "embedded broker");
    wait_for_text(&console, "+ more workers");

    console.send("p");
    wait_for_text(&console, "‖ paused");
    let before = handled(&console.wait_for("idle workers", RUN_TIMEOUT, |screen| screen.contains("(0 busy)")));
    console.send("+");
    wait_for_text(&console, "concurrency 1 to 2");
    console.send("n100\r");
    wait_for_text(&console, "concurrency 2 to 100");
    console.send("?");
    wait_for_text(&console, "Double the number of workers");
    console.send("\x1b");
    let after = handled(&console.wait_for("dashboard", RUN_TIMEOUT, |screen| {
        screen.contains("‖ paused") && !screen.contains("Double the number of workers")
    }));
    assert_eq!(before, after, "records were handled during a pause");
    console.send("p");
    wait_for_text(&console, "✓ done");
    wait_for_text(&console, "handled 5,000 of 5,000");

    console.send("r");
    console.wait_for("end of the second run", RUN_TIMEOUT, |screen| {
        screen.contains("✓ done") && screen.matches("done after").count() == 2
    });
    console.send("c");
    wait_for_text(&console, "Runs of this session");
    wait_for_text(&console, "✓ equal");
    console.send("\x1b");
    console.wait_for("dashboard", RUN_TIMEOUT, |screen| !screen.contains("Runs of this session"));

    console.send("-[");
    wait_for_text(&console, "next run 49 ");
    // Forty-nine workers could end the run before it is paused.
    console.send("n1\r");
    wait_for_text(&console, "next run 1 ");
    console.send("r");
    wait_until_running(&console);
    console.send("p");
    wait_for_text(&console, "‖ paused");
    reject_quit(&mut console);
    console.send("q");
    wait_for_text(&console, "Quit?");
    console.send("y");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!(left.status.exit_code(), 4, "the last run was stopped before its end");
    assert_eq!(left.traces, Traces::default());
}

#[test]
fn quitting_without_an_active_run_asks_nothing() {
    let mut console = Terminal::kreplay(&["demo", "--events", "100", "--work", "10us"], 24, 80);
    wait_for_text(&console, "✓ done");
    console.send("q");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.traces), (0, Traces::default()), "{}", left.text);
}

#[test]
fn a_stopped_run_can_be_run_again() {
    let mut console = Terminal::kreplay(&LONG_DEMO, 30, 100);
    wait_until_running(&console);
    reject_quit(&mut console);
    console.send("x");
    wait_for_text(&console, "Stop the run?");
    console.send("y");
    wait_for_text(&console, "■ stopped");
    console.send("R");
    wait_until_running(&console);
    console.send("\x03\x03");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.traces), (4, Traces::default()), "{}", left.text);
}

#[test]
fn without_arguments_the_demo_starts() {
    let mut console = Terminal::kreplay(&[], 40, 120);
    wait_until_running(&console);
    for text in ["embedded broker", "of 10,000", "simulate:1ms", "workers 1 "] {
        wait_for_text(&console, text);
    }
    console.send("\x03\x03");
    assert_eq!(console.finish(RUN_TIMEOUT).traces, Traces::default());
}

#[test]
fn a_resized_terminal_is_redrawn_and_one_that_is_too_small_shows_a_message() {
    let mut console = Terminal::kreplay(&LONG_DEMO, 24, 80);
    wait_until_running(&console);
    assert!(!console.text().contains("Throughput"), "{}", console.text());
    console.resize(50, 160);
    console.wait_for("all panels", RUN_TIMEOUT, |screen| {
        ["Throughput", "Workers", "Partitions", "Events", "trend"].iter().all(|panel| screen.contains(panel))
    });
    console.resize(10, 40);
    wait_for_text(&console, "It has: 40 × 10");
    console.resize(24, 80);
    wait_for_text(&console, "Partitions");
    console.send("\x03\x03");
    assert_eq!(console.finish(RUN_TIMEOUT).traces, Traces::default());
}

/// A port on the loopback interface that accepts connections and never answers.
fn silent_port() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn quitting_does_not_wait_for_a_cluster_that_does_not_answer() {
    let (_listener, address) = silent_port();
    let args = ["run", "--bootstrap-server", &address, "--topics", "t"];
    let mut console = Terminal::kreplay(&args, 24, 100);
    wait_for_text(&console, "help");
    console.send("q");
    let left = console.finish(RUN_TIMEOUT);
    // If it had waited for the timeout, it would have failed with exit code 1.
    assert_eq!((left.status.exit_code(), left.traces), (4, Traces::default()), "{}", left.text);
    assert!(left.text.contains("stopped before anything was read"), "{}", left.text);
}

#[test]
fn an_unreachable_cluster_is_reported_on_the_screen() {
    let args = ["run", "--bootstrap-server", "127.0.0.1:1", "--connect-timeout", "2s", "--topics", "t"];
    let mut console = Terminal::kreplay(&args, 24, 100);
    wait_for_text(&console, "no broker answered at 127.0.0.1:1 within");
    console.send("q");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.traces), (1, Traces::default()), "{}", left.text);
    assert!(left.text.contains("check the address"), "{}", left.text);
}

#[test]
fn a_missing_theme_is_reported_before_anything_is_read() {
    let console = Terminal::kreplay(&["demo", "--theme", "no/such/theme.toml"], 24, 100);
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.traces), (2, Traces::default()), "{}", left.text);
    assert!(left.text.contains("no/such/theme.toml"), "{}", left.text);
    assert!(!left.text.contains("run"), "a run was started: {}", left.text);
}

/// The parameters of all "select graphic rendition" (SGR) sequences.
fn sgr_parameters(raw: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(raw);
    text.split("\x1b[")
        .skip(1)
        .filter_map(|rest| {
            rest.split_once(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':')).map(|(p, _)| (p, rest))
        })
        .filter(|(parameters, rest)| rest[parameters.len()..].starts_with('m'))
        .flat_map(|(parameters, _)| {
            parameters.split([';', ':']).filter_map(|number| number.parse().ok()).collect::<Vec<u16>>()
        })
        .collect()
}

fn is_colour(parameter: u16) -> bool {
    matches!(parameter, 30..=38 | 40..=48 | 58 | 90..=107)
}

#[test]
fn no_color_turns_colours_off() {
    let raw = |variable: &str| {
        let args = [variable, &kreplay_binary(), "demo", "--events", "300", "--work", "1ms"];
        let mut console = Terminal::of("env", &args, 60, 120);
        wait_for_text(&console, "✓ done");
        console.send("?");
        wait_for_text(&console, "Double the number of workers");
        console.send("\x03\x03");
        console.finish(RUN_TIMEOUT).raw
    };
    let plain = sgr_parameters(&raw("NO_COLOR=1"));
    assert!(plain.contains(&1), "bold must remain: {plain:?}");
    assert_eq!(plain.iter().find(|parameter| is_colour(**parameter)), None);
    assert!(sgr_parameters(&raw("NO_COLOR=")).into_iter().any(is_colour), "an empty NO_COLOR must have no effect");
}

#[test]
fn the_palette_and_the_clipboard_work_in_a_terminal() {
    let mut console = Terminal::kreplay(&LONG_DEMO, 30, 100);
    wait_until_running(&console);
    console.send(":workers 3\r");
    wait_for_text(&console, "concurrency 1 → 3");
    // The last cell, so that the whole frame has arrived when it changes.
    let background = |console: &Terminal| console.inspect(|screen| screen.cell(29, 99).map(vt100::Cell::bgcolor));
    let before = background(&console);
    let wait_for_background = |console: &Terminal, is_before: bool| {
        let found = || ((background(console) == before) == is_before).then_some(());
        wait::until("the colours of the theme", RUN_TIMEOUT, found);
    };
    console.send(":theme tokyo");
    wait_for_text(&console, "theme tokyo▏-night");
    wait_for_background(&console, false);
    console.send("\x1b");
    console.wait_for("dashboard", RUN_TIMEOUT, |screen| !screen.contains("tokyo-night"));
    wait_for_background(&console, true);
    console.send("y");
    wait_for_text(&console, "partition copied: vc.dataset");
    // OSC 52 with the Base64 of `vc.datase`, whose length is a multiple of three.
    let copied = b"\x1b]52;c;dmMuZGF0YXNl".to_vec();
    assert!(console.raw().windows(copied.len()).any(|bytes| bytes == copied), "{}", console.text());
    console.send("M");
    wait_for_text(&console, "the mouse is released");
    let released = b"\x1b[?1000l".to_vec();
    assert!(console.raw().windows(released.len()).any(|bytes| bytes == released));
    console.send("\x03\x03");
    assert_eq!(console.finish(RUN_TIMEOUT).traces, Traces::default());
}

/// The first key after a change of size is not kept back until the next one.
#[test]
fn a_key_after_a_change_of_size_is_read_at_once() {
    let mut console = Terminal::kreplay(&LONG_DEMO, 24, 80);
    wait_until_running(&console);
    for (rows, columns) in [(50, 160), (30, 100), (50, 160)] {
        console.resize(rows, columns);
        console.send("o");
        wait_for_text(&console, "1 cell =");
        console.resize(40, 120);
        console.send("\x1b");
        wait_for_text(&console, "Throughput");
    }
}
