//! `--plain`: lines out, commands in. For screen readers and for pipes, which cannot use the console.

mod command;
mod typed_lines;

use std::io::{self, Write as _};

use kreplay_model::{
    control::{Command, Control},
    domain::number::counted_as,
    feed::{Event, EventLog, Feed, Severity, progress},
};

use command::{RUN_COMMANDS, RunCommand};
pub(super) use command::{WATCH_COMMANDS, WatchLineCommand, help};
pub(super) use typed_lines::TypedLines;

/// Most problems that `errors` prints: the last ones.
const MAX_ERRORS: usize = 10;

/// Executes the commands that are typed while a session runs, and prints their answers to standard error. It returns
/// once the session was told to stop, and only then: without further commands, the session continues.
pub(super) async fn obey(feed: &Feed, control: &Control) {
    let mut lines = TypedLines::open();
    loop {
        let line = lines.next().await;
        match RunCommand::parse(&line) {
            None => {}
            Some(Err(problem)) => print(&problem),
            Some(Ok(RunCommand::Help)) => print(&help(&RUN_COMMANDS)),
            Some(Ok(RunCommand::Status)) => print(&progress::status(&feed.snapshots.borrow())),
            Some(Ok(RunCommand::Errors)) => print(&errors(&feed.events)),
            Some(Ok(RunCommand::Session(Command::Shutdown))) => {
                print("stopping once the records in flight are finished");
                return control.send(Command::Shutdown);
            }
            // The feed reports the change.
            Some(Ok(RunCommand::Session(command))) => control.send(command),
        }
    }
}

/// Prints an answer. If standard error is closed, the session continues without answers.
fn print(answer: &str) {
    let _ = writeln!(io::stderr(), "{}", answer.trim_end());
}

/// The last errors and warnings.
fn errors(events: &EventLog) -> String {
    let all = events.since(0);
    let is_problem = |event: &&Event| event.kind.severity() >= Severity::Warning;
    let problems: Vec<String> = all.iter().filter(is_problem).map(progress::event_line).collect();
    if problems.is_empty() {
        return "no errors and no warnings".to_owned();
    }
    let shown = problems.get(problems.len().saturating_sub(MAX_ERRORS)..).unwrap_or_default().join("\n");
    match problems.len().saturating_sub(MAX_ERRORS) {
        0 => shown,
        before => format!("{}\n{shown}", counted_as(before, "earlier one is left out", "earlier ones are left out")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_problems_are_listed() {
        let events = EventLog::default();
        events.notice("nothing to see");
        assert_eq!(errors(&events), "no errors and no warnings");
        for number in 0..12 {
            events.warn(format!("problem {number}"));
        }
        let text = errors(&events);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (11, "2 earlier ones are left out"));
        assert!(lines[1].ends_with("warning: problem 2") && lines[10].ends_with("warning: problem 11"), "{text}");
    }
}
