//! Sockets, with or without TLS.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Endpoint;
use crate::error::WireError;

/// A socket, with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) type BoxedStream = Box<dyn Stream>;

/// The TLS settings of all connections.
pub(crate) type TlsClient = Arc<ClientConfig>;

/// Connects to a broker. The caller bounds the time.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<BoxedStream, WireError> {
    let address = &endpoint.address;
    let socket = TcpStream::connect((address.host.as_ref(), address.port))
        .await
        .map_err(|error| endpoint.not_connected(error.to_string()))?;
    // Requests are small and must not wait for an acknowledgement of earlier ones.
    socket.set_nodelay(true).map_err(|error| endpoint.not_connected(error.to_string()))?;
    let Some(tls) = &endpoint.tls else { return Ok(Box::new(socket)) };
    let name = ServerName::try_from(address.host.to_string())
        .map_err(|_| endpoint.not_connected("the host name is not valid for TLS"))?;
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, socket)
        .await
        .map_err(|error| endpoint.socket_error("handshake", &error))?;
    Ok(Box::new(stream))
}
