//! The commands that can be typed.

use std::fmt::Write as _;

use kreplay_model::{
    control::Command,
    domain::{Concurrency, RateLimit, printable},
};

/// The commands of a run, with what they do.
pub(super) const RUN_COMMANDS: [(&str, &str); 8] = [
    ("workers N|auto", "set the number of workers, or let kreplay find the best number"),
    ("rate RATE|off", "limit records or bytes per second, such as 5000/s or 10MiB/s"),
    ("pause", "pause the run; records in flight are finished"),
    ("resume", "resume the run"),
    ("status", "print the progress"),
    ("errors", "print the last errors and warnings"),
    ("stop", "stop the run before its end; records in flight are finished"),
    HELP,
];

/// The commands of a watch, with what they do.
pub(in crate::cli) const WATCH_COMMANDS: [(&str, &str); 6] = [
    ("status", "print all groups"),
    ("errors", "print the groups that need attention"),
    ("pause", "pause the watch"),
    ("resume", "resume the watch"),
    ("stop", "end the watch"),
    HELP,
];

const HELP: (&str, &str) = ("help", "list the commands");

/// A command of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RunCommand {
    Session(Command),
    Status,
    Errors,
    Help,
}

/// A command of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum WatchLineCommand {
    Status,
    Errors,
    Pause(bool),
    Stop,
    Help,
}

impl RunCommand {
    /// Parses a line; `None` if it is empty.
    ///
    /// # Errors
    /// One sentence: the command is not known, or its value is not valid.
    pub(super) fn parse(line: &str) -> Option<Result<Self, String>> {
        let (word, value) = split(line)?;
        Some(match (word, value) {
            ("workers", Some("auto")) => Ok(Self::Session(Command::SetAdaptive(true))),
            ("workers", Some(number)) => match number.parse::<Concurrency>() {
                Ok(number) => Ok(Self::Session(Command::SetConcurrency(number))),
                Err(error) => Err(format!("{error}; or use workers auto")),
            },
            ("workers", None) => Err("use workers N or workers auto".to_owned()),
            ("rate", Some("off")) => Ok(Self::Session(Command::SetRate(None))),
            ("rate", Some(rate)) => rate.parse::<RateLimit>().map(|rate| Self::Session(Command::SetRate(Some(rate)))),
            ("rate", None) => Err("use rate with a limit, such as rate 5000/s, or rate off".to_owned()),
            ("pause", None) => Ok(Self::Session(Command::Pause)),
            ("resume", None) => Ok(Self::Session(Command::Resume)),
            ("stop", None) => Ok(Self::Session(Command::Shutdown)),
            ("status", None) => Ok(Self::Status),
            ("errors", None) => Ok(Self::Errors),
            ("help", None) => Ok(Self::Help),
            _ => Err(unknown(line)),
        })
    }
}

impl WatchLineCommand {
    /// Parses a line; `None` if it is empty.
    ///
    /// # Errors
    /// One sentence: the command is not known.
    pub(in crate::cli) fn parse(line: &str) -> Option<Result<Self, String>> {
        let (word, value) = split(line)?;
        Some(match (word, value) {
            ("status", None) => Ok(Self::Status),
            ("errors", None) => Ok(Self::Errors),
            ("pause", None) => Ok(Self::Pause(true)),
            ("resume", None) => Ok(Self::Pause(false)),
            ("stop", None) => Ok(Self::Stop),
            ("help", None) => Ok(Self::Help),
            _ => Err(unknown(line)),
        })
    }
}

/// The first word and the rest.
fn split(line: &str) -> Option<(&str, Option<&str>)> {
    let line = line.trim();
    let (word, value) = line.split_once(char::is_whitespace).map_or((line, None), |(word, rest)| (word, Some(rest)));
    (!word.is_empty()).then(|| (word, value.map(str::trim)))
}

fn unknown(line: &str) -> String {
    format!("unknown command `{}`; help lists the commands", printable(line.trim()))
}

/// The list of the commands.
pub(in crate::cli) fn help(commands: &[(&str, &str)]) -> String {
    let widest = commands.iter().map(|(usage, _)| usage.len()).max().unwrap_or_default();
    commands.iter().fold(String::new(), |mut list, (usage, does)| {
        let _ = writeln!(list, "{usage:<widest$}  {does}");
        list
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listed_command_is_understood() {
        let example = |usage: &str| usage.replace("N|auto", "8").replace("RATE|off", "5000/s");
        for (usage, _) in RUN_COMMANDS {
            assert!(RunCommand::parse(&example(usage)).is_some_and(|parsed| parsed.is_ok()), "{usage}");
        }
        for (usage, _) in WATCH_COMMANDS {
            assert!(WatchLineCommand::parse(usage).is_some_and(|parsed| parsed.is_ok()), "{usage}");
        }
        assert_eq!(RunCommand::parse(" workers  auto "), Some(Ok(RunCommand::Session(Command::SetAdaptive(true)))));
        assert_eq!(RunCommand::parse("rate off"), Some(Ok(RunCommand::Session(Command::SetRate(None)))));
    }

    #[test]
    fn what_is_not_understood_is_explained() {
        assert_eq!(RunCommand::parse(" \n"), None);
        for (line, reason) in [
            ("workers", "use workers N"),
            ("workers 0", "must be 1 to 1000, not 0"),
            ("rate fast", "`fast` is not a rate"),
            ("pause now", "unknown command `pause now`; help lists the commands"),
            ("\u{1b}[2J", "unknown command `\\u{1b}[2J`"),
        ] {
            let error = RunCommand::parse(line).unwrap().unwrap_err();
            assert!(error.contains(reason), "{line}: {error}");
        }
        assert!(WatchLineCommand::parse("workers 8").unwrap().is_err());
    }
}
