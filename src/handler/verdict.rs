//! What a child process or a server says of a record that it was given.
//!
//! As an object of JSON, with an `id` where answers do not come in order:
//!
//! - `{"ok": true}`: handled, and durable;
//! - `{"error": "TEXT"}`: failed, to be tried again as the run's schedule says;
//! - `{"error": "TEXT", "retry_after": 5}`: not before so many seconds, or a time such as `"500ms"`; at most an hour;
//! - `{"error": "TEXT", "give_up": true}`: not again.
//!
//! Or as plain words, for programs that do not speak JSON, always in order: `ok`, `error TEXT`, `retry_after TIME TEXT`,
//! `give_up TEXT`.

use std::time::Duration;

use serde::Deserialize;

use super::{Advice, parse_duration};
use crate::feed::printable;

/// The longest time that somebody may ask to wait.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// So many characters of an error's text are kept.
const LONGEST_TEXT: usize = 500;

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is handled, and durable.
    Handled,
    /// It is not.
    Failed {
        /// Why, escaped and cut.
        error: String,
        /// What is known about trying again.
        advice: Advice,
    },
}

#[cfg(test)]
impl Verdict {
    pub(super) fn retry(error: &str) -> Self {
        Self::Failed { error: error.to_owned(), advice: Advice::Retry }
    }
}

/// A verdict as it is written in JSON. Fields that are not known are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    id: Option<u64>,
    ok: Option<bool>,
    error: Option<String>,
    retry_after: Option<Wait>,
    #[serde(default)]
    give_up: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Wait {
    Seconds(f64),
    Text(String),
}

impl Written {
    /// What is meant; an object that says nothing of a record, such as a line of a log, is no verdict.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn verdict(self) -> Result<Verdict, String> {
        let advice = match (self.retry_after, self.give_up) {
            (Some(_), true) => return Err("it has both `retry_after` and `give_up`".into()),
            (None, true) => Advice::GiveUp,
            (Some(wait), false) => Advice::After(wait.time()?),
            (None, false) => Advice::Retry,
        };
        match (self.ok, self.error) {
            (Some(true), None) if advice == Advice::Retry => Ok(Verdict::Handled),
            (Some(true), _) => Err("it has `ok` and says that the record failed".into()),
            (_, None) if advice == Advice::Retry => Err("it has neither `ok` nor `error`".into()),
            (_, error) => Ok(failed(error.as_deref().unwrap_or_default(), advice)),
        }
    }
}

impl Wait {
    fn time(&self) -> Result<Duration, String> {
        let time = match self {
            Self::Seconds(seconds) => Duration::try_from_secs_f64(*seconds).map_err(|_| "`retry_after` is no time")?,
            Self::Text(text) => wait(text)?,
        };
        Ok(time.min(LONGEST_WAIT))
    }
}

/// A time with its unit, or seconds.
fn wait(text: &str) -> Result<Duration, String> {
    let seconds = || text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let time = parse_duration(text).ok().or_else(seconds).ok_or("`retry_after` is no time; write 5 or 500ms")?;
    Ok(time.min(LONGEST_WAIT))
}

fn failed(text: &str, advice: Advice) -> Verdict {
    let text = match text.trim() {
        "" => "no reason given",
        text => text,
    };
    Verdict::Failed { error: short(text), advice }
}

/// A text from outside, fit for an error: escaped, and no longer than a few lines.
pub(super) fn short(text: &str) -> String {
    let clipped: String = text.chars().take(LONGEST_TEXT).collect();
    let more = if clipped.len() < text.len() { "…" } else { "" };
    printable(&clipped).into_owned() + more
}

/// Reads a line: the record's number, where it is named, and what became of it.
///
/// # Errors
/// It is no verdict; one sentence that says why.
pub(super) fn parse_line(line: &[u8]) -> Result<(Option<u64>, Verdict), String> {
    let line = line.trim_ascii();
    if line.starts_with(b"{") {
        let written: Written = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        return Ok((written.id, written.verdict()?));
    }
    let text = String::from_utf8_lossy(line);
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let verdict = match (word, rest) {
        ("ok", "") => Verdict::Handled,
        ("error", _) => failed(rest, Advice::Retry),
        ("give_up", _) => failed(rest, Advice::GiveUp),
        ("retry_after", _) => {
            let (time, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            failed(rest, Advice::After(wait(time)?))
        }
        _ => return Err("it is none of `ok`, `error`, `retry_after`, `give_up` and JSON".into()),
    };
    Ok((None, verdict))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> Result<(Option<u64>, Verdict), String> {
        parse_line(line.as_bytes())
    }

    #[test]
    fn both_forms_say_the_same() {
        let after = |seconds| Advice::After(Duration::from_millis(seconds));
        for (line, id, verdict) in [
            (r#"{"id":7,"ok":true}"#, Some(7), Verdict::Handled),
            ("ok\r", None, Verdict::Handled),
            (r#" {"error":"no","id":1}"#, Some(1), failed("no", Advice::Retry)),
            ("error no", None, failed("no", Advice::Retry)),
            ("error", None, failed("no reason given", Advice::Retry)),
            (r#"{"error":"no","retry_after":1.5}"#, None, failed("no", after(1500))),
            (r#"{"retry_after":"20ms"}"#, None, failed("", after(20))),
            ("retry_after 20ms too early", None, failed("too early", after(20))),
            ("retry_after 2", None, failed("", after(2000))),
            ("retry_after 99999", None, failed("", Advice::After(LONGEST_WAIT))),
            (r#"{"error":"no","give_up":true,"more":{}}"#, None, failed("no", Advice::GiveUp)),
            ("give_up never", None, failed("never", Advice::GiveUp)),
        ] {
            assert_eq!(read(line), Ok((id, verdict)), "{line}");
        }
    }

    #[test]
    fn what_is_no_verdict_is_not_taken_for_one() {
        for (line, part) in [
            ("", "none of"),
            (r#"{"ok":false}"#, "neither"),
            ("okay", "none of"),
            ("ok 7", "none of"),
            (r#"{"level":"info","id":3}"#, "neither"),
            (r#"{"ok":true,"error":"x"}"#, "`ok` and"),
            (r#"{"ok":true"#, "EOF"),
            (r#"{"id":-1,"ok":true}"#, "invalid value"),
            (r#"{"error":"x","retry_after":-1}"#, "no time"),
            ("retry_after soon", "no time"),
            (r#"{"retry_after":1,"give_up":true}"#, "both"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(line in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok((_, Verdict::Failed { error, .. })) = parse_line(&line) {
                prop_assert!(!error.chars().any(char::is_control));
            }
        }

        #[test]
        fn errors_are_bounded(text in "\\PC{0,2000}") {
            prop_assert!(short(&text).chars().count() <= LONGEST_TEXT * 10 + 1);
        }
    }
}
