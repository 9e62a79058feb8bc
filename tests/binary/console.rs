//! The console on the demo, with real keys on a real terminal.

use crate::{
    DEADLINE,
    support::pty::{Terminal, Traces},
};

/// A minute of work for one worker.
const LONG: [&str; 5] = ["demo", "--events", "10000", "--work", "6ms"];

fn running(terminal: &Terminal) {
    terminal.wait_for("run under way", DEADLINE, |screen| screen.contains("► running"));
}

fn shows(terminal: &Terminal, text: &str) {
    terminal.wait_for(text, DEADLINE, |screen| screen.contains(text));
}

/// What the header says after `handled`.
fn handled(screen: &str) -> String {
    let (_, rest) = screen.split_once("handled ").unwrap_or_else(|| panic!("{screen}"));
    rest.split_once(" of").map_or_else(|| panic!("{screen}"), |(number, _)| number.to_owned())
}

#[test]
fn a_session_from_the_first_run_to_the_last_question() {
    // Five seconds for one worker.
    let mut console = Terminal::kreplay(&["demo", "--events", "5000", "--work", "1ms"], 45, 150);
    running(&console);
    shows(&console, "embedded broker");
    shows(&console, "+ more workers");

    console.send("p");
    shows(&console, "‖ paused");
    let before = handled(&console.wait_for("idle workers", DEADLINE, |screen| screen.contains("(0 busy)")));
    console.send("+");
    shows(&console, "concurrency 1 to 2");
    console.send("n8\r");
    shows(&console, "concurrency 2 to 8");
    console.send("?");
    shows(&console, "Twice as many workers");
    console.send("\x1b");
    let after = handled(&console.wait_for("dashboard", DEADLINE, |screen| {
        screen.contains("‖ paused") && !screen.contains("Twice as many workers")
    }));
    assert_eq!(before, after, "nothing is handled during a pause");
    console.send("p");
    shows(&console, "✓ done");
    shows(&console, "handled 5,000 of 5,000");

    console.send("r");
    console.wait_for("end of the second run", DEADLINE, |screen| {
        screen.contains("✓ done") && screen.matches("done after").count() == 2
    });
    console.send("c");
    shows(&console, "Runs of this session");
    shows(&console, "✓ equal");
    console.send("\x1b");
    console.wait_for("dashboard", DEADLINE, |screen| !screen.contains("Runs of this session"));

    console.send("-[");
    shows(&console, "next run 3 ");
    console.send("r");
    running(&console);
    console.send("q");
    shows(&console, "Quit?");
    console.send("n");
    console.wait_for("dashboard", DEADLINE, |screen| !screen.contains("Quit?"));
    console.send("p");
    shows(&console, "‖ paused");
    console.send("q");
    shows(&console, "Quit?");
    console.send("y");
    let left = console.finish(DEADLINE);
    assert_eq!(left.status.exit_code(), 4, "the last run was stopped before its end");
    assert_eq!(left.traces, Traces::default());
}

#[test]
fn without_a_run_quitting_asks_nothing() {
    let mut console = Terminal::kreplay(&["demo", "--events", "100", "--work", "10us"], 24, 80);
    shows(&console, "✓ done");
    console.send("q");
    let left = console.finish(DEADLINE);
    assert_eq!((left.status.exit_code(), left.traces), (0, Traces::default()), "{}", left.text);
}

#[test]
fn a_cancelled_run_can_be_run_again() {
    let mut console = Terminal::kreplay(&LONG, 30, 100);
    running(&console);
    console.send("x");
    shows(&console, "Cancel the run?");
    console.send("y");
    shows(&console, "■ cancelled");
    console.send("R");
    running(&console);
    console.send("\x03\x03");
    let left = console.finish(DEADLINE);
    assert_eq!((left.status.exit_code(), left.traces), (4, Traces::default()), "{}", left.text);
}

#[test]
fn without_arguments_it_is_the_demo() {
    let mut console = Terminal::kreplay(&[], 40, 120);
    running(&console);
    for text in ["embedded broker", "of 10,000", "simulate:1ms", "workers 1 "] {
        shows(&console, text);
    }
    console.send("\x03\x03");
    assert_eq!(console.finish(DEADLINE).traces, Traces::default());
}

#[test]
fn a_new_size_is_drawn_and_one_that_is_too_small_says_so() {
    let mut console = Terminal::kreplay(&LONG, 24, 80);
    running(&console);
    assert!(!console.text().contains("Throughput"), "{}", console.text());
    console.resize(50, 160);
    console.wait_for("all panels", DEADLINE, |screen| {
        ["Throughput", "Workers", "Partitions", "Events", "trend"].iter().all(|panel| screen.contains(panel))
    });
    console.resize(10, 40);
    shows(&console, "It has: 40 × 10");
    console.resize(24, 80);
    shows(&console, "Partitions");
    console.send("\x03\x03");
    assert_eq!(console.finish(DEADLINE).traces, Traces::default());
}

/// A port of the loopback interface that takes connections and never answers.
fn silent_port() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn a_cluster_that_does_not_answer_can_be_left_before_it_is_given_up() {
    let (_listener, address) = silent_port();
    let args = ["run", "--bootstrap-server", &address, "--topics", "t"];
    let mut console = Terminal::kreplay(&args, 24, 100);
    shows(&console, "help");
    console.send("q");
    let left = console.finish(DEADLINE);
    // Had it waited until the cluster was given up, it had failed for that reason.
    assert_eq!((left.status.exit_code(), left.traces), (4, Traces::default()), "{}", left.text);
    assert!(left.text.contains("stopped before anything was read"), "{}", left.text);
}

#[test]
fn a_cluster_that_is_not_there_is_told_on_the_screen() {
    let args = ["run", "--bootstrap-server", "127.0.0.1:1", "--topics", "t"];
    let mut console = Terminal::kreplay(&args, 24, 100);
    shows(&console, "no broker answers at 127.0.0.1:1 within");
    console.send("q");
    let left = console.finish(DEADLINE);
    assert_eq!((left.status.exit_code(), left.traces), (1, Traces::default()), "{}", left.text);
    assert!(left.text.contains("check the address"), "{}", left.text);
}

#[test]
fn a_theme_that_is_not_there_is_told_before_anything_is_read() {
    let console = Terminal::kreplay(&["demo", "--theme", "no/such/theme.toml"], 24, 100);
    let left = console.finish(DEADLINE);
    assert_eq!((left.status.exit_code(), left.traces), (2, Traces::default()), "{}", left.text);
    assert!(left.text.contains("no/such/theme.toml"), "{}", left.text);
    assert!(!left.text.contains("run"), "nothing was started: {}", left.text);
}

/// The parameters of every "select graphic rendition" sequence.
fn looks(raw: &[u8]) -> Vec<u16> {
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
fn no_color_means_no_colours() {
    let raw = |variable: &str| {
        let args = [variable, env!("CARGO_BIN_EXE_kreplay"), "demo", "--events", "300", "--work", "1ms"];
        let mut console = Terminal::of("env", &args, 40, 120);
        shows(&console, "✓ done");
        console.send("?");
        shows(&console, "Twice as many workers");
        console.send("\x03\x03");
        console.finish(DEADLINE).raw
    };
    let plain = looks(&raw("NO_COLOR=1"));
    assert!(plain.contains(&1), "bold is allowed: {plain:?}");
    assert_eq!(plain.iter().find(|look| is_colour(**look)), None);
    assert!(looks(&raw("NO_COLOR=")).into_iter().any(is_colour), "an empty NO_COLOR asks for nothing");
}
