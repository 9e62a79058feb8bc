//! The verdict of a child process or a server on a record.
//!
//! Either a JSON object, with an `id` if answers may arrive out of order:
//!
//! - `{"ok": true}`: handled, and durable;
//! - `{"error": "TEXT"}`: failed, retried by the run's retry schedule;
//! - `{"error": "TEXT", "retry_after": 5}`: failed, retried after this number of seconds at the earliest, or after a
//!   time such as `"500ms"`; at most an hour;
//! - `{"error": "TEXT", "give_up": true}`: failed for good.
//!
//! Or plain words, always in order, for programs without JSON: `ok`, `error TEXT`, `retry_after TIME TEXT`,
//! `give_up TEXT`.

use std::time::Duration;

use kreplay_model::domain::{Redactor, printable};
use serde::Deserialize;

use super::{Advice, parse_duration};

/// The maximum of `retry_after`; longer times are reduced to it.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// The maximum length of an error text in characters; the rest is cut off.
const MAX_ERROR_CHARS: usize = 500;

/// The result of handling a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Handled, and durable.
    Handled,
    /// Not handled.
    Failed {
        /// Why: without secrets, escaped and truncated.
        error: String,
        /// What is advised about a retry.
        advice: Advice,
    },
}

#[cfg(test)]
impl Verdict {
    pub(super) fn retry(error: &str) -> Self {
        Self::Failed { error: error.to_owned(), advice: Advice::Retry }
    }
}

/// A verdict in its JSON form. Unknown fields are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct JsonVerdict {
    #[cfg_attr(not(feature = "exec"), allow(dead_code, reason = "requests have their answers in order"))]
    id: Option<u64>,
    ok: Option<bool>,
    error: Option<String>,
    retry_after: Option<JsonDuration>,
    #[serde(default)]
    give_up: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum JsonDuration {
    Seconds(f64),
    Text(String),
}

impl JsonVerdict {
    /// The verdict, with secrets in its text masked. An object without `ok` or `error`, such as a log line, is not a
    /// verdict.
    ///
    /// # Errors
    /// One sentence: why it is not a verdict.
    pub(super) fn verdict(self, redactor: &Redactor) -> Result<Verdict, String> {
        let advice = match (self.retry_after, self.give_up) {
            (Some(_), true) => return Err("it has both `retry_after` and `give_up`".into()),
            (None, true) => Advice::GiveUp,
            (Some(wait), false) => Advice::After(wait.time()?),
            (None, false) => Advice::Retry,
        };
        match (self.ok, self.error) {
            (Some(true), None) if advice == Advice::Retry => Ok(Verdict::Handled),
            (Some(true), _) => Err("it has both `ok` and a failure".into()),
            (_, None) if advice == Advice::Retry => Err("it has neither `ok` nor `error`".into()),
            (_, error) => Ok(failed(error.as_deref().unwrap_or_default(), advice, redactor)),
        }
    }
}

impl JsonDuration {
    fn time(&self) -> Result<Duration, String> {
        let time = match self {
            Self::Seconds(seconds) => {
                Duration::try_from_secs_f64(*seconds).map_err(|_| "`retry_after` is not a time")?
            }
            Self::Text(text) => parse_retry_after(text)?,
        };
        Ok(time.min(MAX_RETRY_AFTER))
    }
}

/// Parses a time with a unit, or a number of seconds.
fn parse_retry_after(text: &str) -> Result<Duration, String> {
    let seconds = || text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let time = parse_duration(text)
        .ok()
        .or_else(seconds)
        .ok_or("`retry_after` is not a time; use a value such as 5 or 500ms")?;
    Ok(time.min(MAX_RETRY_AFTER))
}

fn failed(text: &str, advice: Advice, redactor: &Redactor) -> Verdict {
    let text = match text.trim() {
        "" => "no reason given",
        text => text,
    };
    Verdict::Failed { error: redacted_excerpt(text, redactor), advice }
}

/// The beginning of an untrusted text as by [`escaped_excerpt`], with secrets masked.
pub(super) fn redacted_excerpt(text: &str, redactor: &Redactor) -> String {
    // Masked before the text is cut: of a secret that is cut, the rest would not be recognised.
    escaped_excerpt(&redactor.redact(text))
}

/// The beginning of an untrusted text, with control characters escaped, for use in an error.
pub(super) fn escaped_excerpt(text: &str) -> String {
    let clipped: String = text.chars().take(MAX_ERROR_CHARS).collect();
    let more = if clipped.len() < text.len() { "…" } else { "" };
    printable(&clipped).into_owned() + more
}

/// Parses a line into the record's number, if given, and its verdict, with secrets in its text masked.
///
/// # Errors
/// One sentence: why the line is not a verdict. It may quote the line, including secrets in it.
#[cfg(feature = "exec")]
pub(super) fn parse_line(line: &[u8], redactor: &Redactor) -> Result<(Option<u64>, Verdict), String> {
    let line = line.trim_ascii();
    if line.starts_with(b"{") {
        let json: JsonVerdict = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        return Ok((json.id, json.verdict(redactor)?));
    }
    let text = String::from_utf8_lossy(line);
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let verdict = match (word, rest) {
        ("ok", "") => Verdict::Handled,
        ("error", _) => failed(rest, Advice::Retry, redactor),
        ("give_up", _) => failed(rest, Advice::GiveUp, redactor),
        ("retry_after", _) => {
            let (time, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            failed(rest, Advice::After(parse_retry_after(time)?), redactor)
        }
        _ => return Err("it is none of `ok`, `error`, `retry_after`, `give_up` or a JSON object".into()),
    };
    Ok((None, verdict))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> Result<(Option<u64>, Verdict), String> {
        parse_line(line.as_bytes(), &Redactor::default())
    }

    #[test]
    fn secrets_are_masked_before_the_text_is_cut() {
        let redactor = Redactor::new(vec!["hunter2-hunter2".into()]);
        // The secret crosses the limit.
        let long = "x".repeat(MAX_ERROR_CHARS - 5) + "hunter2-hunter2";
        for line in [format!("error {long}"), format!(r#"{{"error":"{long}"}}"#)] {
            match parse_line(line.as_bytes(), &redactor) {
                Ok((None, Verdict::Failed { error, .. })) => {
                    assert!(error.ends_with("xx***") && !error.contains("hunt"), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn json_and_plain_words_are_equivalent() {
        let failed = |text: &str, advice| failed(text, advice, &Redactor::default());
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
            ("retry_after 99999", None, failed("", Advice::After(MAX_RETRY_AFTER))),
            (r#"{"error":"no","give_up":true,"more":{}}"#, None, failed("no", Advice::GiveUp)),
            ("give_up never", None, failed("never", Advice::GiveUp)),
        ] {
            assert_eq!(read(line), Ok((id, verdict)), "{line}");
        }
    }

    #[test]
    fn lines_that_are_not_verdicts_are_errors() {
        for (line, part) in [
            ("", "none of"),
            (r#"{"ok":false}"#, "neither"),
            ("okay", "none of"),
            ("ok 7", "none of"),
            (r#"{"level":"info","id":3}"#, "neither"),
            (r#"{"ok":true,"error":"x"}"#, "both `ok` and"),
            (r#"{"ok":true"#, "EOF"),
            (r#"{"id":-1,"ok":true}"#, "invalid value"),
            (r#"{"error":"x","retry_after":-1}"#, "not a time"),
            ("retry_after soon", "not a time"),
            (r#"{"retry_after":1,"give_up":true}"#, "both"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail_without_control_characters(line in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok((_, Verdict::Failed { error, .. })) = parse_line(&line, &Redactor::default()) {
                prop_assert!(!error.chars().any(char::is_control));
            }
        }

        #[test]
        fn error_texts_are_bounded(text in "\\PC{0,2000}") {
            prop_assert!(escaped_excerpt(&text).chars().count() <= MAX_ERROR_CHARS * 10 + 1);
        }
    }
}
