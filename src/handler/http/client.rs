//! Sends requests. Every one is bounded in time, and of every answer no more than a bound is read.

use std::{
    fs,
    io::{ErrorKind, Read},
    path::Path,
    time::Duration,
};

use chrono::Utc;
use ureq::{
    Agent, Error, Timeout,
    http::{HeaderMap, Request, Response, header},
    tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem},
};

use super::{
    HttpSettings,
    answer::{About, Answer, Outcome, Refusal, Understanding, judge, says_each},
    endpoint::Endpoint,
    retry_after,
};
use crate::{
    domain::Censor,
    handler::{Advice, verdict::short},
};

/// So much of a body is read that nobody needs: enough to keep a connection for the next request.
const DRAINED: u64 = 64 << 10;
/// So much of one that says what became of each record.
const LONGEST: u64 = 16 << 20;
/// One connection for each worker is enough; there are at most so many workers.
const CONNECTIONS: usize = 1000;

/// Sends requests; all workers of a run share one.
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
    censor: Censor,
}

impl Client {
    /// # Errors
    /// Certificates cannot be read: one sentence.
    pub(super) fn new(
        endpoint: Endpoint,
        headers: HeaderMap,
        settings: &HttpSettings,
        censor: Censor,
    ) -> Result<Self, String> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(settings.timeout))
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_resolve(Some(settings.connect_timeout))
            .max_idle_connections(CONNECTIONS)
            .max_idle_connections_per_host(CONNECTIONS)
            .user_agent(concat!("kreplay/", env!("CARGO_PKG_VERSION")));
        let config = if endpoint.is_encrypted() { config.tls_config(tls(settings)?) } else { config };
        let method = settings.method.to_string();
        Ok(Self {
            agent: config.build().into(),
            request: format!("{method} {}", endpoint.shown),
            method: method.parse().map_err(|_| format!("{method} is no method"))?,
            endpoint,
            headers,
            timeout: settings.timeout,
            connect_timeout: settings.connect_timeout,
            censor,
        })
    }

    /// Method and address, for people.
    pub(super) fn request(&self) -> &str {
        &self.request
    }

    /// Sends a request and says what its answer means; with the status, where there was an answer.
    pub(super) fn send(&self, own: HeaderMap, body: &[u8], how: Understanding) -> (Option<u16>, Outcome) {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.endpoint.uri.clone();
        let headers = request.headers_mut();
        *headers = own;
        // What the user says is stronger, and comes as often as it was said.
        for name in self.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        match self.agent.run(request) {
            Ok(response) => {
                let status = response.status().as_u16();
                (Some(status), self.censored(self.understand(response, how)))
            }
            Err(error) => {
                let (text, about) = self.failure(&error);
                let error = format!("{}: {}", self.request, short(&text));
                (None, self.censored(Outcome::Refused(Refusal { error, advice: Advice::Retry, about })))
            }
        }
    }

    fn understand(&self, mut response: Response<ureq::Body>, how: Understanding) -> Outcome {
        let status = response.status().as_u16();
        let text = |name| response.headers().get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
        let retry_after = text(header::RETRY_AFTER).and_then(|text| retry_after::parse(text, Utc::now()));
        let location = text(header::LOCATION).map(str::to_owned);
        let wanted = if says_each(status, how) { LONGEST } else { DRAINED };
        let mut bytes = Vec::new();
        // One that is larger than anybody needs is not begun with; its connection is closed.
        let known = response.body().content_length().is_some_and(|length| length > wanted && wanted == DRAINED);
        let limit = if known { 2048 } else { wanted };
        let read = response.body_mut().as_reader().take(limit + 1).read_to_end(&mut bytes);
        let broken = match read {
            Err(error) => Some(format!("the body broke off: {}", short(&error.to_string()))),
            Ok(_) if bytes.len() as u64 > limit => Some(format!("the body is longer than {} MiB", LONGEST >> 20)),
            Ok(_) => None,
        };
        let answer = Answer { status, retry_after, location: location.as_deref(), body: &bytes, broken };
        judge(&self.request, &answer, how)
    }

    /// Why there was no answer, and what that is about.
    fn failure(&self, error: &Error) -> (String, About) {
        match error {
            Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                (format!("no connection within {:?} (http.connect_timeout)", self.connect_timeout), About::Endpoint)
            }
            Error::Timeout(_) => (format!("no answer within {:?} (http.timeout)", self.timeout), About::Unknown),
            Error::HostNotFound => ("there is no such host; check the address".into(), About::Endpoint),
            Error::ConnectionFailed => ("no connection".into(), About::Endpoint),
            Error::Io(error) => {
                let about = match error.kind() {
                    ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::NetworkDown
                    | ErrorKind::AddrNotAvailable
                    // What rustls has to say comes as this.
                    | ErrorKind::InvalidData => About::Endpoint,
                    _ => About::Unknown,
                };
                let text = match error.kind() {
                    ErrorKind::InvalidData => with_tls_hint(error.to_string()),
                    ErrorKind::UnexpectedEof => "the connection was closed before the answer came".to_owned(),
                    _ => error.to_string(),
                };
                (text, about)
            }
            Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) | Error::InvalidProxyUrl => {
                (with_tls_hint(error.to_string()), About::Endpoint)
            }
            other => (other.to_string(), About::Unknown),
        }
    }

    /// An endpoint may repeat what it was told, and errors are shown.
    fn censored(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Refused(refusal) => {
                Outcome::Refused(Refusal { error: self.censor.censored(&refusal.error), ..refusal })
            }
            Outcome::Each(mut verdicts) => {
                for verdict in &mut verdicts {
                    verdict.censor(&self.censor);
                }
                Outcome::Each(verdicts)
            }
            Outcome::Accepted => Outcome::Accepted,
        }
    }
}

/// What to do about a certificate that is not trusted.
fn with_tls_hint(error: String) -> String {
    if error.contains("UnknownIssuer") || error.contains("CaUsedAsEndEntity") {
        return error + "; name the authority that has signed the server's certificate with http.ca";
    }
    if error.contains("CertificateRequired") || error.contains("HandshakeFailure") {
        return error + "; the server may want a certificate: http.client_certificate and http.client_key";
    }
    error
}

fn tls(settings: &HttpSettings) -> Result<TlsConfig, String> {
    let roots = match &settings.ca {
        Some(path) => RootCerts::new_with_certs(&certificates("http.ca", path)?),
        None => system_roots(),
    };
    let shown = match (&settings.client_certificate, &settings.client_key) {
        (Some(chain), Some(key)) => {
            let pem = read("http.client_key", key)?;
            let key = PrivateKey::from_pem(&pem)
                .map_err(|_| format!("http.client_key {} holds no private key as PEM", key.display()))?;
            Some(ClientCert::new_with_certs(&certificates("http.client_certificate", chain)?, key))
        }
        (None, None) => None,
        _ => return Err("http.client_certificate and http.client_key belong together; give both".into()),
    };
    Ok(TlsConfig::builder().root_certs(roots).client_cert(shown).build())
}

/// What the system trusts, as other programs there do; Mozilla's list where it has nothing.
fn system_roots() -> RootCerts {
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        return RootCerts::WebPki;
    }
    let certificates: Vec<_> = found.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    RootCerts::new_with_certs(&certificates)
}

fn certificates(setting: &str, path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let pem = read(setting, path)?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(format!("{setting} {} holds no certificate as PEM", path.display()));
    }
    Ok(certificates)
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{setting} {} cannot be read: {error}", path.display()))
}
