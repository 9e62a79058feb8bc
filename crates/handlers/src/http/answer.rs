//! What an answer, or the lack of one, means for the records of a request.

use std::time::Duration;

use kreplay_model::domain::{Redactor, Secret, SecretFormat, number::counted};
use serde::Deserialize;
use serde_json::Value;

use super::OnDenied;
use crate::{
    Advice,
    verdict::{JsonVerdict, Verdict, escaped_excerpt, redacted_excerpt},
};

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestOutcome {
    /// All records are handled.
    Accepted,
    /// The verdict on each record.
    PerRecord(Vec<Verdict>),
    /// The request failed. No record is known to be handled.
    Failed(RequestFailure),
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestFailure {
    /// One sentence without secrets.
    pub(super) error: String,
    /// What is advised about a retry.
    pub(super) advice: Advice,
    /// What the failure concerns.
    pub(super) scope: FailureScope,
}

/// What a failure concerns, as far as it can be determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureScope {
    /// The records sent; other records may be accepted.
    Records,
    /// The endpoint; every request would fail.
    Endpoint,
    /// The endpoint is overloaded and asks to back off for this time.
    Overload(Duration),
    /// Unknown: the records or the endpoint.
    Unknown,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    /// The time of the `Retry-After` header.
    pub(super) retry_after: Option<Duration>,
    /// The target of a redirect.
    pub(super) location: Option<&'a str>,
    /// The beginning of the body, or all of it if it has a result for each record.
    pub(super) body: &'a [u8],
    /// Why the body is incomplete.
    pub(super) broken: Option<String>,
}

/// How answers are interpreted.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerOptions {
    pub(super) on_denied: OnDenied,
    /// Whether the body has a result for each record.
    pub(super) per_record: bool,
    /// The number of records sent.
    pub(super) records: usize,
}

/// The back-off time if an overloaded endpoint does not specify one.
const DEFAULT_BACKOFF: Duration = Duration::from_secs(1);
/// The maximum length of the body excerpt in an error, in characters.
const MAX_EXCERPT_CHARS: usize = 200;

/// Multi-Status: the body has a result for each record.
pub(super) const MULTI_STATUS: u16 = 207;

/// Whether the body has a result for each record and must be read completely.
pub(super) fn has_result_per_record(status: u16, options: AnswerOptions) -> bool {
    status == MULTI_STATUS || (options.per_record && (200..300).contains(&status))
}

/// Interprets an answer. `request` names it in errors, such as `POST https://host/path`. Secrets in the answer are
/// masked: an endpoint may repeat what it received.
pub(super) fn interpret(
    request: &str,
    answer: &Answer<'_>,
    options: AnswerOptions,
    redactor: &Redactor,
) -> RequestOutcome {
    let Answer { status, retry_after, .. } = *answer;
    if has_result_per_record(status, options) {
        return parse_results(answer, options.records, redactor).unwrap_or_else(|reason| {
            RequestOutcome::Failed(RequestFailure {
                error: format!("{request} returned {status}, but without a result for each record: {reason}"),
                advice: Advice::Retry,
                scope: FailureScope::Unknown,
            })
        });
    }
    if (200..300).contains(&status) {
        return RequestOutcome::Accepted;
    }
    let excerpt = excerpt(answer.body, redactor);
    let mut error = format!("{request} returned {status}{}{excerpt}", reason(status));
    if status == 413 {
        error.push_str(match options.records {
            1 => "; the record is larger than the server accepts: raise the server's limit",
            _ => "; reduce the records per request with http.batch, or the bytes with http.max_body",
        });
    }
    let after = retry_after.map_or(Advice::Retry, Advice::After);
    let (advice, scope) = match status {
        300..400 => {
            let location = answer.location.map_or_else(String::new, |location| {
                let location = Secret::plain(SecretFormat::Address, redactor.redact(location));
                format!(" to {}", escaped_excerpt(location.shown()))
            });
            let error = format!(
                "{request} returned {status}, a redirect{location}; redirects are not followed: change the URL"
            );
            return RequestOutcome::Failed(RequestFailure {
                error,
                advice: Advice::Stop,
                scope: FailureScope::Endpoint,
            });
        }
        401 | 403 => match options.on_denied {
            OnDenied::Stop => (Advice::Stop, FailureScope::Endpoint),
            OnDenied::Retry => (Advice::Retry, FailureScope::Endpoint),
            OnDenied::GiveUp => (Advice::GiveUp, FailureScope::Records),
        },
        429 | 503 => (after, FailureScope::Overload(retry_after.unwrap_or(DEFAULT_BACKOFF))),
        408 | 425 => (after, FailureScope::Unknown),
        400..500 => (Advice::GiveUp, FailureScope::Records),
        _ => (after, FailureScope::Unknown),
    };
    RequestOutcome::Failed(RequestFailure { error, advice, scope })
}

fn reason(status: u16) -> String {
    let reason = ureq::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(String::new, |reason| format!(" {reason}"))
}

fn excerpt(body: &[u8], redactor: &Redactor) -> String {
    // Secrets are masked before the text is cut: of a secret that is cut, the rest would not be recognised.
    let text = redactor.redact(&String::from_utf8_lossy(body));
    let text = text.trim();
    let clipped: String = text.chars().take(MAX_EXCERPT_CHARS).collect();
    let more = if clipped.len() < text.len() { "…" } else { "" };
    if clipped.is_empty() { clipped } else { format!(": {}{more}", escaped_excerpt(&clipped)) }
}

/// An array with a verdict for each record, or an object that has it as `results`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Results {
    Array(Vec<Value>),
    Object { results: Vec<Value> },
}

fn parse_results(answer: &Answer<'_>, records: usize, redactor: &Redactor) -> Result<RequestOutcome, String> {
    if let Some(broken) = &answer.broken {
        return Err(broken.clone());
    }
    let read = serde_json::from_slice(answer.body);
    let results = match read.map_err(|_| "it is neither a JSON array nor an object with `results`".to_owned())? {
        Results::Array(results) | Results::Object { results } => results,
    };
    if results.len() != records {
        return Err(format!("it has {} for {}", counted(results.len(), "result"), counted(records, "record")));
    }
    let verdict = |value| {
        let json: JsonVerdict =
            serde_json::from_value(value).map_err(|error| redacted_excerpt(&error.to_string(), redactor))?;
        json.verdict(redactor)
    };
    results.into_iter().map(verdict).collect::<Result<_, _>>().map(RequestOutcome::PerRecord)
}
