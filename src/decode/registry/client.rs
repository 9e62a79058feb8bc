//! Requests to a schema registry.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::DeserializeOwned};
use ureq::Agent;

use super::{
    super::{DecodeSettings, Undecodable},
    tls,
};
use crate::{domain::Masked, feed::printable};

/// The largest answer that is read: schemas are far shorter.
const LARGEST: u64 = 16 << 20;
/// So much of what the registry says is repeated.
const LONGEST_MESSAGE: usize = 200;
const ACCEPT: &str = "application/vnd.schemaregistry.v1+json, application/json";
/// Attempts to reach a registry before anything is read.
const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(300);

/// Asks a schema registry.
pub(super) struct Client {
    agent: Agent,
    addresses: Vec<Masked>,
    /// The address that answered last.
    preferred: AtomicUsize,
    authorization: Option<String>,
}

/// Why there is no answer.
pub(super) enum Failure {
    /// The registry says that there is no such thing.
    Missing(String),
    /// It says nothing, or nothing that makes sense.
    Unreachable(String),
    /// What answers does not serve this path, and does not say so as a schema registry does.
    NotServed(String),
}

/// What a registry says where it has no answer.
#[derive(Deserialize)]
struct Complaint {
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

    /// Asks for something that every registry has.
    pub(super) fn reach(&self) -> Result<(), Undecodable> {
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            match self.get::<serde_json::Value>("/schemas/types") {
                // An old registry, which has Avro only and does not know the question.
                Ok(_) | Err(Failure::Missing(_)) => return Ok(()),
                Err(Failure::Unreachable(text) | Failure::NotServed(text)) if left == 0 => {
                    return Err(Undecodable::Unreachable(text));
                }
                Err(Failure::Unreachable(_) | Failure::NotServed(_)) => std::thread::sleep(BETWEEN_ATTEMPTS),
            }
        }
    }

    /// Asks each address in turn until one answers.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let first = self.preferred.load(Relaxed);
        let mut failure = Failure::Unreachable("no schema registry is named".into());
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

    /// The same for what only some registries serve: one that does not know the path does not have it.
    pub(super) fn get_if_served<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        match self.get(path) {
            Err(Failure::NotServed(text)) => Err(Failure::Missing(text)),
            answer => answer,
        }
    }

    fn get_from<T: DeserializeOwned>(&self, address: &Masked, path: &str) -> Result<T, Failure> {
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
        let body = response.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(|error| failed(&error))?;
        match status {
            200..300 => serde_json::from_slice(&body)
                .map_err(|error| unreachable(format!("answers what no schema registry answers ({error})"))),
            404 => Err(match serde_json::from_slice::<Complaint>(&body) {
                Ok(complaint) => Failure::Missing(format!("{} ({})", cut(&complaint.message), complaint.error_code)),
                Err(_) => Failure::NotServed(format!(
                    "the schema registry at {} answers 404: no schema registry is at that address; check its path",
                    printable(address.shown())
                )),
            }),
            401 | 403 | 407 => Err(unreachable(format!(
                "refuses ({status}); check decode.username and decode.password, or decode.token"
            ))),
            status => {
                let message = serde_json::from_slice::<Complaint>(&body).map(|complaint| cut(&complaint.message));
                let message = message.map_or_else(|_| String::new(), |message| format!(": {message}"));
                Err(unreachable(format!("answers {status}{message}")))
            }
        }
    }
}

/// The setting that an error is about.
fn hint(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Timeout(_) => "; decode.timeout is the time it has",
        ureq::Error::HostNotFound => "; check decode.schema_registry",
        other => {
            let text = other.to_string();
            if text.contains("UnknownIssuer") || text.contains("CaUsedAsEndEntity") {
                "; name the authority that has signed its certificate with decode.ca"
            } else if text.contains("CertificateRequired") || text.contains("HandshakeFailure") {
                "; it may want a certificate: decode.certificate and decode.private_key"
            } else {
                ""
            }
        }
    }
}

/// What the registry says, fit to be shown.
fn cut(message: &str) -> String {
    let cut: String = message.chars().take(LONGEST_MESSAGE).collect();
    printable(&cut).into_owned()
}
