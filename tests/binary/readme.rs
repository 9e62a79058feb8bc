//! The README matches the program.

use std::{fmt::Write as _, num::NonZeroU16};

use kreplay::console::action::{CATALOGUE, Group, MOUSE};

use crate::{RUN_TIMEOUT, support::process::Program};

const README: &str = include_str!("../../README.md");

/// The part of the README between two markers.
fn part(name: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("<!-- {name} -->\n")).unwrap_or_else(|| panic!("no marker {name}"));
    rest.split_once(&format!("<!-- end of {name} -->")).unwrap_or_else(|| panic!("no end of {name}")).0
}

/// The table of all actions and their keys, as in the help.
fn keys() -> String {
    let mut table = String::from("| keys | |\n|---|---|\n");
    for group in Group::ALL {
        let _ = writeln!(table, "| **{}** | |", group.title());
        for entry in CATALOGUE.iter().filter(|entry| entry.group == group) {
            let keys: Vec<String> = entry.keys().iter().map(|key| format!("`{key}`")).collect();
            let _ = writeln!(table, "| {} | {} |", keys.join(" "), entry.about);
        }
    }
    let _ = writeln!(table, "| **Mouse** | |");
    for (gesture, about) in MOUSE {
        let _ = writeln!(table, "| {gesture} | {about} |");
    }
    table
}

#[test]
fn the_table_of_keys_matches_the_console() {
    let keys = keys();
    assert!(part("keys") == keys, "put this table between the markers in README.md:\n\n{keys}");
}

/// The words of a command line, of which some are in single quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in command.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Every `kreplay` command line in the README can be parsed.
#[test]
fn the_commands_are_valid() {
    let mut seen = 0;
    let joined = README.replace("\\\n", " ");
    for line in joined.lines().filter_map(|line| line.strip_prefix("    kreplay ")) {
        let command = line.split_once(" | ").map_or(line, |(command, _)| command);
        let command = command.split_once('#').map_or(command, |(command, _)| command);
        let parsed = <kreplay::cli::Cli as clap::Parser>::try_parse_from(words(&format!("kreplay {command}")));
        assert!(parsed.is_ok(), "{line}: {}", parsed.err().unwrap());
        seen += 1;
    }
    assert!(seen >= 6, "only {seen} commands were found");
}

/// The recording is small, and playing it ends with the end of the run.
#[test]
fn the_recording_can_be_played() {
    const MAX_BYTES: usize = 300 << 10;
    let cast = include_str!("../../docs/demo.cast");
    assert!(cast.len() < MAX_BYTES, "{} bytes", cast.len());
    let mut lines = cast.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let head = lines.next().unwrap();
    let size = |side: &str| NonZeroU16::try_from(u16::try_from(head[side].as_u64().unwrap()).unwrap()).unwrap();
    assert_eq!(head["version"], 2);
    let mut screen = vt100::Parser::new(size("height"), size("width"), 0);
    let (mut before_s, mut has_run) = (0.0, false);
    for event in lines {
        let at_s = event[0].as_f64().unwrap();
        assert!(at_s >= before_s, "{at_s} after {before_s}");
        before_s = at_s;
        if event[1] == "o" {
            screen.process(event[2].as_str().unwrap().as_bytes());
            has_run |= screen.screen().contents().contains("► running");
        }
    }
    let end = screen.screen().contents();
    assert!(has_run && end.contains("✓ done"), "{end}");
}

#[test]
fn the_example_configuration_is_valid() {
    let (_, rest) = README.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("kreplay.toml"), example).unwrap();
    let finished = Program::kreplay()
        .args(["config", "show"])
        .current_dir(dir.path())
        .env("KAFKA_USER", "reader")
        .env("KAFKA_PASSWORD", "hunter2")
        .timeout(RUN_TIMEOUT)
        .run()
        .expect_success();
    assert!(
        finished.stdout.contains("${env:KAFKA_USER}") && !finished.stdout.contains("hunter2"),
        "{}",
        finished.stdout
    );
}
