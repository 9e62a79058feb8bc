//! `--plain`: lines out, commands in.

use std::io::Write as _;

use crate::{
    RUN_TIMEOUT,
    support::{
        process::Program,
        pty::{Terminal, Traces},
    },
};

#[test]
fn a_run_takes_commands_from_a_terminal_and_draws_nothing() {
    let args = ["demo", "--plain", "--events", "10000", "--work", "6ms", "--concurrency", "2"];
    let mut terminal = Terminal::kreplay(&args, 40, 120);
    let mut type_line = |line: &str, answer: &str| {
        terminal.send(format!("{line}\n"));
        terminal.wait_for(answer, RUN_TIMEOUT, |screen| screen.contains(answer));
    };
    type_line("help", "print the last errors and warnings");
    type_line("workers none", "or use workers auto");
    type_line("workers 3", "concurrency 2 to 3");
    type_line("rate 500/s", "500/s");
    type_line("pause", "Z paused");
    type_line("status", "paused ");
    type_line("errors", "no errors and no warnings");
    type_line("resume", "Z resumed");
    type_line("stop", "stopping once the records in flight are finished");
    let left = terminal.finish(RUN_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.traces), (4, Traces::default()), "{}", left.text);
    assert!(!left.raw.contains(&0x1b), "a control sequence was written");
}

#[test]
fn a_watch_takes_commands_from_a_pipe() {
    let mut watch = std::process::Command::new(crate::support::build::kreplay_binary());
    watch.args(["demo", "--watch", "--plain"]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut watch = watch.spawn().unwrap();
    watch.stdin.take().unwrap().write_all(b"help\nstatus\nstop\n").unwrap();
    let output = watch.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("print the groups that need attention"), "{text}");
    assert!(text.contains("VERDICT"), "{text}");
}

#[test]
fn answers_are_not_mixed_with_json() {
    let watch = Program::kreplay().args(["demo", "--watch", "--plain", "--json", "--for", "3s"]).timeout(RUN_TIMEOUT);
    let finished = watch.input("status\nnonsense\n").run();
    let lines: Vec<&str> = finished.stdout.lines().collect();
    for line in &lines {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    assert!(!lines.is_empty() && finished.stderr.contains("VERDICT"), "{finished:?}");
}
