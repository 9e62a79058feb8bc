//! What a watch without a console writes to standard output.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use kreplay_model::{
    feed::report::escaped,
    watch::{AlertView, AlertsSnapshot, WatchSnapshot},
};
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use crate::cli::CliError;

/// The duration of a watch without an end. Far enough away, and no sum with it overflows.
pub(in crate::cli) const LONGEST_WATCH: Duration = Duration::from_secs(365 * 24 * 3600);

/// The size of the writes of a snapshot.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// Writes to standard output. Returns `false` if its reader has closed it: a watch must end then.
pub(in crate::cli) fn write(text: &str) -> Result<bool, CliError> {
    let mut stdout = io::stdout().lock();
    outcome(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Writes the answer to a typed command. Returns like [`write()`]. With JSON, programs read standard output, so that
/// answers are written to standard error.
pub(in crate::cli) fn write_answer(text: &str, is_json: bool) -> Result<bool, CliError> {
    if !is_json {
        return write(text);
    }
    // If standard error is closed, the watch continues without answers.
    let _ = io::stderr().write_all(text.as_bytes());
    Ok(true)
}

/// A look, and the alerts at that time.
#[derive(Serialize)]
struct Look<'a> {
    #[serde(flatten)]
    snapshot: &'a WatchSnapshot,
    alerts: &'a [AlertView],
}

/// Writes a snapshot and the alerts as JSON on one line. Returns like [`write()`]. The snapshot of thousands of groups
/// takes more than ten megabytes as text, so it is not kept as a whole.
pub(in crate::cli) fn write_json_line(snapshot: &WatchSnapshot, alerts: &AlertsSnapshot) -> Result<bool, CliError> {
    let mut writer = io::BufWriter::with_capacity(WRITE_BUFFER_BYTES, io::stdout().lock());
    let look = Look { snapshot, alerts: &alerts.alerts };
    let written = write_printable(&mut writer, &look);
    outcome(written.and_then(|()| writer.write_all(b"\n")).and_then(|()| writer.flush()))
}

fn write_printable(writer: impl io::Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(writer, PrintableFormatter)).map_err(io::Error::from)
}

/// Compact JSON without characters that a terminal may interpret.
struct PrintableFormatter;

impl Formatter for PrintableFormatter {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        if fragment.chars().any(char::is_control) {
            writer.write_all(escaped(fragment).as_bytes())
        } else {
            writer.write_all(fragment.as_bytes())
        }
    }
}

/// Whether there is still a reader.
fn outcome(written: io::Result<()>) -> Result<bool, CliError> {
    match written {
        Ok(()) => Ok(true),
        Err(source) if source.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(source) => Err(CliError::Output { target: None, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_control_characters_and_keeps_its_texts() {
        let host = "\u{9b}2J\u{7f}\n";
        let mut line = Vec::new();
        write_printable(&mut line, &[host, "plain"]).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert!(!line.contains(char::is_control), "{line:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&line).unwrap(), [host, "plain"]);
    }
}
