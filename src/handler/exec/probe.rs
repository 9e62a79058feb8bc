//! Whether a command is of any use at all: it is started without any records, and has to end by itself, without an error and
//! without a word.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{child::Child, command::Command, trouble::Trouble, voice::Voice};

/// The longest time for it.
const LONGEST: Duration = Duration::from_secs(10);

/// Starts the command with an empty input.
///
/// # Errors
/// What is wrong with the command itself, whatever records it gets.
pub(super) fn probe(command: &Command, voice: &Voice) -> Result<(), Trouble> {
    let mut child = Child::start(command, voice.clone()).map_err(Trouble::Start)?;
    child.end_input();
    let begun = Instant::now();
    while !child.is_silent() && begun.elapsed() < LONGEST {
        child.turn(Duration::from_millis(100)).map_err(Trouble::Pipe)?;
        if let Some(line) = child.line() {
            return Err(match line {
                Ok(line) => Trouble::garbage(line, "it had no records"),
                Err(_) => Trouble::TooLong,
            });
        }
        if child.has_ended() {
            break;
        }
    }
    while !child.has_ended() && begun.elapsed() < LONGEST {
        thread::sleep(Duration::from_millis(5));
    }
    match child.collect() {
        // Where it did not end: what it does with records is seen when it has some.
        status if status.is_none_or(|status| status.success()) => Ok(()),
        status => Err(Trouble::Ended { status, said: child.last_words() }),
    }
}
