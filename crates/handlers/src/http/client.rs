//! The HTTP client. The time of each request and the bytes read of each answer are bounded.

use std::{
    io::{ErrorKind, Read},
    time::Duration,
};

use chrono::Utc;
use kreplay_model::domain::Redactor;
use ureq::{
    Agent, Error, Timeout,
    http::{HeaderMap, Request, Response, header},
};

use super::{
    HttpSettings,
    answer::{Answer, AnswerOptions, FailureScope, RequestFailure, RequestOutcome, has_result_per_record, interpret},
    endpoint::Endpoint,
    retry_after,
    tls::{tls_config, with_tls_hint},
};
use crate::{Advice, verdict::redacted_excerpt};

/// The maximum bytes read of a body that is not needed, so that the connection can be reused.
const MAX_DRAINED_BODY_BYTES: u64 = 64 << 10;
/// The maximum bytes read of a body that is not needed and too large to drain: more than an error quotes, so that a
/// long secret at its beginning is recognised and masked.
const MAX_QUOTED_BODY_BYTES: u64 = 16 << 10;
/// The maximum bytes read of a body with a result for each record.
const MAX_RESULTS_BODY_BYTES: u64 = 16 << 20;
/// The beginning of the standard library's error about a host that it cannot resolve, which has no kind of its own.
const LOOKUP_FAILED: &str = "failed to lookup address information";
/// One connection per worker is enough, and there are at most this number of workers.
const MAX_IDLE_CONNECTIONS: usize = 1000;

/// The client that all workers of a run share.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    endpoint: Endpoint,
    /// `POST https://host/path`
    request: String,
    method: ureq::http::Method,
    headers: HeaderMap,
    timeout: Duration,
    connect_timeout: Duration,
    redactor: Redactor,
}

impl Client {
    /// # Errors
    /// One sentence: a certificate cannot be read.
    pub(super) fn new(
        endpoint: Endpoint,
        headers: HeaderMap,
        settings: &HttpSettings,
        redactor: Redactor,
    ) -> Result<Self, String> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(settings.timeout))
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_resolve(Some(settings.connect_timeout))
            .max_idle_connections(MAX_IDLE_CONNECTIONS)
            .max_idle_connections_per_host(MAX_IDLE_CONNECTIONS)
            .user_agent(concat!("kreplay/", env!("CARGO_PKG_VERSION")));
        let config = if endpoint.is_encrypted() { config.tls_config(tls_config(settings)?) } else { config };
        let method = settings.method.to_string();
        Ok(Self {
            agent: config.build().into(),
            request: format!("{method} {}", endpoint.shown),
            method: method.parse().map_err(|_| format!("{method} is not an HTTP method"))?,
            endpoint,
            headers,
            timeout: settings.timeout,
            connect_timeout: settings.connect_timeout,
            redactor,
        })
    }

    /// The method and URL, for display.
    pub(super) fn request(&self) -> &str {
        &self.request
    }

    /// Sends a request and interprets the answer. The status is `None` if there was no answer.
    pub(super) fn send(&self, own: HeaderMap, body: &[u8], options: AnswerOptions) -> (Option<u16>, RequestOutcome) {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.endpoint.uri.clone();
        let headers = request.headers_mut();
        *headers = own;
        // Configured headers replace those of the record. A header configured several times is sent several times.
        for name in self.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        match self.agent.run(request) {
            Ok(response) => {
                let status = response.status().as_u16();
                (Some(status), self.redacted(self.read_answer(response, options)))
            }
            Err(error) => {
                let (text, scope) = self.describe_error(&error);
                let error = format!("{}: {}", self.request, redacted_excerpt(&text, &self.redactor));
                // No record reached an endpoint that cannot be reached, so none of them is at fault.
                let advice = if scope == FailureScope::Endpoint { Advice::Unable } else { Advice::Retry };
                (None, self.redacted(RequestOutcome::Failed(RequestFailure { error, advice, scope })))
            }
        }
    }

    fn read_answer(&self, mut response: Response<ureq::Body>, options: AnswerOptions) -> RequestOutcome {
        let status = response.status().as_u16();
        let text = |name| response.headers().get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
        let retry_after = text(header::RETRY_AFTER).and_then(|text| retry_after::parse(text, Utc::now()));
        let location = text(header::LOCATION).map(str::to_owned);
        let expected =
            if has_result_per_record(status, options) { MAX_RESULTS_BODY_BYTES } else { MAX_DRAINED_BODY_BYTES };
        let mut bytes = Vec::new();
        // A body that is not needed and too large to drain is not read; its connection is closed.
        let too_large = response
            .body()
            .content_length()
            .is_some_and(|length| length > expected && expected == MAX_DRAINED_BODY_BYTES);
        let limit = if too_large { MAX_QUOTED_BODY_BYTES } else { expected };
        let read = response.body_mut().as_reader().take(limit + 1).read_to_end(&mut bytes);
        let broken = match read {
            Err(error) => {
                Some(format!("the body ended early: {}", redacted_excerpt(&error.to_string(), &self.redactor)))
            }
            Ok(_) if bytes.len() as u64 > limit => {
                Some(format!("the body is longer than {} MiB", MAX_RESULTS_BODY_BYTES >> 20))
            }
            Ok(_) => None,
        };
        let answer = Answer { status, retry_after, location: location.as_deref(), body: &bytes, broken };
        interpret(&self.request, &answer, options, &self.redactor)
    }

    /// Why there was no answer, and what the failure concerns.
    fn describe_error(&self, error: &Error) -> (String, FailureScope) {
        match error {
            Error::Timeout(Timeout::Connect | Timeout::Resolve) => (
                format!("no connection within {:?} (http.connect_timeout)", self.connect_timeout),
                FailureScope::Endpoint,
            ),
            Error::Timeout(_) => (format!("no answer within {:?} (http.timeout)", self.timeout), FailureScope::Unknown),
            Error::HostNotFound => ("the host is unknown; check the URL".into(), FailureScope::Endpoint),
            Error::ConnectionFailed => ("the connection failed".into(), FailureScope::Endpoint),
            Error::Io(error) => {
                let scope = match error.kind() {
                    ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::NetworkDown
                    | ErrorKind::AddrNotAvailable
                    // rustls reports its errors as this kind.
                    | ErrorKind::InvalidData => FailureScope::Endpoint,
                    _ if error.to_string().starts_with(LOOKUP_FAILED) => FailureScope::Endpoint,
                    _ => FailureScope::Unknown,
                };
                let text = match error.kind() {
                    ErrorKind::InvalidData => with_tls_hint(error.to_string()),
                    ErrorKind::UnexpectedEof => "the connection was closed before the answer arrived".to_owned(),
                    _ => error.to_string(),
                };
                (text, scope)
            }
            Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) | Error::InvalidProxyUrl => {
                (with_tls_hint(error.to_string()), FailureScope::Endpoint)
            }
            other => (other.to_string(), FailureScope::Unknown),
        }
    }

    /// Masks secrets in an error as a whole: parts of the URL may be the same as a secret.
    fn redacted(&self, outcome: RequestOutcome) -> RequestOutcome {
        match outcome {
            RequestOutcome::Failed(failure) => {
                RequestOutcome::Failed(RequestFailure { error: self.redactor.redact(&failure.error), ..failure })
            }
            // The texts of these were masked when they were read.
            outcome @ (RequestOutcome::PerRecord(_) | RequestOutcome::Accepted) => outcome,
        }
    }
}
