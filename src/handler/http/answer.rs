//! What an answer, or none, means for the records of a request.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::OnDenied;
use crate::{
    domain::{Form, Masked},
    handler::{
        Advice,
        verdict::{Verdict, Written, short},
    },
};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All of its records are handled.
    Accepted,
    /// What became of each of its records.
    Each(Vec<Verdict>),
    /// None of its records is handled, as far as anyone knows.
    Refused(Refusal),
}

/// Why a request was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// One sentence, without secrets.
    pub(super) error: String,
    /// What is known about trying again.
    pub(super) advice: Advice,
    /// What it is about.
    pub(super) about: About,
}

/// What a refusal is about, as far as one can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// What was sent: another record may be accepted.
    Records,
    /// The endpoint, whatever is sent to it.
    Endpoint,
    /// The endpoint, which wants to be left alone for so long.
    Load(Duration),
    /// Either: a record may have broken it, or it is broken.
    Unknown,
}

/// What was answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    /// As the header says it.
    pub(super) retry_after: Option<Duration>,
    /// Where a redirection leads to.
    pub(super) location: Option<&'a str>,
    /// The beginning of the body, or all of it where it says what became of each record.
    pub(super) body: &'a [u8],
    /// Why the body was not read to its end.
    pub(super) broken: Option<String>,
}

/// How answers are to be understood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Understanding {
    pub(super) on_denied: OnDenied,
    /// Whether a body is to say what became of each record.
    pub(super) per_record: bool,
    /// How many records were sent.
    pub(super) records: usize,
}

/// How long an endpoint is left alone that has too much to do and does not say for how long.
const BREATH: Duration = Duration::from_secs(1);
/// So many characters of a body are told in an error.
const EXCERPT: usize = 200;

/// Whether the body has to be read to its end: it says what became of each record.
pub(super) fn says_each(status: u16, how: Understanding) -> bool {
    status == 207 || (how.per_record && (200..300).contains(&status))
}

/// What an answer means. `request` names it, such as `POST https://host/path`.
pub(super) fn judge(request: &str, answer: &Answer<'_>, how: Understanding) -> Outcome {
    let Answer { status, retry_after, .. } = *answer;
    if says_each(status, how) {
        return each(answer, how.records).unwrap_or_else(|reason| {
            Outcome::Refused(Refusal {
                error: format!("{request} answered {status}, but not what became of each record: {reason}"),
                advice: Advice::Retry,
                about: About::Unknown,
            })
        });
    }
    if (200..300).contains(&status) {
        return Outcome::Accepted;
    }
    let excerpt = excerpt(answer.body);
    let mut error = format!("{request} answered {status}{}{excerpt}", reason(status));
    if status == 413 {
        error.push_str(match how.records {
            1 => "; the record is larger than the server takes: raise the server's limit",
            _ => "; fewer records go into a request with http.batch, or fewer bytes with http.max_body",
        });
    }
    let after = retry_after.map_or(Advice::Retry, Advice::After);
    let (advice, about) = match status {
        300..400 => {
            let place = answer.location.map_or_else(String::new, |place| {
                format!(" to {}", short(Masked::plain(Form::Address, place.to_owned()).shown()))
            });
            let error = format!(
                "{request} answered {status}, which leads{place}; records are not sent elsewhere than they were told to: change \
                 the address"
            );
            return Outcome::Refused(Refusal { error, advice: Advice::Stop, about: About::Endpoint });
        }
        401 | 403 => match how.on_denied {
            OnDenied::Stop => (Advice::Stop, About::Endpoint),
            OnDenied::Retry => (Advice::Retry, About::Endpoint),
            OnDenied::GiveUp => (Advice::GiveUp, About::Records),
        },
        429 | 503 => (after, About::Load(retry_after.unwrap_or(BREATH))),
        408 | 425 => (after, About::Unknown),
        400..500 => (Advice::GiveUp, About::Records),
        _ => (after, About::Unknown),
    };
    Outcome::Refused(Refusal { error, advice, about })
}

fn reason(status: u16) -> String {
    let reason = ureq::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(String::new, |reason| format!(" {reason}"))
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let clipped: String = text.chars().take(EXCERPT).collect();
    let more = if clipped.len() < text.len() { "…" } else { "" };
    if clipped.is_empty() { clipped } else { format!(": {}{more}", short(&clipped)) }
}

/// An array with a verdict for each record, or an object that has it as `results`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Results {
    Array(Vec<Value>),
    Object { results: Vec<Value> },
}

fn each(answer: &Answer<'_>, records: usize) -> Result<Outcome, String> {
    if let Some(broken) = &answer.broken {
        return Err(broken.clone());
    }
    let read = serde_json::from_slice(answer.body);
    let results = match read.map_err(|_| "it is neither an array of JSON nor an object with `results`".to_owned())? {
        Results::Array(results) | Results::Object { results } => results,
    };
    if results.len() != records {
        return Err(format!("it has {} results for {records} records", results.len()));
    }
    let verdict = |value| {
        let written: Written = serde_json::from_value(value).map_err(|error| short(&error.to_string()))?;
        written.verdict()
    };
    results.into_iter().map(verdict).collect::<Result<_, _>>().map(Outcome::Each)
}
