//! A connection to one broker: it is opened, authenticated, and then shared by several requests.
//!
//! A task owns the socket ([`driver`]). A request that is dropped before its response therefore leaves the connection
//! in order: the task still reads the response and discards it.

mod driver;
mod handshake;
mod stream;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use kreplay_model::domain::duration::in_units;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use self::driver::{Driver, Submission};
use self::handshake::Handshake;
pub(crate) use self::stream::TlsClient;
use self::versions::BrokerVersions;
use crate::address::BrokerAddress;
use crate::api::Api;
use crate::codec::{RequestHeader, decode_response, encode_request};
use crate::config::SaslConfig;
use crate::error::WireError;
use crate::message::Request;
use crate::traffic::TrafficCounters;

/// How many requests may wait for their turn. More wait in their callers.
const MAX_WAITING_REQUESTS: usize = 16;
/// The part of a session's lifetime after which its connection is replaced: 85 %, as in Kafka's own client, which uses
/// 85 to 95 %.
const SESSION_USE_PERCENT: u32 = 85;

/// A broker, and how to connect to it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) address: BrokerAddress,
    pub(crate) client_id: Arc<str>,
    pub(crate) tls: Option<TlsClient>,
    pub(crate) sasl: Option<Arc<SaslConfig>>,
    pub(crate) request_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_response_bytes: usize,
    pub(crate) traffic: Arc<TrafficCounters>,
}

impl Endpoint {
    pub(crate) fn closed(&self, reason: impl Into<String>) -> WireError {
        WireError::Closed { broker: self.address.clone(), reason: reason.into() }
    }

    /// The error of a socket before the connection is ready. Another attempt cannot help against one of TLS.
    pub(crate) fn socket_error(&self, context: impl std::fmt::Display, error: &std::io::Error) -> WireError {
        let reason = format!("{context}: {error}");
        if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>) {
            WireError::Tls { broker: self.address.clone(), reason }
        } else {
            self.not_connected(reason)
        }
    }

    pub(crate) fn not_connected(&self, reason: impl Into<String>) -> WireError {
        WireError::Connect { broker: self.address.clone(), reason: reason.into() }
    }
}

/// An open connection. It ends when this value is dropped.
pub(crate) struct Connection {
    endpoint: Arc<Endpoint>,
    versions: BrokerVersions,
    submissions: mpsc::Sender<Submission>,
    /// When the broker will ask for a new authentication.
    expires_at: Option<Instant>,
}

impl Connection {
    /// Connects, negotiates versions and authenticates.
    pub(crate) async fn open(endpoint: Arc<Endpoint>) -> Result<Self, WireError> {
        let connecting = async {
            let stream = stream::connect(&endpoint).await?;
            Handshake::new(&endpoint, stream).run().await
        };
        let ready = timeout(endpoint.connect_timeout, connecting).await.map_err(|_| {
            endpoint.not_connected(format!("not ready within {}", in_units(endpoint.connect_timeout)))
        })??;
        let (submissions, receiver) = mpsc::channel(MAX_WAITING_REQUESTS);
        tokio::spawn(Driver::new(Arc::clone(&endpoint), ready.stream, receiver).run());
        let expires_at = ready.session_lifetime.map(|lifetime| Instant::now() + lifetime * SESSION_USE_PERCENT / 100);
        Ok(Self { endpoint, versions: ready.versions, submissions, expires_at })
    }

    /// Whether requests can still be sent.
    pub(crate) fn is_usable(&self) -> bool {
        !self.submissions.is_closed() && self.expires_at.is_none_or(|time| Instant::now() < time)
    }

    /// Whether the broker and this client have a version of each request in common.
    ///
    /// # Errors
    /// The first request without one.
    pub(crate) fn require(&self, apis: &[Api]) -> Result<(), WireError> {
        apis.iter().try_for_each(|api| self.versions.negotiate(*api, 0).map(|_| ()))
    }

    /// Sends a request and waits for its response.
    pub(crate) async fn request<R: Request>(&self, request: &R) -> Result<R::Response, WireError> {
        let version = self.versions.negotiate(R::API, request.min_version())?;
        let header = RequestHeader { api: R::API, version, correlation_id: 0, client_id: &self.endpoint.client_id };
        let frame = encode_request(header, request).map_err(|reason| WireError::Unencodable { api: R::API, reason })?;
        let (responder, response) = oneshot::channel();
        let ended = || self.endpoint.closed("the connection had ended before the request was sent");
        self.submissions.send(Submission { api: R::API, frame, responder }).await.map_err(|_| ended())?;
        let frame = response.await.map_err(|_| ended())??;
        decode_response(R::API, version, &frame).map_err(|reason| WireError::Malformed { api: R::API, version, reason })
    }
}
