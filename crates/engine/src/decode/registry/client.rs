//! HTTP requests to a schema registry.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kreplay_model::domain::{Secret, printable};
use serde::{Deserialize, de::DeserializeOwned};
use ureq::Agent;

use super::{
    super::{DecodeSettings, Undecodable},
    Failure, tls,
};

/// Maximum size of a response body. Schemas are far smaller.
const MAX_RESPONSE_BYTES: u64 = 16 << 20;
/// Maximum length of a registry message in our errors.
const MAX_MESSAGE_CHARS: usize = 200;
const ACCEPT: &str = "application/vnd.schemaregistry.v1+json, application/json";
/// Number of attempts to reach the registry before a run starts.
const MAX_ATTEMPTS: u32 = 3;
const ATTEMPT_DELAY: Duration = Duration::from_millis(300);

/// An HTTP client for a schema registry.
pub(super) struct Client {
    agent: Agent,
    addresses: Vec<Secret>,
    /// Index of the address that answered last.
    preferred: AtomicUsize,
    authorization: Option<String>,
}

/// A registry's error response.
#[derive(Deserialize)]
struct ErrorResponse {
    error_code: i64,
    #[serde(default)]
    message: String,
}

impl Client {
    pub(super) fn new(settings: &DecodeSettings) -> Result<Self, String> {
        let mut config = Agent::config_builder()
            .timeout_global(Some(settings.timeout))
            .http_status_as_error(false)
            .max_redirects(3)
            .user_agent("kreplay");
        if settings.registry.iter().any(|address| address.value().starts_with("https:")) {
            config = config.tls_config(tls::config(settings)?);
        }
        let authorization = match (&settings.token, &settings.username, &settings.password) {
            (Some(token), _, _) => Some(format!("Bearer {}", token.value())),
            (None, Some(user), Some(password)) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{}:{}", user.value(), password.value()))))
            }
            _ => None,
        };
        Ok(Self {
            agent: config.build().into(),
            addresses: settings.registry.clone(),
            preferred: AtomicUsize::new(0),
            authorization,
        })
    }

    /// Requests a resource that every registry has.
    pub(super) fn reach(&self) -> Result<(), Undecodable> {
        let mut left = MAX_ATTEMPTS;
        loop {
            left -= 1;
            match self.get::<serde_json::Value>("/schemas/types") {
                // An old registry supports only Avro and does not have this resource.
                Ok(_) | Err(Failure::Missing(_)) => return Ok(()),
                Err(Failure::Unreachable(text) | Failure::NotServed(text)) if left == 0 => {
                    return Err(Undecodable::Unreachable(text));
                }
                Err(Failure::Unreachable(_) | Failure::NotServed(_)) => std::thread::sleep(ATTEMPT_DELAY),
            }
        }
    }

    /// Tries each address until one answers.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let first = self.preferred.load(Relaxed);
        let mut failure = Failure::Unreachable("no schema registry is configured".into());
        for turn in 0..self.addresses.len() {
            let at = (first + turn) % self.addresses.len();
            let Some(address) = self.addresses.get(at) else { continue };
            match self.get_from(address, path) {
                Err(unreachable @ (Failure::Unreachable(_) | Failure::NotServed(_))) => failure = unreachable,
                answer => {
                    self.preferred.store(at, Relaxed);
                    return answer;
                }
            }
        }
        Err(failure)
    }

    /// Like [`Client::get`], for resources that only some registries serve: if the path is not served, the resource is
    /// missing.
    pub(super) fn get_if_served<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        match self.get(path) {
            Err(Failure::NotServed(text)) => Err(Failure::Missing(text)),
            answer => answer,
        }
    }

    fn get_from<T: DeserializeOwned>(&self, address: &Secret, path: &str) -> Result<T, Failure> {
        let unreachable = |text: String| {
            Failure::Unreachable(format!("the schema registry at {} {text}", printable(address.shown())))
        };
        let failed = |error: &ureq::Error| {
            unreachable(format!("cannot be reached: {}{}", printable(&error.to_string()), hint(error)))
        };
        let mut request =
            self.agent.get(format!("{}{path}", address.value().trim_end_matches('/'))).header("Accept", ACCEPT);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut response = request.call().map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_RESPONSE_BYTES)
            .read_to_vec()
            .map_err(|error| failed(&error))?;
        match status {
            200..300 => serde_json::from_slice(&body).map_err(|error| {
                unreachable(format!("returned a response that is not from a schema registry ({error})"))
            }),
            404 => Err(match serde_json::from_slice::<ErrorResponse>(&body) {
                Ok(response) => Failure::Missing(format!("{} ({})", shorten(&response.message), response.error_code)),
                Err(_) => Failure::NotServed(format!(
                    "the schema registry at {} returned 404: there is no schema registry at this address; check the path",
                    printable(address.shown())
                )),
            }),
            401 | 403 | 407 => Err(unreachable(format!(
                "rejected the request ({status}); check decode.username and decode.password, or decode.token"
            ))),
            status => {
                let message = serde_json::from_slice::<ErrorResponse>(&body).map(|response| shorten(&response.message));
                let message = message.map_or_else(|_| String::new(), |message| format!(": {message}"));
                Err(unreachable(format!("returned {status}{message}")))
            }
        }
    }
}

/// The setting related to an error.
fn hint(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Timeout(_) => "; its timeout is decode.timeout",
        ureq::Error::HostNotFound => "; check decode.schema_registry",
        other => {
            let text = other.to_string();
            if text.contains("UnknownIssuer") || text.contains("CaUsedAsEndEntity") {
                "; set decode.ca to the authority that signed its certificate"
            } else if text.contains("CertificateRequired") || text.contains("HandshakeFailure") {
                "; it may require a client certificate: set decode.certificate and decode.private_key"
            } else {
                ""
            }
        }
    }
}

/// A registry message, shortened and safe to print.
fn shorten(message: &str) -> String {
    let short: String = message.chars().take(MAX_MESSAGE_CHARS).collect();
    printable(&short).into_owned()
}
