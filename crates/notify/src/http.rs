//! Requests with bounded time and bounded answers.

use std::{io::Read as _, time::Duration};

use kreplay_model::domain::Redactor;
use ureq::{
    Agent, Error,
    http::{HeaderMap, Request, Uri, header},
    tls::{Certificate, RootCerts, TlsConfig},
};

use crate::{
    endpoint::{Endpoint, Header},
    error::{DeliveryError, excerpt},
};

/// The maximum bytes read of an answer. Its beginning explains a refusal; reading all of a small one keeps the
/// connection usable.
const MAX_ANSWER_BYTES: u64 = 16 << 10;

/// Sends JSON to one URL.
#[derive(Debug)]
pub(crate) struct HttpSender {
    agent: Agent,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
    redactor: Redactor,
}

impl HttpSender {
    /// A sender to the URL of `endpoint`, or to `uri` on the same server.
    pub(crate) fn new(endpoint: &Endpoint, uri: Uri, headers: &[Header], timeout: Duration) -> Self {
        let mut all = HeaderMap::new();
        all.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        if let Some(authorization) = &endpoint.authorization {
            all.insert(header::AUTHORIZATION, authorization.clone());
        }
        for header in headers {
            all.insert(header.name.clone(), header.value.clone());
        }
        let secrets =
            headers.iter().map(Header::text).chain([endpoint.url()]).flat_map(kreplay_model::domain::Secret::secrets);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(timeout))
            .tls_config(TlsConfig::builder().root_certs(system_roots(&uri)).build())
            .user_agent(concat!("kreplay/", env!("CARGO_PKG_VERSION")));
        Self { agent: config.build().into(), uri, headers: all, timeout, redactor: Redactor::new(secrets.collect()) }
    }

    /// Sends a body.
    ///
    /// # Errors
    /// There was no answer, or it is not one of success. It is worth a retry, unless the request was refused with a
    /// status from 400 to 499 other than 408 and 429.
    pub(crate) fn post(&self, body: &[u8]) -> Result<(), DeliveryError> {
        let mut request = Request::new(body);
        *request.method_mut() = ureq::http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().clone_from(&self.headers);
        let mut response = self.agent.run(request).map_err(|error| self.without_answer(&error))?;
        let status = response.status();
        let mut answer = Vec::new();
        // An answer that breaks off does not change what its status says.
        let _ = response.body_mut().as_reader().take(MAX_ANSWER_BYTES).read_to_end(&mut answer);
        if status.is_success() {
            return Ok(());
        }
        let text = excerpt(&self.redactor.redact(&String::from_utf8_lossy(&answer)));
        let separator = if text.is_empty() { "" } else { ": " };
        let is_final = status.is_client_error() && !matches!(status.as_u16(), 408 | 429) || status.is_redirection();
        Err(DeliveryError { text: format!("status {}{separator}{text}", status.as_u16()), is_final })
    }

    fn without_answer(&self, error: &Error) -> DeliveryError {
        let text = match error {
            Error::Timeout(_) => format!("no answer within {:?}", self.timeout),
            Error::HostNotFound => "the host is unknown".to_owned(),
            Error::ConnectionFailed => "the connection failed".to_owned(),
            Error::Io(error) => error.to_string(),
            other => other.to_string(),
        };
        DeliveryError { text: excerpt(&self.redactor.redact(&text)), is_final: false }
    }
}

/// The authorities that the system trusts, or Mozilla's list if it has none. Without TLS they are not read.
fn system_roots(uri: &Uri) -> RootCerts {
    if uri.scheme_str() != Some("https") {
        return RootCerts::WebPki;
    }
    let found = kreplay_tls::system_authorities();
    if found.is_empty() {
        return RootCerts::WebPki;
    }
    RootCerts::from(found.iter().map(|der| Certificate::from_der(der).to_owned()).collect::<Vec<_>>())
}
