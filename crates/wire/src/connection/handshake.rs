//! What precedes the first request on a connection: the broker's versions, and authentication.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use kreplay_model::domain::Redactor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Endpoint;
use super::stream::BoxedStream;
use super::versions::BrokerVersions;
use crate::api::Api;
use crate::auth::{Exchange, Step};
use crate::codec::{RequestHeader, SecretBytes, decode_response, encode_request};
use crate::config::SaslConfig;
use crate::error::WireError;
use crate::error_code::ErrorCode;
use crate::message::Request;
use crate::message::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use crate::message::sasl::{SaslAuthenticateRequest, SaslHandshakeRequest};

const CLIENT_NAME: &str = "kreplay";
/// The id of every request before the first of the driver. They are sent one after another.
const CORRELATION_ID: i32 = 0;
/// The random bytes of a nonce.
const NONCE_BYTES: usize = 24;

/// A connection that can take requests.
pub(super) struct Ready {
    pub(super) stream: BoxedStream,
    pub(super) versions: BrokerVersions,
    /// After this time the broker closes the connection unless it is authenticated again; `None` for no limit.
    pub(super) session_lifetime: Option<Duration>,
}

/// Sends the first requests of a connection, one after another.
pub(super) struct Handshake<'a> {
    endpoint: &'a Endpoint,
    stream: BoxedStream,
}

impl<'a> Handshake<'a> {
    pub(super) fn new(endpoint: &'a Endpoint, stream: BoxedStream) -> Self {
        Self { endpoint, stream }
    }

    /// The caller bounds the time.
    pub(super) async fn run(mut self) -> Result<Ready, WireError> {
        let versions = self.versions().await?;
        let session_lifetime = match &self.endpoint.sasl {
            Some(sasl) => self.authenticate(sasl, &versions).await?,
            None => None,
        };
        Ok(Ready { stream: self.stream, versions, session_lifetime })
    }

    /// Asks for the broker's versions. A broker that does not know the version of this request answers in version 0,
    /// with an error and its own versions (KIP-511).
    async fn versions(&mut self) -> Result<BrokerVersions, WireError> {
        let request = ApiVersionsRequest {
            client_software_name: CLIENT_NAME.to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let newest = Api::ApiVersions.versions().max;
        let frame = self.exchange(newest, &request).await?;
        let is_refused = frame.get(4..6) == Some(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes());
        let mut answer: ApiVersionsResponse = decode(Api::ApiVersions, if is_refused { 0 } else { newest }, &frame)?;
        if is_refused {
            let own = BrokerVersions::new(&answer.api_keys);
            let version = own.negotiate(Api::ApiVersions, 0).unwrap_or(0);
            let frame = self.exchange(version, &request).await?;
            answer = decode(Api::ApiVersions, version, &frame)?;
        }
        WireError::check(answer.error_code, None, || BrokerVersions::new(&answer.api_keys))
    }

    async fn authenticate(
        &mut self,
        sasl: &SaslConfig,
        versions: &BrokerVersions,
    ) -> Result<Option<Duration>, WireError> {
        let mechanism = sasl.mechanism.name();
        let redactor = Redactor::new(vec![sasl.password.value().to_owned()]);
        let refused = |reason: &str| WireError::Authentication {
            broker: self.endpoint.address.clone(),
            mechanism,
            reason: redactor.redact(reason),
        };
        let version = versions.negotiate(Api::SaslHandshake, 1)?;
        let frame = self.exchange(version, &SaslHandshakeRequest { mechanism: mechanism.to_owned() }).await?;
        let answer: <SaslHandshakeRequest as Request>::Response = decode(Api::SaslHandshake, version, &frame)?;
        if let Some(code) = ErrorCode::of(answer.error_code) {
            return Err(refused(&format!("{code}; the broker has {}", answer.mechanisms.join(", "))));
        }
        let version = versions.negotiate(Api::SaslAuthenticate, 0)?;
        let mut exchange = Exchange::new(sasl, &nonce());
        let mut received = Vec::new();
        let mut lifetime_ms = 0;
        loop {
            // Computing the proof takes milliseconds, or a second if the broker asks for many iterations.
            let computing = tokio::task::spawn_blocking(move || {
                let step = exchange.step(&received);
                (exchange, step)
            });
            let (continued, step) = computing.await.map_err(|_| refused("the mechanism stopped"))?;
            exchange = continued;
            let message = match step.map_err(|reason| refused(&reason))? {
                Step::Send(message) => message,
                Step::Done => break,
            };
            let request = SaslAuthenticateRequest { auth_bytes: SecretBytes(message) };
            let frame = self.exchange(version, &request).await?;
            let answer: <SaslAuthenticateRequest as Request>::Response =
                decode(Api::SaslAuthenticate, version, &frame)?;
            if let Some(code) = ErrorCode::of(answer.error_code) {
                let message = answer.error_message.unwrap_or_default();
                return Err(refused(&format!("{code}: {message}")));
            }
            received = answer.auth_bytes.0;
            lifetime_ms = answer.session_lifetime_ms;
        }
        Ok(u64::try_from(lifetime_ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis))
    }

    /// Sends a request and reads the response, without its length.
    async fn exchange<R: Request>(&mut self, version: i16, request: &R) -> Result<Vec<u8>, WireError> {
        let header =
            RequestHeader { api: R::API, version, correlation_id: CORRELATION_ID, client_id: &self.endpoint.client_id };
        let frame = encode_request(header, request).map_err(|reason| WireError::Unencodable { api: R::API, reason })?;
        let failed = |error: std::io::Error| self.endpoint.socket_error(R::API, &error);
        self.stream.write_all(&frame).await.map_err(failed)?;
        self.stream.flush().await.map_err(failed)?;
        self.endpoint.traffic.sent(&self.endpoint.address, R::API, frame.len());
        let length = self.stream.read_u32().await.map_err(failed)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > self.endpoint.max_response_bytes {
            return Err(self.endpoint.not_connected(format!(
                "the response to {} claims {length} bytes; is this a plaintext Kafka port?",
                R::API
            )));
        }
        // The buffer grows with what arrives, not with what the length claims.
        let mut body = Vec::new();
        (&mut self.stream)
            .take(u64::try_from(length).unwrap_or(u64::MAX))
            .read_to_end(&mut body)
            .await
            .map_err(failed)?;
        if body.len() < length {
            return Err(self.endpoint.not_connected(format!("the broker closed the connection during {}", R::API)));
        }
        if body.first_chunk() != Some(&CORRELATION_ID.to_be_bytes()) {
            return Err(self.endpoint.not_connected(format!("the response to {} belongs to another request", R::API)));
        }
        self.endpoint.traffic.received(&self.endpoint.address, R::API, body.len().saturating_add(4));
        Ok(body)
    }
}

fn decode<T: crate::codec::Wire>(api: Api, version: i16, frame: &[u8]) -> Result<T, WireError> {
    decode_response(api, version, frame).map_err(|reason| WireError::Malformed { api, version, reason })
}

/// A random text of letters, digits, `+` and `/`.
fn nonce() -> String {
    STANDARD_NO_PAD.encode(rand::random::<[u8; NONCE_BYTES]>())
}
