//! The commands that are typed while a watch prints lines.

use kreplay_model::watch::WatchSnapshot;

use crate::{
    cli::plain::{TypedLines, WATCH_COMMANDS, WatchLineCommand, help},
    watch::{attention, overview},
};

/// What follows from a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Answer {
    /// A text is printed; it may be empty.
    Text(String),
    /// The watch is paused, or resumed.
    Pause(bool),
    /// The watch ends.
    Stop,
}

/// The answer to a line.
pub(in crate::cli) fn answer(line: &str, snapshot: &WatchSnapshot) -> Answer {
    match WatchLineCommand::parse(line) {
        None => Answer::Text(String::new()),
        Some(Err(problem)) => Answer::Text(problem + "\n"),
        Some(Ok(WatchLineCommand::Help)) => Answer::Text(help(&WATCH_COMMANDS)),
        Some(Ok(WatchLineCommand::Status)) => Answer::Text(overview(snapshot)),
        Some(Ok(WatchLineCommand::Errors)) => {
            let text = attention(snapshot);
            Answer::Text(if text.is_empty() { "no group needs attention\n".to_owned() } else { text })
        }
        Some(Ok(WatchLineCommand::Pause(pause))) => Answer::Pause(pause),
        Some(Ok(WatchLineCommand::Stop)) => Answer::Stop,
    }
}

/// The next line; waits forever if no commands are taken.
pub(in crate::cli) async fn next_line(lines: &mut Option<TypedLines>) -> String {
    match lines {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_answered() {
        let snapshot = WatchSnapshot::default();
        assert_eq!(answer("errors", &snapshot), Answer::Text("no group needs attention\n".into()));
        assert_eq!(answer("status", &snapshot), Answer::Text("no groups\n".into()));
        assert_eq!((answer("pause", &snapshot), answer(" stop\n", &snapshot)), (Answer::Pause(true), Answer::Stop));
        assert_eq!(answer("\n", &snapshot), Answer::Text(String::new()));
    }
}
